/** CreateSnapshot and DeleteSnapshot. Names of snapshots are the orchestrator's, and mean one snapshot of one volume in all. */
import { isBlockError } from '../../base/errors.ts'
import type { CreateSnapshotRequest__Output } from '../../gen/csi/v1/CreateSnapshotRequest.ts'
import type { CreateSnapshotResponse } from '../../gen/csi/v1/CreateSnapshotResponse.ts'
import type { DeleteSnapshotRequest__Output } from '../../gen/csi/v1/DeleteSnapshotRequest.ts'
import { isVolumeId, parseSnapshotId, type SnapshotId } from '../core/ids.ts'
import { storageName } from '../core/names.ts'
import { refuseParameters } from '../core/parameters.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import { snapshotAnswer } from './answers.ts'
import type { SnapshotInfo } from './master-port.ts'
import type { ControllerPorts } from './ports.ts'
import { isBeingRead, needed, reasonOf } from './refusals.ts'
import { waitFor } from './wait.ts'

/** More than any group has. */
const NAMESAKES_MAX = 100

export async function createSnapshot(
  ports: ControllerPorts,
  request: CreateSnapshotRequest__Output,
  call: CsiCall,
): Promise<CreateSnapshotResponse> {
  const name = storageName(needed(request.name, 'name'))
  const source = needed(request.sourceVolumeId, 'source_volume_id')
  refuseParameters(request.parameters)
  if (!isVolumeId(source)) throw noVolume()
  const found = await namesakes(ports, name, call)
  const other = found.find(({ id, isOfGroup }) => id.volume !== source || isOfGroup)
  if (other !== undefined) {
    const where = other.isOfGroup ? 'one of a group' : `one of volume ${other.id.volume}`
    throw new CsiError('ALREADY_EXISTS', `there is a snapshot ${name}, and it is ${where}`)
  }
  const snapshot = found[0] ?? (await make(ports, source, name, call))
  return { snapshot: snapshotAnswer(await whenReady(ports, snapshot, call)) }
}

/** What another controller made at the same moment is found, too. */
async function make(
  ports: ControllerPorts,
  source: string,
  name: string,
  call: CsiCall,
): Promise<SnapshotInfo> {
  try {
    return await ports.master.createSnapshot(source, name, call.signal)
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) throw noVolume()
    if (reasonOf(error) !== 'exists') throw error
    const there = (await namesakes(ports, name, call)).find(({ id }) => id.volume === source)
    if (there === undefined) throw error
    return there
  }
}

/** Snapshots of this name, of all volumes. */
export async function namesakes(
  { master }: ControllerPorts,
  name: string,
  call: CsiCall,
): Promise<readonly SnapshotInfo[]> {
  return (await master.snapshots({ name, limit: NAMESAKES_MAX }, call.signal)).items
}

/** ABORTED while an earlier one of the name is going; FAILED_PRECONDITION for one that a promotion lost. */
export async function whenReady(
  { master, clock }: ControllerPorts,
  snapshot: SnapshotInfo,
  call: CsiCall,
): Promise<SnapshotInfo> {
  const { id, name } = snapshot
  let now: SnapshotInfo | null = snapshot
  return await waitFor(clock, call, { what: `snapshot ${name} is being made` }, async () => {
    if (now?.state === 'creating') now = await master.findSnapshot(id, call.signal)
    if (now === null || now.state === 'deleting') {
      throw new CsiError('ABORTED', `snapshot ${name} could not be made, and is being undone; ask again`)
    }
    if (now.state === 'lost') {
      throw new CsiError(
        'FAILED_PRECONDITION',
        `snapshot ${name} was lost by a promotion that lost writes; delete it`,
      )
    }
    return now.state === 'ready' ? now : undefined
  })
}

/** A clone that was deleted, or filled, just now is read from a moment longer. */
const READ_MS_MAX = 10_000

export async function deleteSnapshot(
  ports: ControllerPorts,
  request: DeleteSnapshotRequest__Output,
  call: CsiCall,
): Promise<Record<string, never>> {
  const id = parseSnapshotId(needed(request.snapshotId, 'snapshot_id'))
  if (id !== undefined) await deleteUnread(ports, id, call)
  return {}
}

/** One that is not there is no error. CONFLICT for one that is read for longer than a moment. */
export async function deleteUnread(
  { master, clock }: ControllerPorts,
  id: SnapshotId,
  call: CsiCall,
): Promise<void> {
  const endMs = clock.monotonicMs() + READ_MS_MAX
  await waitFor(clock, call, { what: 'the snapshot is being read' }, async () => {
    try {
      await master.deleteSnapshot(id, call.signal)
    } catch (error) {
      if (isBlockError(error, 'NOT_FOUND')) return true
      if (!isBeingRead(error) || clock.monotonicMs() >= endMs) throw error
      return undefined
    }
    return true
  })
}

export const noVolume = (): CsiError => new CsiError('NOT_FOUND', 'there is no volume of this id')
