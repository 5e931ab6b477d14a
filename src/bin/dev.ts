/** `basalt dev`: a whole cluster on one machine. `basalt start` is the same with a test through a real connection. */
import { fileURLToPath } from 'node:url'
import { parseHostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { DaemonCommand, FlagDescription, FlagValues } from '../cli/program.ts'
import type { ProcessPorts } from './ports.ts'
import { VERSION } from './version.ts'

const FLAGS: readonly FlagDescription[] = [
  {
    name: 'servers',
    placeholder: 'N',
    help: 'block servers, 1 to 9 (default: as at the last start, at least 3)',
  },
  { name: 'dir', placeholder: 'DIR', help: 'where everything lies', default: '.basalt' },
  { name: 'json', placeholder: undefined, help: 'print JSON lines, for programs' },
]
const ONCE: FlagDescription = { name: 'once', placeholder: undefined, help: 'stop when the test is done' }

export const devCommands: readonly DaemonCommand[] = [
  {
    name: 'dev',
    description: 'run a whole cluster on this machine: a master, block servers, and a sample volume',
    flags: FLAGS,
    run: (flags) => runDev(flags, { isTested: false }),
  },
  {
    name: 'start',
    description: 'run a whole cluster on this machine, and test it through a real connection',
    flags: [...FLAGS, ONCE],
    run: (flags) => runDev(flags, { isTested: true }),
  },
]

async function runDev(flags: FlagValues, { isTested }: { readonly isTested: boolean }): Promise<number> {
  const [{ openPorts }, { DevCluster }, { describe, hints }, { newToken }, { LIFELINE }] = await Promise.all([
    import('./ports.ts'),
    import('../dev/dev-cluster.ts'),
    import('../dev/events.ts'),
    import('../master/security/tokens.ts'),
    import('./lifeline.ts'),
  ])
  const isJson = flags.json === true
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  const path = String(flags.dir ?? '.basalt')
  const ports = openPorts({ logLevel: 'warn' })
  const { random, clock } = ports
  let cluster: { stop(): Promise<void>; kill(): void } | undefined
  const stop = Promise.withResolvers<void>()
  let signals = 0
  const onSignal = (): void => {
    signals++
    if (signals === 1) stop.resolve()
    else cluster?.kill()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal)
  // between two lives of a child nothing else may keep this process alive
  const alive = setInterval(() => undefined, 60_000)
  const tell = (event: Parameters<typeof describe>[0]): void =>
    say(isJson ? JSON.stringify(event) : describe(event))

  if (!isJson) say(`Basalt ${VERSION} on Node.js ${process.version}, a cluster in ${path}:\n`)
  try {
    const opening = DevCluster.open(
      {
        path,
        serverCount: serverCountOf(flags.servers),
        program: [process.execPath, fileURLToPath(new URL('./basalt.ts', import.meta.url))],
        environment: { ...withoutSettings(process.env), [LIFELINE]: '1' },
        clock,
        disk: ports.disk,
        random,
        joinToken: () => newToken(random, { name: 'join', role: 'server', expiresAt: null }, clock.wallMs()),
        tell,
      },
      (started) => {
        cluster = started
      },
    )
    const opened = await Promise.race([opening, stop.promise])
    if (opened !== undefined) {
      const { sample, cluster: running } = opened
      if (isTested) await test(ports, sample, (text) => tell({ event: 'checked', text }))
      const { master, isDefaultMaster } = running
      const page = `http://${master}/ui`
      // since the process began
      tell({ event: 'ready', page, elapsedMs: Math.round(performance.now()) })
      if (flags.once !== true) {
        const leader = running.running.find(({ line }) => line.iscsi === sample?.portal)
        if (!isJson) say(hints({ sample, page, master, isDefaultMaster, leader }).join('\n'))
        await stop.promise
      }
    } else {
      opening.catch(() => undefined)
    }
    tell({ event: 'stopping' })
    await cluster?.stop()
    tell({ event: 'stopped', directory: path })
    return 0
  } catch (error) {
    await cluster?.stop()
    throw error
  } finally {
    clearInterval(alive)
  }
}

/** Writes and reads through a real connection; NOT_FOUND when there is nothing to do it on. */
async function test(
  ports: ProcessPorts,
  sample: { readonly iqn: string; readonly portal: string } | undefined,
  say: (text: string) => void,
): Promise<void> {
  if (sample === undefined) {
    throw new BlockError(
      'NOT_FOUND',
      "the sample volume is not served, so there is nothing to test; 'basalt dev' runs the cluster without a test",
    )
  }
  const { selfTest } = await import('../dev/self-test.ts')
  await selfTest({ ...ports, portal: parseHostPort(sample.portal, 'the portal'), iqn: sample.iqn, say })
}

function serverCountOf(text: FlagValues[string]): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (/^[1-9]$/.test(String(text))) return count
  throw new BlockError(
    'INVALID_ARGUMENT',
    `--servers: '${String(text).slice(0, 20)}' is not a number from 1 to 9`,
  )
}

/** It does the same everywhere, whatever settings are in the environment. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('BASALT_')))
