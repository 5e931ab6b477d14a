/**
 * `basalt csi`: settings, signals and exit code around a `CsiDaemon`, and what its services work with. Each mode loads what it
 * needs and no more: while a node's driver starts, pods wait.
 */
import { flushCompileCache } from 'node:module'
import type { FlagValues } from '../cli/program.ts'
import type { ApiClient } from '../client/http/api-client.ts'
import type { ControllerDriver } from '../csi/controller/controller-driver.ts'
import { nodeTopology } from '../csi/core/node-topology.ts'
import type { HostTools } from '../csi/host/host-tools.ts'
import type { Readiness } from '../csi/identity.ts'
import type { ApiMaster } from '../csi/master/api-master.ts'
import { type CsiConfig, loadCsiConfig } from '../csi/server/csi-config.ts'
import { CsiDaemon } from '../csi/server/csi-daemon.ts'
import type { CsiServices, NodeService } from '../csi/server/handlers.ts'
import { bindSignals, dieOf } from './daemon.ts'
import { openPorts, type ProcessPorts } from './ports.ts'
import { VERSION } from './version.ts'

/** A master that does not answer a probe within this is away. */
const PROBE_MS = 5_000

/** Runs a driver until a signal stops it; prints the ready line. */
export async function runCsi(flags: FlagValues): Promise<number> {
  const sources = { flags, environment: process.env }
  const config = await loadCsiConfig(sources)
  const ports = openPorts({ logLevel: config.settings['log-level'] })
  process.on('uncaughtException', (error) => dieOf(error, ports))
  const { services, close } = await compose(config, ports)
  const daemon = await CsiDaemon.open({
    config,
    ports,
    services,
    readiness: await readinessOf(config),
    version: VERSION,
    pid: process.pid,
    setLogLevel: (level) => ports.logger.setLevel(level),
  })
  const { stopped } = bindSignals(daemon, ports, () => loadCsiConfig(sources))
  process.stdout.write(`${JSON.stringify(daemon.ready)}\n`)
  // else it is written at an end in good order only, and the next start after another end pays for all of it
  flushCompileCache()
  const exitCode = await stopped
  await close()
  return exitCode
}

interface Composed {
  readonly services: Omit<CsiServices, 'identity'>
  readonly close: () => Promise<void>
}

async function compose(config: CsiConfig, ports: ProcessPorts): Promise<Composed> {
  const { mode } = config.settings
  const controller = mode === 'node' ? undefined : await openController(config, ports)
  const node = mode === 'controller' ? undefined : await openNode(config, ports)
  controller?.start()
  return {
    services: {
      ...(controller === undefined
        ? {}
        : { controller: controller.service, groupController: controller.groupService }),
      ...(node === undefined ? {} : { node }),
    },
    close: async () => controller?.close(),
  }
}

async function openController(config: CsiConfig, { clock, logger }: ProcessPorts): Promise<ControllerDriver> {
  const { ControllerDriver } = await import('../csi/controller/controller-driver.ts')
  const master = await openMaster(config)
  // a process that is controller and node serves one host, and knows of no other
  const { settings, nodeId } = config
  const onlyNode = settings.mode === 'all' ? { id: nodeId, volumesMax: settings['max-volumes'] } : null
  return new ControllerDriver({ master, clock, log: logger, onlyNode })
}

async function openNode(config: CsiConfig, { clock, logger }: ProcessPorts): Promise<NodeService> {
  const { settings, nodeId } = config
  const { nodeService } = await import('../csi/node/node-service.ts')
  const { stateFiles } = await import('../csi/host/state-files.ts')
  const host = settings.host === 'real' ? await openRealHost(logger) : await openFakeHost(config)
  const states = await stateFiles(settings['state-dir'])
  const topology = nodeTopology(settings)
  return nodeService({ nodeId, host, states, clock, topology, volumesMax: settings['max-volumes'] })
}

async function openRealHost(log: ProcessPorts['logger']): Promise<HostTools> {
  const { realHost } = await import('../csi/host/real/real-host.ts')
  return realHost({ log })
}

/** Disks of the fake host are as large as the master says that volumes are. */
async function openFakeHost(config: CsiConfig): Promise<HostTools> {
  const { fakeHost } = await import('../csi/host/fake/fake-host.ts')
  const master = await openMaster(config)
  return fakeHost({
    volumeBytes: async (volumeId) =>
      (await master.findVolume(volumeId, AbortSignal.timeout(PROBE_MS)))?.sizeBytes,
  })
}

/** A node works with what was told to it when a volume was published: it needs no master, and is ready when it serves. */
async function readinessOf(config: CsiConfig): Promise<() => Promise<Readiness>> {
  if (config.settings.mode === 'node') return async () => ({ kind: 'ready' })
  const { masterReadiness } = await import('../csi/server/master-readiness.ts')
  return masterReadiness(await connect(config, PROBE_MS))
}

async function openMaster(config: CsiConfig): Promise<ApiMaster> {
  const { ApiMaster } = await import('../csi/master/api-master.ts')
  return new ApiMaster(await connect(config))
}

async function connect({ settings, token }: CsiConfig, timeoutMs?: number): Promise<ApiClient> {
  const { ApiClient } = await import('../client/http/api-client.ts')
  return await ApiClient.open({
    address: settings.master,
    tokenFile: settings['token-file'],
    token,
    caFile: settings.ca,
    names: { service: 'the master', addressFlag: '--master', tokenFlag: '--token' },
    timeoutMs,
  })
}
