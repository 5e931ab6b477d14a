/**
 * NodeStageVolume: sessions, disk, and for a file system its mount at the staging path. Each step looks at the host first and
 * does what is missing, so that a call which died anywhere, or a host that was restarted, is only a longer way.
 */

import type { NodeStageVolumeRequest__Output } from '../../gen/csi/v1/NodeStageVolumeRequest.ts'
import type { Capability } from '../core/capabilities.ts'
import { decodeAttachment, type Attachment as Told } from '../core/contexts.ts'
import { chapOf, dhchapOf } from '../core/secrets.ts'
import type { BlockDevice, FsType, Transport } from '../host/host-tools.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { prepareFileSystem } from './content.ts'
import { mountAt, type Node, refuseLate } from './node.ts'
import { checkedCapability, needPath, needVolumeId, refuseStranger } from './requests.ts'
import { attach } from './sessions.ts'
import type { Access, Attachment, StageRecord } from './state-store.ts'

export async function stageVolume(
  node: Node,
  request: NodeStageVolumeRequest__Output,
  call: CsiCall,
): Promise<void> {
  const volumeId = needVolumeId(request.volumeId)
  const stagingPath = needPath(request.stagingTargetPath, 'staging_target_path')
  const capability = checkedCapability(request.volumeCapability)
  refuseStranger(volumeId)
  const told = decodeAttachment(request.volumeContext, request.publishContext)
  const secrets = { chap: chapOf(request.secrets), dhchap: dhchapOf(request.secrets) }
  const before = await node.states.load(volumeId)
  let record = await intended(node, before, { volumeId, stagingPath, capability, told })
  // from here on there is something to undo
  await node.states.save(record)
  const device = await attach(node, call, volumeId, record.attachment, secrets)
  refuseLate(call)
  if (record.readOnly && !device.isReadOnly) await node.host.setReadOnly(device, true)
  if (!record.readOnly && device.isReadOnly && record.targets.length === 0) {
    await node.host.setReadOnly(device, false)
  }
  if (record.access.kind === 'mount') {
    const { access } = record
    record = await mountStaged(node, call, record, device, access)
    // a volume that was made larger than what it was restored from, or grew while nobody had it mounted
    if (record.phase !== 'staged' && !record.readOnly) {
      await node.host.grow(device, { type: access.fsType, target: stagingPath })
    }
  }
  if (record.phase !== 'staged') await node.states.save({ ...record, phase: 'staged' })
}

interface Wish {
  readonly volumeId: string
  readonly stagingPath: string
  readonly capability: Capability
  readonly told: Told
}

/** What the record will say. ALREADY_EXISTS and FAILED_PRECONDITION when something else is staged already. */
async function intended(node: Node, before: StageRecord | null, wish: Wish): Promise<StageRecord> {
  const { volumeId, stagingPath, capability, told } = wish
  const readOnly = capability.isReadOnly || told.isReadOnly
  const access = accessOf(capability, told)
  if (before !== null && before.stagingPath !== stagingPath) {
    throw new CsiError('FAILED_PRECONDITION', `the volume is staged at ${before.stagingPath}`)
  }
  if (before !== null && before.phase === 'staged') refuseOther(before, { access, readOnly, capability })
  const transport = before?.attachment.transport ?? (await chooseTransport(node, told))
  if (told.transport !== 'auto' && told.transport !== transport) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `the volume was begun to be staged over ${transport}; unstage it first`,
    )
  }
  const phase = before?.phase === 'staged' ? 'staged' : 'staging'
  return {
    version: 1,
    volumeId,
    phase,
    stagingPath,
    attachment: attachmentOf(transport, told),
    access,
    accessMode: capability.mode,
    readOnly,
    isFormatting: before?.isFormatting ?? false,
    targets: before?.targets ?? [],
    unstagingSinceMs: null,
  }
}

function refuseOther(
  before: StageRecord,
  wish: { readonly access: Access; readonly readOnly: boolean; readonly capability: Capability },
): void {
  const same =
    JSON.stringify(before.access) === JSON.stringify(wish.access) &&
    before.readOnly === wish.readOnly &&
    before.accessMode === wish.capability.mode
  if (same) return
  throw new CsiError(
    'ALREADY_EXISTS',
    `the volume is staged here as ${describe(before.access)} for ${before.accessMode}`,
  )
}

const describe = (access: Access): string => (access.kind === 'block' ? 'a raw block device' : access.fsType)

function accessOf({ access }: Capability, told: Told): Access {
  if (access.kind === 'block') return { kind: 'block' }
  const fsType: FsType = access.fsType === 'ext4' || access.fsType === 'xfs' ? access.fsType : told.fsType
  return { kind: 'mount', fsType, mountFlags: access.mountFlags }
}

/** `auto` is decided once, and by what the host has: not by what happens to fail. */
async function chooseTransport({ host }: Node, told: Told): Promise<Transport> {
  const support = await host.transports()
  const whyNot = (transport: Transport): string | undefined => {
    const portals = transport === 'iscsi' ? told.iscsiPortals : told.nvmePortals
    if (portals.length === 0 || (transport === 'iscsi' && told.iqn === null)) {
      return 'the volume is not offered over it'
    }
    const found = support.find((one) => one.transport === transport)
    return found?.usable === true ? undefined : (found?.why ?? 'it is not known here')
  }
  const wanted: readonly Transport[] = told.transport === 'auto' ? ['nvme', 'iscsi'] : [told.transport]
  const usable = wanted.find((transport) => whyNot(transport) === undefined)
  if (usable !== undefined) return usable
  const reasons = wanted.map((transport) => `${transport}: ${whyNot(transport)}`).join('; ')
  throw new CsiError('FAILED_PRECONDITION', `this node cannot reach the volume: ${reasons}`)
}

function attachmentOf(transport: Transport, told: Told): Attachment {
  const isIscsi = transport === 'iscsi'
  return {
    transport,
    target: isIscsi ? (told.iqn ?? '') : told.nqn,
    portals: isIscsi ? told.iscsiPortals : told.nvmePortals,
    multipath: told.isMultipath,
  }
}

async function mountStaged(
  node: Node,
  call: CsiCall,
  record: StageRecord,
  device: BlockDevice,
  access: Extract<Access, { kind: 'mount' }>,
): Promise<StageRecord> {
  const { host } = node
  const { stagingPath } = record
  const there = await mountAt(node, stagingPath)
  if (there !== undefined && there.number !== device.number) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `another device is mounted at ${stagingPath} than ${device.path}; unstage the volume first`,
    )
  }
  if (there !== undefined && there.isReadOnly === record.readOnly) return record
  if (there !== undefined) await host.unmount(stagingPath, { detach: false })
  const elsewhere = (await host.mounts()).filter(
    (mount) => mount.number === device.number || mount.deviceNode === device.number,
  )
  const stranger = elsewhere.find(
    ({ target }) => target !== stagingPath && !record.targets.some(({ path }) => path === target),
  )
  if (stranger !== undefined) {
    throw new CsiError('FAILED_PRECONDITION', `${device.path} is mounted at ${stranger.target}`)
  }
  let kept = record
  // what is mounted is in use: it has its file system, and a check would damage it
  if (elsewhere.length === 0) kept = await prepareFileSystem(node, record, device, access.fsType)
  refuseLate(call)
  await host.makeDirectory(stagingPath)
  await host.mount({ device, target: stagingPath, type: access.fsType, options: optionsOf(access, record) })
  return kept
}

/** Clones have the UUID of what they came from, and both may be mounted on one host: xfs has to be told. */
function optionsOf(access: Extract<Access, { kind: 'mount' }>, { readOnly }: StageRecord): readonly string[] {
  const own = [readOnly ? 'ro' : 'rw', ...(access.fsType === 'xfs' ? ['nouuid'] : [])]
  return [...access.mountFlags.filter((flag) => flag !== 'rw' && flag !== 'ro'), ...own]
}
