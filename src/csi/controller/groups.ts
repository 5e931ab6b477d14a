/** Snapshots of several volumes at one moment. A group is its name: the snapshots that were made together under it. */
import { isBlockError } from '../../base/errors.ts'
import type { CreateVolumeGroupSnapshotRequest__Output } from '../../gen/csi/v1/CreateVolumeGroupSnapshotRequest.ts'
import type { CreateVolumeGroupSnapshotResponse } from '../../gen/csi/v1/CreateVolumeGroupSnapshotResponse.ts'
import type { DeleteVolumeGroupSnapshotRequest__Output } from '../../gen/csi/v1/DeleteVolumeGroupSnapshotRequest.ts'
import type { GetVolumeGroupSnapshotRequest__Output } from '../../gen/csi/v1/GetVolumeGroupSnapshotRequest.ts'
import type { GetVolumeGroupSnapshotResponse } from '../../gen/csi/v1/GetVolumeGroupSnapshotResponse.ts'
import type { VolumeGroupSnapshot } from '../../gen/csi/v1/VolumeGroupSnapshot.ts'
import { formatSnapshotId, isVolumeId } from '../core/ids.ts'
import { storageName } from '../core/names.ts'
import { refuseParameters } from '../core/parameters.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { snapshotAnswer, timestampOf } from './answers.ts'
import type { SnapshotInfo } from './master-port.ts'
import type { ControllerPorts } from './ports.ts'
import { needed, reasonOf } from './refusals.ts'
import { deleteUnread, namesakes, noVolume, whenReady } from './snapshots.ts'

const VOLUMES_MAX = 64

export async function createGroup(
  ports: ControllerPorts,
  request: CreateVolumeGroupSnapshotRequest__Output,
  call: CsiCall,
): Promise<CreateVolumeGroupSnapshotResponse> {
  const name = storageName(needed(request.name, 'name'))
  const sources = sourcesOf(request.sourceVolumeIds)
  refuseParameters(request.parameters)
  const found = await namesakes(ports, name, call)
  if (found.length > 0) refuseOther(name, sources, found)
  const begun = found.length > 0 ? found : await make(ports, name, sources, call)
  const snapshots = await Promise.all(begun.map((snapshot) => whenReady(ports, snapshot, call)))
  return { groupSnapshot: groupAnswer(name, snapshots) }
}

function sourcesOf(ids: readonly string[]): string[] {
  const sources = [...new Set(ids)]
  if (sources.length === 0) throw invalid('source_volume_ids: give at least one')
  if (sources.length > VOLUMES_MAX) throw invalid(`source_volume_ids: give at most ${VOLUMES_MAX}`)
  for (const id of sources) if (!isVolumeId(needed(id, 'source_volume_ids'))) throw noVolume()
  return sources
}

async function make(
  ports: ControllerPorts,
  name: string,
  sources: readonly string[],
  call: CsiCall,
): Promise<readonly SnapshotInfo[]> {
  try {
    return await ports.master.createSnapshotGroup(name, sources, call.signal)
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) throw noVolume()
    if (reasonOf(error) !== 'exists') throw error
    const there = await namesakes(ports, name, call)
    refuseOther(name, sources, there)
    return there
  }
}

/** ALREADY_EXISTS unless `there` is the group of these volumes; ABORTED while what is there goes, some of it before the rest. */
function refuseOther(name: string, sources: readonly string[], there: readonly SnapshotInfo[]): void {
  if (there.some(({ state }) => state === 'deleting')) {
    throw new CsiError('ABORTED', `snapshots ${name} are being deleted; ask again when they are gone`)
  }
  const volumes = new Set(there.map(({ id }) => id.volume))
  const isSame = volumes.size === sources.length && sources.every((id) => volumes.has(id))
  if (isSame && there.every(({ isOfGroup }) => isOfGroup)) return
  throw new CsiError('ALREADY_EXISTS', `there are snapshots ${name} already, of other volumes`)
}

export async function getGroup(
  ports: ControllerPorts,
  request: GetVolumeGroupSnapshotRequest__Output,
  call: CsiCall,
): Promise<GetVolumeGroupSnapshotResponse> {
  const id = needed(request.groupSnapshotId, 'group_snapshot_id')
  const found = (await membersOf(ports, id, call)).filter(({ state }) => state !== 'deleting')
  if (found.length === 0) throw new CsiError('NOT_FOUND', 'there is no group of this id')
  refuseForeign(request.snapshotIds, found)
  return { groupSnapshot: groupAnswer(id, found) }
}

/** What was deleted before is not missed: the same again ends what was begun. */
export async function deleteGroup(
  ports: ControllerPorts,
  request: DeleteVolumeGroupSnapshotRequest__Output,
  call: CsiCall,
): Promise<Record<string, never>> {
  const id = needed(request.groupSnapshotId, 'group_snapshot_id')
  const found = await membersOf(ports, id, call)
  if (found.length > 0) refuseUnnamed(request.snapshotIds, found)
  for (const { id: member } of found) await deleteUnread(ports, member, call)
  return {}
}

async function membersOf(ports: ControllerPorts, id: string, call: CsiCall): Promise<SnapshotInfo[]> {
  // the id of a group is a name that stands for itself; what is none was never given
  if (!isGroupId(id)) return []
  return (await namesakes(ports, id, call)).filter(({ isOfGroup }) => isOfGroup)
}

const isGroupId = (id: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/.test(id)

/** INVALID_ARGUMENT when a snapshot is named that is none of the group's. */
function refuseForeign(ids: readonly string[], members: readonly SnapshotInfo[]): void {
  const known = new Set(members.map(({ id }) => formatSnapshotId(id)))
  const foreign = ids.find((id) => !known.has(id))
  if (foreign !== undefined) throw invalid(`snapshot_ids: ${foreign.slice(0, 80)} is none of the group's`)
}

/** INVALID_ARGUMENT when the group has a snapshot that the caller does not mean. None named is all of them. */
function refuseUnnamed(ids: readonly string[], members: readonly SnapshotInfo[]): void {
  if (ids.length === 0) return
  const named = new Set(ids)
  const unnamed = members.find(({ id }) => !named.has(formatSnapshotId(id)))
  if (unnamed === undefined) return
  throw invalid(`snapshot_ids: the group has ${formatSnapshotId(unnamed.id)}, too, which is not named`)
}

const groupAnswer = (name: string, snapshots: readonly SnapshotInfo[]): VolumeGroupSnapshot => ({
  groupSnapshotId: name,
  snapshots: snapshots.map(snapshotAnswer),
  creationTime: timestampOf(Math.min(...snapshots.map(({ createdAtMs }) => createdAtMs))),
  readyToUse: snapshots.every(({ state }) => state === 'ready'),
})

const invalid = (message: string): CsiError => new CsiError('INVALID_ARGUMENT', message)
