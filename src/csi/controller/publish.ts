/**
 * Publishing to nodes. The master decides who may have a volume, in one change: two controllers that publish at once cannot
 * both be right. A node is let in by the names that it derives from its id, and by nothing else.
 */
import { isBlockError } from '../../base/errors.ts'
import type { ControllerPublishVolumeRequest__Output } from '../../gen/csi/v1/ControllerPublishVolumeRequest.ts'
import type { ControllerPublishVolumeResponse } from '../../gen/csi/v1/ControllerPublishVolumeResponse.ts'
import type { ControllerUnpublishVolumeRequest__Output } from '../../gen/csi/v1/ControllerUnpublishVolumeRequest.ts'
import { type Capability, parseCapability, refuseUnsupported } from '../core/capabilities.ts'
import { encodePublishContext, transportOf } from '../core/contexts.ts'
import { isVolumeId } from '../core/ids.ts'
import { type NodeNames, nodeNames } from '../core/node-names.ts'
import { dhchapOf } from '../core/secrets.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import type { VolumeInfo } from './master-port.ts'
import { everyItem } from './pages.ts'
import type { ControllerPorts } from './ports.ts'
import { needed } from './refusals.ts'

/** The only logical unit of a target, and the only namespace of a subsystem. */
const LUN = 0
const NSID = 1

export async function publishVolume(
  ports: ControllerPorts,
  request: ControllerPublishVolumeRequest__Output,
  call: CsiCall,
): Promise<ControllerPublishVolumeResponse> {
  const id = needed(request.volumeId, 'volume_id')
  const node = needed(request.nodeId, 'node_id')
  const capability = parseCapability(request.volumeCapability)
  refuseUnsupported([capability])
  const transport = transportOf(request.volumeContext)
  const dhchap = dhchapOf(request.secrets)
  const volume = isVolumeId(id) ? await ports.master.findVolume(id, call.signal) : null
  if (volume === null) throw new CsiError('NOT_FOUND', 'there is no volume of this id')
  const names = namesOf(ports, node)
  if (names === undefined) throw new CsiError('NOT_FOUND', `there is no node '${node.slice(0, 80)}'`)
  const isReadOnly = request.readonly || capability.isReadOnly
  refuseSecondWriter(volume, node, capability, isReadOnly)
  // one that the node has already is none more, and is not taken from it, whatever the limit is now, and whoever comes after it
  const isNew = !volume.publications.some((one) => one.node === node)
  if (isNew) await refuseTooMany(ports, node, call, 1)
  const { iqn, nqn } = names
  await ports.master.publish(
    id,
    node,
    { iqn, nqn, dhchap, isReadOnly, isShared: capability.isShared },
    call.signal,
  )
  const now = await ports.master.findVolume(id, call.signal)
  if (now === null) throw new CsiError('NOT_FOUND', 'the volume was deleted meanwhile')
  if (isNew) {
    try {
      refuseSecondWriter(now, node, capability, isReadOnly)
      await refuseTooMany(ports, node, call, 0)
    } catch (error) {
      // another call published to another writer, or another volume, at the same moment: this one stands back
      await ports.master.unpublish(id, node, call.signal)
      throw error
    }
  }
  return {
    publishContext: encodePublishContext({
      iqn: now.iqn,
      iscsiPortals: now.iscsiPortals,
      nqn: now.nqn,
      nvmePortals: now.nvmePortals,
      transport,
      isMultipath: now.isMultipath,
      isReadOnly,
      lun: LUN,
      nsid: NSID,
    }),
  }
}

/** All nodes when none is named. What is not there is not published: no error. */
export async function unpublishVolume(
  { master }: ControllerPorts,
  request: ControllerUnpublishVolumeRequest__Output,
  call: CsiCall,
): Promise<Record<string, never>> {
  const id = needed(request.volumeId, 'volume_id')
  if (!isVolumeId(id)) return {}
  const nodes =
    request.nodeId === ''
      ? ((await master.findVolume(id, call.signal))?.publications ?? []).map(({ node }) => node)
      : [request.nodeId].filter((node) => namesIfValid(node) !== undefined)
  for (const node of nodes) {
    try {
      await master.unpublish(id, node, call.signal)
    } catch (error) {
      if (!isBlockError(error, 'NOT_FOUND')) throw error
    }
  }
  return {}
}

const namesOf = ({ onlyNode }: ControllerPorts, node: string): NodeNames | undefined =>
  onlyNode === null || onlyNode.id === node ? namesIfValid(node) : undefined

function namesIfValid(node: string): NodeNames | undefined {
  try {
    return nodeNames(node)
  } catch (error) {
    if (isBlockError(error, 'INVALID_ARGUMENT')) return undefined
    throw error
  }
}

/** RESOURCE_EXHAUSTED: with `more` than it has, the node would have more volumes than it may. */
async function refuseTooMany(
  { master, onlyNode }: ControllerPorts,
  node: string,
  call: CsiCall,
  more: number,
): Promise<void> {
  const volumesMax = onlyNode?.volumesMax ?? 0
  if (volumesMax === 0) return
  let has = more
  for await (const { publications } of everyItem((page) => master.volumes(page, call.signal))) {
    if (publications.some((one) => one.node === node)) has++
  }
  if (has <= volumesMax) return
  throw new CsiError(
    'RESOURCE_EXHAUSTED',
    `node ${node} may have ${volumesMax} volumes at once, and has them; unpublish one there, or raise max-volumes`,
  )
}

/** FAILED_PRECONDITION: of MULTI_NODE_SINGLE_WRITER one node writes, and the master knows only of sharing. */
function refuseSecondWriter(
  { name, publications }: VolumeInfo,
  node: string,
  { mode }: Capability,
  isReadOnly: boolean,
): void {
  if (mode !== 'MULTI_NODE_SINGLE_WRITER' || isReadOnly) return
  const writer = publications.find((one) => !one.isReadOnly && one.node !== node)
  if (writer === undefined) return
  throw new CsiError(
    'FAILED_PRECONDITION',
    `volume ${name} has its one writer at node ${writer.node}; publish it there no longer, or here read-only`,
  )
}
