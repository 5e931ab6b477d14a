/** NodeExpandVolume: the disk is seen in its new size, then the file system grows into it, mounted as it is. */
import type { NodeExpandVolumeRequest__Output } from '../../gen/csi/v1/NodeExpandVolumeRequest.ts'
import type { BlockDevice } from '../host/host-tools.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { mountAt, type Node, refuseLate, until } from './node.ts'
import { needVolumeId, needVolumePath, refuseStranger } from './requests.ts'
import { findDevice, rescan } from './sessions.ts'
import type { StageRecord } from './state-store.ts'

/** Until every path and the map above them have the new size. */
const SIZE_MS = 20_000

/** Returns the size of the disk in bytes. */
export async function expandVolume(
  node: Node,
  request: NodeExpandVolumeRequest__Output,
  call: CsiCall,
): Promise<number> {
  const volumeId = needVolumeId(request.volumeId)
  const path = needVolumePath(request.volumePath)
  refuseStranger(volumeId)
  const { required, limit } = rangeOf(request)
  const record = await node.states.load(volumeId)
  if (record === null) throw new CsiError('NOT_FOUND', `the volume ${volumeId} is not staged here`)
  const isKnownPath = record.stagingPath === path || record.targets.some((one) => one.path === path)
  if (!isKnownPath || record.phase !== 'staged') {
    throw new CsiError('NOT_FOUND', `the volume ${volumeId} is not at ${path}`)
  }
  const device = await sized(node, call, record, required)
  if (limit > 0 && device.sizeBytes > limit) {
    throw new CsiError('OUT_OF_RANGE', `the volume has ${device.sizeBytes} bytes, more than ${limit}`)
  }
  refuseLate(call)
  if (record.access.kind === 'mount' && !record.readOnly) {
    const staged = await mountAt(node, record.stagingPath)
    if (staged?.number !== device.number) {
      throw new CsiError('FAILED_PRECONDITION', `the volume is not mounted at ${record.stagingPath} any more`)
    }
    await node.host.grow(device, { type: record.access.fsType, target: record.stagingPath })
  }
  return device.sizeBytes
}

/** Scans until the disk has at least so many bytes. */
async function sized(
  node: Node,
  call: CsiCall,
  { volumeId, attachment }: StageRecord,
  required: number,
): Promise<BlockDevice> {
  const nqn = attachment.transport === 'nvme' ? attachment.target : null
  let seen: BlockDevice | undefined
  const found = await until(node, call, SIZE_MS, async () => {
    await rescan(node, volumeId, nqn)
    seen = await findDevice(node, volumeId, attachment)
    if (seen?.kind === 'multipath') {
      await node.host.multipathResize(seen)
      seen = await findDevice(node, volumeId, attachment)
    }
    return seen !== undefined && seen.sizeBytes >= required ? seen : undefined
  })
  if (found !== undefined) return found
  if (seen === undefined) throw new CsiError('UNAVAILABLE', 'the disk of the volume is gone; stage it again')
  throw new CsiError(
    'UNAVAILABLE',
    `${seen.path} has ${seen.sizeBytes} bytes, not yet ${required}; the volume itself has to grow first`,
  )
}

function rangeOf({ capacityRange }: NodeExpandVolumeRequest__Output): { required: number; limit: number } {
  const required = Number(capacityRange?.requiredBytes ?? 0)
  const limit = Number(capacityRange?.limitBytes ?? 0)
  if (required < 0 || limit < 0) throw new CsiError('INVALID_ARGUMENT', 'capacity_range: it is negative')
  if (limit > 0 && required > limit) {
    throw new CsiError('OUT_OF_RANGE', 'capacity_range: more is required than the limit allows')
  }
  return { required, limit }
}
