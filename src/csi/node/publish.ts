/**
 * NodePublishVolume and NodeUnpublishVolume: a bind mount at the target path, of the staged file system or of the disk's
 * node. The record names a target before it is made and until it is gone, so whatever is mounted is in it; what is in it may have
 * failed to be mounted, and nobody unpublishes that: it holds up no other, and is dropped with the next one that is recorded.
 */
import type { NodePublishVolumeRequest__Output } from '../../gen/csi/v1/NodePublishVolumeRequest.ts'
import type { NodeUnpublishVolumeRequest__Output } from '../../gen/csi/v1/NodeUnpublishVolumeRequest.ts'
import type { Capability } from '../core/capabilities.ts'
import { isVolumeId } from '../core/ids.ts'
import type { BlockDevice, Mount } from '../host/host-tools.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { mountAt, type Node, refuseLate, unmountAll } from './node.ts'
import { checkedCapability, needPath, needVolumeId, refuseStranger } from './requests.ts'
import { findDevice } from './sessions.ts'
import type { PublishedTarget, StageRecord } from './state-store.ts'

export async function publishVolume(
  node: Node,
  request: NodePublishVolumeRequest__Output,
  call: CsiCall,
): Promise<void> {
  const volumeId = needVolumeId(request.volumeId)
  const path = needPath(request.targetPath, 'target_path')
  const capability = checkedCapability(request.volumeCapability)
  refuseStranger(volumeId)
  if (request.stagingTargetPath === '') {
    throw new CsiError('FAILED_PRECONDITION', 'staging_target_path is missing: a volume is staged first')
  }
  const stagingPath = needPath(request.stagingTargetPath, 'staging_target_path')
  const recorded = await node.states.load(volumeId)
  if (recorded === null || recorded.phase !== 'staged' || recorded.stagingPath !== stagingPath) {
    throw new CsiError('FAILED_PRECONDITION', `the volume is not staged at ${stagingPath}`)
  }
  const record = await withMounted(node, recorded)
  refuseOther(record, capability)
  const target = { path, readOnly: request.readonly || record.readOnly }
  refuseBeside(record, target)
  const device = await findDevice(node, volumeId, record.attachment)
  if (device === undefined) {
    throw new CsiError('FAILED_PRECONDITION', 'the disk of the volume is gone; it has to be staged again')
  }
  if (!record.targets.some((one) => one.path === path)) {
    if ((await mountAt(node, path)) !== undefined && !(await isOfVolume(node, volumeId, path))) {
      throw new CsiError('FAILED_PRECONDITION', `something else is mounted at ${path}`)
    }
    await node.states.save({ ...record, targets: [...record.targets, target] })
  }
  refuseLate(call)
  if (record.access.kind === 'block') await publishDisk(node, target, device)
  else await publishFolder(node, record, target, device)
}

export async function unpublishVolume(
  node: Node,
  request: NodeUnpublishVolumeRequest__Output,
  call: CsiCall,
): Promise<void> {
  const { volumeId } = request
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'volume_id is missing')
  const path = needPath(request.targetPath, 'target_path')
  const record = isVolumeId(volumeId) ? await node.states.load(volumeId) : null
  const isKnown = record?.targets.some((one) => one.path === path) ?? false
  if (!isKnown && !(await isOfVolume(node, volumeId, path))) {
    // a path that was made and never recorded does not exist; an empty one that is left of elder times is in the way
    if (await isEmptyLeftover(node, path)) await node.host.removePath(path)
    return
  }
  // taking a bind mount away writes nothing, so a hang is no reason to keep it
  await unmountAll(node, path, async () => refuseLate(call))
  await node.host.removePath(path)
  if (record !== null && isKnown) {
    await node.states.save({ ...record, targets: record.targets.filter((one) => one.path !== path) })
  }
}

async function publishFolder(
  node: Node,
  { stagingPath }: StageRecord,
  target: PublishedTarget,
  device: BlockDevice,
): Promise<void> {
  const staged = await mountAt(node, stagingPath)
  if (staged === undefined || staged.number !== device.number) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `the volume is not mounted at ${stagingPath} any more; it has to be staged again`,
    )
  }
  const isWanted = (mount: Mount): boolean =>
    mount.number === device.number && mount.isReadOnly === target.readOnly
  if (await isThere(node, target.path, isWanted)) return
  await node.host.makeDirectory(target.path)
  await node.host.bind({ source: stagingPath, target: target.path, readOnly: target.readOnly })
}

/** A read-only mount does not keep anybody from writing to a disk; the disk itself has to refuse. */
async function publishDisk(node: Node, target: PublishedTarget, device: BlockDevice): Promise<void> {
  if (device.isReadOnly !== target.readOnly) await node.host.setReadOnly(device, target.readOnly)
  if (await isThere(node, target.path, (mount) => mount.deviceNode === device.number)) return
  await node.host.makeFile(target.path)
  await node.host.bind({ source: device.path, target: target.path, readOnly: false })
}

/** Whether the mount at `path` is the wanted one; another, of this volume's earlier days, is taken away. */
async function isThere(node: Node, path: string, isWanted: (mount: Mount) => boolean): Promise<boolean> {
  const there = await mountAt(node, path)
  if (there === undefined) return false
  if (isWanted(there)) return true
  await unmountAll(node, path, () => Promise.resolve())
  return false
}

function refuseOther(record: StageRecord, { access }: Capability): void {
  const isOther =
    access.kind !== record.access.kind ||
    (access.kind === 'mount' &&
      record.access.kind === 'mount' &&
      access.fsType !== null &&
      access.fsType !== record.access.fsType)
  if (!isOther) return
  const is = record.access.kind === 'block' ? 'a raw block device' : `file system ${record.access.fsType}`
  throw new CsiError('FAILED_PRECONDITION', `the volume is staged as ${is}`)
}

/** The record with those of its targets at which something is mounted. */
async function withMounted({ host }: Node, record: StageRecord): Promise<StageRecord> {
  const mounted = new Set((await host.mounts()).map(({ target }) => target))
  return { ...record, targets: record.targets.filter(({ path }) => mounted.has(path)) }
}

/** Its targets are mounted. */
function refuseBeside(record: StageRecord, target: PublishedTarget): void {
  const same = record.targets.find(({ path }) => path === target.path)
  if (same !== undefined && same.readOnly !== target.readOnly) {
    throw new CsiError(
      'ALREADY_EXISTS',
      `it is published at ${target.path} for ${same.readOnly ? 'reading' : 'writing'}`,
    )
  }
  const others = record.targets.filter(({ path }) => path !== target.path)
  const [other] = others
  if (other === undefined) return
  if (record.accessMode === 'SINGLE_NODE_SINGLE_WRITER') {
    throw new CsiError('FAILED_PRECONDITION', `${record.accessMode}: it is published at ${other.path}`)
  }
  if (record.access.kind === 'block' && others.some(({ readOnly }) => readOnly !== target.readOnly)) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `a raw block device is read-only for all of a node or for none; see ${other.path}`,
    )
  }
}

async function isOfVolume({ host }: Node, volumeId: string, path: string): Promise<boolean> {
  const devices = isVolumeId(volumeId) ? await host.devicesOf(volumeId) : []
  return (await host.mounts()).some(
    (mount) =>
      mount.target === path &&
      devices.some(({ number }) => number === mount.number || number === mount.deviceNode),
  )
}

async function isEmptyLeftover(node: Node, path: string): Promise<boolean> {
  if ((await mountAt(node, path)) !== undefined) return false
  const kind = await node.host.pathKind(path)
  return kind === 'directory' || kind === 'file'
}
