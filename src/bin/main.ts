/** The commands. What one needs is loaded when it is called, so that the light ones start at once. */
import { type DaemonCommand, type FlagDescription, runCli } from '../cli/program.ts'
import type { AnySettings } from '../config/config-file.ts'
import { variableOf } from '../config/settings.ts'
import { VERSION } from './version.ts'

const settingFlags = (table: AnySettings): FlagDescription[] => [
  ...Object.entries(table).map(([name, setting]) => ({
    name,
    variable: variableOf(name),
    placeholder: setting.placeholder,
    help: setting.help,
    default: setting.default,
    isList: setting.isList,
  })),
  {
    name: 'config',
    placeholder: 'FILE',
    variable: variableOf('config'),
    help: 'YAML file with the same settings, and with CHAP secrets and initiators',
  },
]

/** One of the daemons; its settings are known when it is made. */
const DAEMONS: Readonly<Record<'target' | 'server' | 'master' | 'csi', () => Promise<DaemonCommand>>> = {
  target: async () => ({
    name: 'target',
    description: 'serve one volume over iSCSI',
    flags: settingFlags((await import('../server/config/settings.ts')).TARGET_SETTINGS),
    run: async (flags) => (await import('./target.ts')).runTarget(flags),
  }),
  server: async () => ({
    name: 'server',
    description:
      'host replicas of volumes that an authority assigns, and serve those that it leads over iSCSI',
    flags: settingFlags((await import('../server/config/server-config.ts')).SERVER_SETTINGS),
    run: async (flags) => (await import('./server.ts')).runServer(flags),
  }),
  master: async () => ({
    name: 'master',
    description: 'keep the registry of a cluster: who leads, where volumes go, the HTTP API and its page',
    flags: settingFlags((await import('../master/config/master-config.ts')).MASTER_SETTINGS),
    run: async (flags) => (await import('./master.ts')).runMaster(flags),
  }),
  csi: async () => ({
    name: 'csi',
    description: 'serve volumes to an orchestrator such as Kubernetes by the Container Storage Interface',
    flags: settingFlags((await import('../csi/server/csi-config.ts')).CSI_SETTINGS),
    run: async (flags) => (await import('./csi.ts')).runCsi(flags),
  }),
}

/** No other command begins with their names, so they start with nothing of the others. */
const ONLY_DAEMONS = ['master', 'csi'] as const

async function allCommands(): Promise<readonly DaemonCommand[]> {
  const { devCommands } = await import('./dev.ts')
  const { clusterCommands } = await import('./cluster.ts')
  const { benchCommand } = await import('./bench.ts')
  const { scenarioCommands } = await import('./scenario.ts')
  const daemons = await Promise.all(Object.values(DAEMONS).map((open) => open()))
  return [...daemons, ...devCommands, ...clusterCommands, benchCommand, ...scenarioCommands]
}

/** Runs the command that the program's arguments ask for; its exit code. */
export async function main(): Promise<number> {
  const args = process.argv.slice(2)
  const only = ONLY_DAEMONS.find((name) => name === args[0])
  return await runCli(args, {
    version: VERSION,
    daemons: only === undefined ? await allCommands() : [await DAEMONS[only]()],
    nouns: only === undefined ? [(await import('./scenario.ts')).SCENARIO_NOUN] : [],
    daemonsOnly: only !== undefined,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
  })
}
