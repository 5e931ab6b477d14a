/** `basalt master`: settings, signals and exit code around a `MasterDaemon`. */
import type { FlagValues } from '../cli/program.ts'
import { loadMasterConfig } from '../master/config/master-config.ts'
import { MasterDaemon } from '../master/master-daemon.ts'
import { bindSignals, dieOf } from './daemon.ts'
import { NodeTls } from './node-tls.ts'
import { openPorts } from './ports.ts'
import { VERSION } from './version.ts'

/** Runs a master until a signal stops it; prints the ready line. */
export async function runMaster(flags: FlagValues): Promise<number> {
  const sources = { flags, environment: process.env }
  const config = await loadMasterConfig(sources)
  const ports = openPorts({ logLevel: config.settings['log-level'] })
  process.on('uncaughtException', (error) => dieOf(error, ports))
  const tls = await NodeTls.load(ports, config.settings)
  const master = await MasterDaemon.open({
    config,
    ports,
    tls: tls?.identity,
    version: VERSION,
    pid: process.pid,
    setLogLevel: (level) => ports.logger.setLevel(level),
  })
  const { stopped } = bindSignals(master, ports, () => loadMasterConfig(sources))
  process.stdout.write(`${JSON.stringify(master.ready)}\n`)
  return stopped
}
