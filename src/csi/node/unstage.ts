/**
 * NodeUnstageVolume: the mount, the disk's cache, the sessions, the record, in this order. It ends sessions only when nothing
 * is left to be written through them. A target that is dead holds that up: the call is answered in time with the reason, is
 * made again by the orchestrator, and only after LAST_RESORT_MS without any live session what is not written is given up.
 */
import { isBlockError } from '../../base/errors.ts'
import type { NodeUnstageVolumeRequest__Output } from '../../gen/csi/v1/NodeUnstageVolumeRequest.ts'
import { isVolumeId } from '../core/ids.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { mountAt, type Node, refuseLate, unmountAll } from './node.ts'
import { needPath } from './requests.ts'
import { detach, interfaceOf, sessionsOf } from './sessions.ts'
import type { StageRecord } from './state-store.ts'

/** Longer than a failover of the cluster, and than open-iscsi holds commands back for a lost session. */
const LAST_RESORT_MS = 180_000

export async function unstageVolume(
  node: Node,
  request: NodeUnstageVolumeRequest__Output,
  call: CsiCall,
): Promise<void> {
  const volumeId = request.volumeId
  if (volumeId === '') throw new CsiError('INVALID_ARGUMENT', 'volume_id is missing')
  const stagingPath = needPath(request.stagingTargetPath, 'staging_target_path')
  if (!isVolumeId(volumeId)) return
  const before = await node.states.load(volumeId)
  let sinceMs = node.clock.wallMs()
  if (before !== null) {
    await refusePublished(node, before)
    sinceMs = before.unstagingSinceMs ?? sinceMs
    await node.states.save({ ...before, phase: 'unstaging', targets: [], unstagingSinceMs: sinceMs })
  }
  const nqn = before?.attachment.transport === 'nvme' ? before.attachment.target : null
  const onHang = (error: unknown): Promise<void> =>
    giveUpOrRefuse(node, call, { volumeId, nqn, sinceMs, error })
  for (const path of new Set([stagingPath, ...(before ? [before.stagingPath] : [])])) {
    if (await isOurs(node, volumeId, path, before)) await unmountAll(node, path, onHang)
  }
  refuseLate(call)
  await writeBack(node, volumeId, onHang)
  refuseLate(call)
  await detach(node, call, volumeId, nqn)
  await node.states.remove(volumeId)
}

/** Pods that have it would lose their disk under way. */
async function refusePublished(node: Node, record: StageRecord): Promise<void> {
  for (const { path } of record.targets) {
    if ((await mountAt(node, path)) === undefined) continue
    throw new CsiError('FAILED_PRECONDITION', `the volume is still published at ${path}`)
  }
}

/** What somebody else mounted at the path of a volume that was never staged here is left alone. */
async function isOurs(
  { host }: Node,
  volumeId: string,
  path: string,
  record: StageRecord | null,
): Promise<boolean> {
  if (record?.stagingPath === path) return true
  const devices = await host.devicesOf(volumeId)
  return (await host.mounts()).some(
    ({ target, number }) => target === path && devices.some((device) => device.number === number),
  )
}

async function writeBack(
  node: Node,
  volumeId: string,
  onHang: (error: unknown) => Promise<void>,
): Promise<void> {
  const { host, names } = node
  for (const device of await host.devicesOf(volumeId)) {
    const isOwn = device.initiators.some((name) => name === interfaceOf(volumeId) || name === names.nqn)
    if (!isOwn) continue
    try {
      await host.flush(device)
    } catch (error) {
      if (isBlockError(error, 'IN_USE')) {
        throw new CsiError('UNAVAILABLE', `${device.path} is still in use: ${error.message}`, {
          cause: error,
        })
      }
      if (isBlockError(error, 'NOT_FOUND')) continue
      if (!isBlockError(error)) throw error
      await onHang(error)
    }
  }
}

interface Hang {
  readonly volumeId: string
  readonly nqn: string | null
  readonly sinceMs: number
  readonly error: unknown
}

/** Returns when what is not written is to be given up; else throws UNAVAILABLE with the reason. */
async function giveUpOrRefuse(node: Node, call: CsiCall, hang: Hang): Promise<void> {
  const { iscsi, nvme } = await sessionsOf(node, hang.volumeId, hang.nqn)
  const isDead = [...iscsi, ...nvme].every(({ isLive }) => !isLive)
  const waitedMs = node.clock.wallMs() - hang.sinceMs
  const reason = isBlockError(hang.error) ? hang.error.message : String(hang.error)
  if (isDead && waitedMs >= LAST_RESORT_MS) {
    call.log.warn('csi.volume_given_up', { volumeId: hang.volumeId, waitedMs, reason })
    return
  }
  const state = isDead ? 'no server of the volume answers' : 'its sessions are alive'
  throw new CsiError(
    'UNAVAILABLE',
    `the volume cannot be let go yet: ${reason}; ${state}, tried for ${Math.round(waitedMs / 1000)} s`,
    { cause: hang.error },
  )
}
