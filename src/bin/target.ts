/** `basalt target`: settings, signals and exit code around a `TargetDaemon`. */
import { openRepository } from '../backup/io/open-repository.ts'
import type { FlagValues } from '../cli/program.ts'
import type { ConfigSources } from '../config/resolve-settings.ts'
import { loadTargetConfig } from '../server/config/target-config.ts'
import { OneVolume } from '../server/served/one-volume.ts'
import { TargetDaemon } from '../server/target-daemon.ts'
import { bindSignals, dieOf, type RunningDaemon } from './daemon.ts'
import { openPorts, type ProcessPorts } from './ports.ts'
import { VERSION } from './version.ts'

interface RunningTarget extends RunningDaemon {
  readonly daemon: TargetDaemon
  readonly ports: ProcessPorts
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
    openService: (options) => OneVolume.open(ports, options),
    openRepository: (spec) => openRepository(spec, ports),
    setLogLevel: (level) => ports.logger.setLevel(level),
    onFatal,
  })
  return { daemon, ports, ...bindSignals(daemon, ports, () => loadTargetConfig(sources)) }
}
