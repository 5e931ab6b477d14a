/**
 * `basalt target`: settings, signals and exit code around a `TargetDaemon`. SIGTERM and SIGINT stop it, a second
 * one stops waiting for hosts, a third ends the process; SIGHUP reads the configuration again.
 */
import type { FlagValues } from '../cli/program.ts'
import type { ConfigSources } from '../server/config/resolve-settings.ts'
import { loadTargetConfig, type TargetConfig } from '../server/config/target-config.ts'
import { IscsiFrontEnd } from '../server/iscsi-front-end.ts'
import { TargetDaemon } from '../server/target-daemon.ts'
import { openPorts, type ProcessPorts } from './ports.ts'
import { VERSION } from './version.ts'

interface RunningTarget {
  readonly daemon: TargetDaemon
  readonly ports: ProcessPorts
  /** Resolves with the exit code when a signal has stopped it. */
  readonly stopped: Promise<number>
  /** Stops it as a signal does. */
  stop(): void
}

/** Runs a target until a signal stops it; prints the ready line. */
export async function runTarget(flags: FlagValues): Promise<number> {
  const { daemon, stopped } = await startTarget(flags, process.env)
  process.stdout.write(`${JSON.stringify(daemon.ready)}\n`)
  return stopped
}

/** Serves, with the process's signals bound to it, when the promise resolves. */
export async function startTarget(
  flags: FlagValues,
  environment: ConfigSources['environment'],
): Promise<RunningTarget> {
  const sources = { flags, environment }
  const config = await loadTargetConfig(sources)
  const ports = openPorts({ logLevel: config.settings['log-level'] })
  const onFatal = (error: unknown): void => dieOf(error, ports)
  process.on('uncaughtException', onFatal)
  const daemon = await TargetDaemon.open({
    config,
    ports,
    version: VERSION,
    pid: process.pid,
    openFrontEnd: (options) => IscsiFrontEnd.open(ports, options),
    setLogLevel: (level) => ports.logger.setLevel(level),
    onFatal,
  })
  const stops = Promise.withResolvers<void>()
  const hurry = new AbortController()
  let signals = 0
  const onStopSignal = (signal: NodeJS.Signals): void => {
    signals++
    ports.logger.info('process.signalled', { signal, count: signals })
    stops.resolve()
    if (signals === 2) hurry.abort()
    if (signals > 2) process.exit(1)
  }
  process.on('SIGTERM', onStopSignal)
  process.on('SIGINT', onStopSignal)
  process.on('SIGHUP', () => void reload(daemon, ports, () => loadTargetConfig(sources)))

  const stopped = stops.promise.then(() => daemon.stop(hurry.signal)).then((inTime) => (inTime ? 0 : 1))
  return { daemon, ports, stopped, stop: stops.resolve }
}

async function reload(
  daemon: TargetDaemon,
  { logger }: ProcessPorts,
  read: () => Promise<TargetConfig>,
): Promise<void> {
  try {
    const config = await read()
    for (const text of config.warnings) logger.warn('config.unwise', { text })
    const { needRestart } = daemon.reload(config)
    if (needRestart.length > 0) logger.warn('config.needs_restart', { settings: needRestart.join(' ') })
  } catch (error) {
    logger.error('config.reload_failed', { reason: error instanceof Error ? error.message : String(error) })
  }
}

/** A bug: whatever it broke must not serve on. The log says what it was; the kernel resets the connections. */
function dieOf(error: unknown, { logger }: ProcessPorts): void {
  logger.error('process.failed', {}, error)
  process.exit(1)
}
