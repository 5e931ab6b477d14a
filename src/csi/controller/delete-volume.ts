/**
 * DeleteVolume. A volume with snapshots is refused, for their content is in it; the master decides that in the same change that
 * begins the deletion. The snapshots by which clones were made are ours, and go first. Of those of backups the master alone
 * knows which are complete: no claim owns them, and nobody else would ever delete them.
 */

import { isBlockError } from '../../base/errors.ts'
import type { DeleteVolumeRequest__Output } from '../../gen/csi/v1/DeleteVolumeRequest.ts'
import { isVolumeId } from '../core/ids.ts'
import { isCloneSnapshotName } from '../core/names.ts'
import { CsiError } from '../server/csi-error.ts'
import type { CsiCall } from '../server/handlers.ts'
import type { SnapshotInfo, VolumeInfo } from './master-port.ts'
import { everyItem } from './pages.ts'
import type { ControllerPorts } from './ports.ts'
import { isBeingRead, needed } from './refusals.ts'
import { waitFor } from './wait.ts'

const NAMED_MAX = 5
/** A clone of an empty volume is filled at once; of a full one, the orchestrator asks again. */
const FILLING_MS = 5000

export async function deleteVolume(
  ports: ControllerPorts,
  request: DeleteVolumeRequest__Output,
  call: CsiCall,
): Promise<Record<string, never>> {
  const id = needed(request.volumeId, 'volume_id')
  if (!isVolumeId(id)) return {}
  const volume = await ports.master.findVolume(id, call.signal)
  if (volume === null) return {}
  if (volume.status !== 'deleting') {
    refusePublished(volume)
    await refuseSnapshots(ports, volume, call)
    try {
      await ports.master.deleteVolume(id, call.signal)
    } catch (error) {
      if (!isBlockError(error, 'NOT_FOUND')) throw error
    }
  }
  return await waitFor(ports.clock, call, { what: `volume ${volume.name} is being deleted` }, async () =>
    (await ports.master.findVolume(id, call.signal)) === null ? {} : undefined,
  )
}

function refusePublished({ name, publications }: VolumeInfo): void {
  const nodes = publications.map(({ node }) => node)
  if (nodes.length === 0) return
  throw new CsiError('FAILED_PRECONDITION', `volume ${name} is published to ${shown(nodes)}`)
}

async function refuseSnapshots(ports: ControllerPorts, volume: VolumeInfo, call: CsiCall): Promise<void> {
  const all = await snapshotsOf(ports, volume.id, call)
  const others = all.filter(
    ({ name, state, isOfBackup }) => !isCloneSnapshotName(name) && !isOfBackup && state !== 'deleting',
  )
  if (others.length > 0) {
    throw new CsiError(
      'FAILED_PRECONDITION',
      `volume ${volume.name} has snapshots: ${shown(others.map(({ name }) => name))}; delete them first`,
    )
  }
  for (const { id, name } of all.filter(({ name }) => isCloneSnapshotName(name))) {
    await deleteCloneSnapshot(ports, id, call, `volume ${volume.name}: a clone is filled from ${name}`)
  }
}

async function deleteCloneSnapshot(
  { master, clock }: ControllerPorts,
  id: SnapshotInfo['id'],
  call: CsiCall,
  what: string,
): Promise<void> {
  await waitFor(clock, call, { what, atMostMs: FILLING_MS }, async () => {
    try {
      await master.deleteSnapshot(id, call.signal)
    } catch (error) {
      if (isBeingRead(error)) return undefined
      if (!isBlockError(error, 'NOT_FOUND')) throw error
    }
    return true
  })
}

const snapshotsOf = ({ master }: ControllerPorts, volume: string, call: CsiCall): Promise<SnapshotInfo[]> =>
  Array.fromAsync(everyItem((page) => master.snapshots({ volume, ...page }, call.signal)))

const shown = (names: readonly string[]): string =>
  names.length > NAMED_MAX
    ? `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`
    : names.join(', ')
