/**
 * A clone that is being filled, of which the registry knows nothing: it was lost, or is a copy of before. Its primary tells in
 * its beats what it is filled from, and the job that fills it goes on.
 */
import type { LiveCluster } from '../core/live.ts'
import type { Change, RecordsView } from '../core/records-view.ts'
import { newJob } from '../jobs/new-job.ts'
import type { Origin } from '../links.ts'
import type { VolumeRecord } from '../records.ts'

/** What the primary of `volume` tells is not recorded, and what it is filled from is known by now. */
export const isUnknownClone = (records: RecordsView, volume: VolumeRecord, told: Origin | null): boolean =>
  told !== null && volume.origin === null && records.snapshot(told.volume, told.snapshot) !== undefined

/**
 * A clone that is filled from `volume`, of that `snapshot` or of any, and is not recorded: its primary's last beat says so. One
 * that was filled just now is none, though a beat of before still tells of it: its job is recorded.
 */
export function unknownCloneOf(
  records: RecordsView,
  live: LiveCluster,
  volume: string,
  snapshot: string | null,
): VolumeRecord | undefined {
  return records.volumes().find((clone) => {
    if (clone.origin !== null || clone.state !== 'active') return false
    const told = live.replica(clone.uuid, clone.lead.primary)?.led?.origin
    if (told?.volume !== volume || (snapshot !== null && told.snapshot !== snapshot)) return false
    return !records.jobs().some((job) => job.kind === 'clone' && job.volume === clone.uuid)
  })
}

/** `job`: id of the job that is made. */
export function adoptClone(
  records: RecordsView,
  uuid: string,
  told: Origin,
  { job, wallMs }: { readonly job: string; readonly wallMs: number },
): Change<void> {
  const volume = records.volume(uuid)
  if (volume?.state !== 'active' || !isUnknownClone(records, volume, told)) {
    return { writes: [], result: undefined }
  }
  const { volume: source, snapshot, sizeBytes } = told
  const record = newJob(job, wallMs, {
    kind: 'clone',
    volume: uuid,
    actor: 'master',
    step: 'fill',
    data: { source, snapshot },
  })
  const from = records.volume(source)?.name ?? source
  return {
    writes: [
      { kind: 'volume', record: { ...volume, origin: { volume: source, snapshot, sizeBytes } } },
      { kind: 'job', record },
    ],
    events: [
      {
        severity: 'info',
        kind: 'volume.clone_found',
        actor: 'master',
        volume: uuid,
        message: `${volume.name} is a clone that is still filled from ${from}; that goes on`,
      },
    ],
    result: undefined,
  }
}
