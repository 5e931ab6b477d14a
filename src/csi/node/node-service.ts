/** The CSI Node service over a host's tools: its calls, and what each is about. */
import type { Clock } from '../../base/ports/clock.ts'
import { nodeNames, parseNodeId } from '../core/node-names.ts'
import type { HostTools } from '../host/host-tools.ts'
import type { NodeService } from '../server/handlers.ts'
import { expandVolume } from './expand.ts'
import type { Node } from './node.ts'
import { publishVolume, unpublishVolume } from './publish.ts'
import { stageVolume } from './stage.ts'
import type { StateStore } from './state-store.ts'
import { volumeStats } from './stats.ts'
import { unstageVolume } from './unstage.ts'

export interface NodeServiceOptions {
  readonly nodeId: string
  readonly host: HostTools
  readonly states: StateStore
  readonly clock: Clock
  /** Segments that this node tells, by full key, such as `topology.basalt.io/zone`. */
  readonly topology: Readonly<Record<string, string>>
  /** Volumes that may be staged here at once; 0: the orchestrator decides. */
  readonly volumesMax: number
}

/** What the driver has and NodeGetCapabilities says. */
const CAPABILITIES = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'EXPAND_VOLUME',
  'VOLUME_CONDITION',
  'SINGLE_NODE_MULTI_WRITER',
] as const

/** All calls of the Node service. INVALID_ARGUMENT for a node id that is none. */
export function nodeService(options: NodeServiceOptions): NodeService {
  const nodeId = parseNodeId(options.nodeId, 'node id')
  const { host, states, clock } = options
  const node: Node = { names: nodeNames(nodeId), host, states, clock }
  // a volume is one key: what is done to it at the staging path and at target paths is one record
  const keysOf = ({ volumeId }: { readonly volumeId: string }): readonly string[] =>
    volumeId === '' ? [] : [`volume/${volumeId}`]
  return {
    NodeStageVolume: {
      keysOf,
      handle: async (request, call) => {
        await stageVolume(node, request, call)
        return {}
      },
    },
    NodeUnstageVolume: {
      keysOf,
      handle: async (request, call) => {
        await unstageVolume(node, request, call)
        return {}
      },
    },
    NodePublishVolume: {
      keysOf,
      handle: async (request, call) => {
        await publishVolume(node, request, call)
        return {}
      },
    },
    NodeUnpublishVolume: {
      keysOf,
      handle: async (request, call) => {
        await unpublishVolume(node, request, call)
        return {}
      },
    },
    NodeExpandVolume: {
      keysOf,
      handle: async (request, call) => ({ capacityBytes: await expandVolume(node, request, call) }),
    },
    NodeGetVolumeStats: { handle: (request) => volumeStats(node, request) },
    NodeGetCapabilities: {
      handle: () => Promise.resolve({ capabilities: CAPABILITIES.map((type) => ({ rpc: { type } })) }),
    },
    NodeGetInfo: {
      handle: () =>
        Promise.resolve({
          nodeId,
          maxVolumesPerNode: options.volumesMax,
          accessibleTopology: { segments: options.topology },
        }),
    },
  }
}
