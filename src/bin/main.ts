/** The commands. What one needs is loaded when it is called, so that the light ones start at once. */
import { type DaemonCommand, type FlagDescription, runCli } from '../cli/program.ts'
import type { AnySettings } from '../config/config-file.ts'
import { variableOf } from '../config/settings.ts'
import { MASTER_SETTINGS } from '../master/config/master-config.ts'
import { SERVER_SETTINGS } from '../server/config/server-config.ts'
import { TARGET_SETTINGS } from '../server/config/settings.ts'
import { benchCommand } from './bench.ts'
import { clusterCommands } from './cluster.ts'
import { devCommands } from './dev.ts'
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

const commands: readonly DaemonCommand[] = [
  {
    name: 'target',
    description: 'serve one volume over iSCSI',
    flags: settingFlags(TARGET_SETTINGS),
    run: async (flags) => (await import('./target.ts')).runTarget(flags),
  },
  {
    name: 'server',
    description:
      'host replicas of volumes that an authority assigns, and serve those that it leads over iSCSI',
    flags: settingFlags(SERVER_SETTINGS),
    run: async (flags) => (await import('./server.ts')).runServer(flags),
  },
  {
    name: 'master',
    description: 'keep the registry of a cluster: who leads, where volumes go, the HTTP API and its page',
    flags: settingFlags(MASTER_SETTINGS),
    run: async (flags) => (await import('./master.ts')).runMaster(flags),
  },
  ...devCommands,
  ...clusterCommands,
  benchCommand,
]

/** Runs the command that the program's arguments ask for; its exit code. */
export function main(): Promise<number> {
  return runCli(process.argv.slice(2), {
    version: VERSION,
    daemons: commands,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
  })
}
