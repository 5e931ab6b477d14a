/** `basalt server`: settings, signals and exit code around a `BlockServer`. */
import { openRepository } from '../backup/io/open-repository.ts'
import type { FlagValues } from '../cli/program.ts'
import { BlockServer } from '../server/block-server.ts'
import { loadServerConfig } from '../server/config/server-config.ts'
import { openReplication } from '../server/replica/open-replication.ts'
import { bindSignals, dieOf } from './daemon.ts'
import { NodeTls } from './node-tls.ts'
import { openPorts } from './ports.ts'
import { VERSION } from './version.ts'

/** Runs a block server until a signal stops it; prints the ready line. */
export async function runServer(flags: FlagValues): Promise<number> {
  const sources = { flags, environment: process.env }
  const config = await loadServerConfig(sources)
  const ports = openPorts({ logLevel: config.settings['log-level'] })
  const onFatal = (error: unknown): void => dieOf(error, ports)
  process.on('uncaughtException', onFatal)
  const tls = await NodeTls.load(ports, config.settings)
  const net = tls?.replicationNet() ?? ports.net
  const server = await BlockServer.open({
    config,
    ports,
    version: VERSION,
    pid: process.pid,
    tls: tls?.identity,
    openReplication: (options) => openReplication({ ...ports, net }, options),
    openRepository: (spec, limits) =>
      openRepository(spec, limits === undefined ? ports : { ...ports, limits }),
    setLogLevel: (level) => ports.logger.setLevel(level),
    onFatal,
  })
  tls?.onChange((identity) => server.useTls(identity))
  const { stopped } = bindSignals(server, ports, async () => {
    const read = await loadServerConfig(sources)
    await tls?.reload(config.settings)
    return read
  })
  process.stdout.write(`${JSON.stringify(server.ready)}\n`)
  return stopped
}
