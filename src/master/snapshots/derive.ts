/** A volume that is made of something: a clone, or a backup that is restored. As creating one, but nobody is let in at first. */
import { findVolume, refusal } from '../core/lookup.ts'
import type { Change, RecordsView } from '../core/records-view.ts'
import { auditEvent, type Created, createVolume, type RequestContext } from '../core/volume-requests.ts'
import { closedAccess } from '../jobs/restore-backup.ts'
import { isOver } from '../jobs/turns.ts'
import type { JobRecord, VolumeRecord } from '../records.ts'
import type { DerivedVolume } from '../snapshot-api.ts'

export interface Derived {
  readonly kind: 'clone' | 'restore_backup'
  /** Of the source, and the least that the volume may have. */
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly origin: VolumeRecord['origin']
  /** Of the job. */
  readonly data: JobRecord['data']
  /** What it is made of, for people. */
  readonly what: string
}

/** INVALID_ARGUMENT (`too_small`), and as of `createVolume`. The same again finds the volume; a restored backup while its job runs. */
export function deriveVolume(
  records: RecordsView,
  wish: DerivedVolume,
  derived: Derived,
  uuid: string,
  context: RequestContext,
): Change<Created> {
  const { kind, origin, data, what, logicalBlockBytes } = derived
  const there = records.volumeNamed(wish.name)
  if (there !== undefined) return { writes: [], result: sameAs(records, there, derived) }
  const sizeBytes = wish.sizeBytes ?? derived.sizeBytes
  if (sizeBytes < derived.sizeBytes) {
    throw refusal('INVALID_ARGUMENT', 'too_small', `${what} has ${derived.sizeBytes} bytes; ask for no fewer`)
  }
  const change = createVolume(records, { ...wish, sizeBytes, logicalBlockBytes }, uuid, context)
  const writes = change.writes.map((write) => {
    if (write.kind === 'volume') {
      const { record } = write
      const madeOf = origin === null ? null : { volume: origin.volume, snapshot: origin.snapshot }
      return { kind: write.kind, record: { ...record, origin, madeOf, access: closedAccess(record.access) } }
    }
    if (write.kind !== 'job') return write
    // whom the job lets in when the content is there
    const access = wish.closed === true ? { access: { initiators: [], hosts: [] } } : {}
    return { kind: write.kind, record: { ...write.record, kind, data: { ...data, ...access } } }
  })
  const event = auditEvent(context.caller, {
    kind: 'volume.deriving',
    volume: uuid,
    message: `volume ${wish.name} is to be made of ${what}`,
  })
  return { writes, events: [...(change.events ?? []), event], result: change.result }
}

function sameAs(records: RecordsView, there: VolumeRecord, { kind, data, what, origin }: Derived): Created {
  const job = records.jobs().find((one) => one.volume === there.uuid && one.kind === kind && !isOver(one))
  const isSame = job !== undefined && Object.entries(data).every(([key, value]) => job.data[key] === value)
  if (isSame) return { volume: there.uuid, job: job.id }
  const isMadeOf = origin?.volume === there.madeOf?.volume && origin?.snapshot === there.madeOf?.snapshot
  if (origin !== null && isMadeOf && there.state !== 'deleting') return { volume: there.uuid, job: null }
  throw refusal(
    'CONFLICT',
    'exists_otherwise',
    `there is a volume ${findVolume(records, there.uuid).name} that is not being made of ${what}; take another name`,
  )
}
