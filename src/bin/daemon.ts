/**
 * What every daemon does with signals: SIGTERM and SIGINT stop it, a second one stops waiting for hosts, a third ends
 * the process; SIGHUP reads the configuration again.
 */
import type { ConfigChanges } from '../config/resolve-settings.ts'
import type { ProcessPorts } from './ports.ts'

interface Daemon<Config> {
  reload(config: Config): ConfigChanges
  /** True when it was done in time. */
  stop(hurry: AbortSignal): Promise<boolean>
}

export interface RunningDaemon {
  /** Resolves with the exit code when a signal has stopped it. */
  readonly stopped: Promise<number>
  /** Stops it as a signal does. */
  stop(): void
}

/** Binds the process's signals to `daemon`. */
export function bindSignals<Config extends { readonly warnings: readonly string[] }>(
  daemon: Daemon<Config>,
  ports: ProcessPorts,
  read: () => Promise<Config>,
): RunningDaemon {
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
  process.on('SIGHUP', () => void reload(daemon, ports, read))
  const stopped = stops.promise.then(() => daemon.stop(hurry.signal)).then((inTime) => (inTime ? 0 : 1))
  return { stopped, stop: stops.resolve }
}

async function reload<Config extends { readonly warnings: readonly string[] }>(
  daemon: Daemon<Config>,
  { logger }: ProcessPorts,
  read: () => Promise<Config>,
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
export function dieOf(error: unknown, { logger }: ProcessPorts): void {
  logger.error('process.failed', {}, error)
  process.exit(1)
}
