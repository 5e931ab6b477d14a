/** Finding what a caller named, and refusing what cannot be done now: each refusal has a stable reason and says what to do. */
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import type { Finding } from '../master-api.ts'
import type { JobRecord, ServerRecord, VolumeRecord } from '../records.ts'
import type { RecordsView } from './records-view.ts'

/** An error with its stable reason. */
export const refusal = (code: BlockErrorCode, reason: string, message: string): BlockError =>
  new BlockError(code, message, { facts: { reason } })

/** By name or UUID; NOT_FOUND. A name comes first: a volume may be called like another's UUID. */
export function findVolume(records: RecordsView, name: string): VolumeRecord {
  const volume = records.volumeNamed(name) ?? records.volume(name)
  if (volume !== undefined) return volume
  throw refusal(
    'NOT_FOUND',
    'no_such_volume',
    `there is no volume '${printable(name)}'; basalt volume list shows those that there are`,
  )
}

/** The same, for what changes it: CONFLICT when it is being deleted. */
export function findLivingVolume(records: RecordsView, name: string): VolumeRecord {
  const volume = findVolume(records, name)
  if (volume.state !== 'deleting') return volume
  throw refusal(
    'CONFLICT',
    'being_deleted',
    `volume ${volume.name} is being deleted, and that is never undone`,
  )
}

/** CONFLICT unless it has been served: before, only its creation changes it. */
export function findMadeVolume(records: RecordsView, name: string): VolumeRecord {
  const volume = findLivingVolume(records, name)
  if (volume.state === 'active') return volume
  throw refusal(
    'CONFLICT',
    'being_made',
    `volume ${volume.name} is still being made; try again when its job has ended (basalt job list)`,
  )
}

/** CONFLICT while nodes use it. */
export function refusePublished({ name, publications }: VolumeRecord): void {
  const [publication] = publications
  if (publication === undefined) return
  const { node } = publication
  throw new BlockError(
    'CONFLICT',
    `volume ${name} is published to ${node}; basalt volume unpublish ${name} ${node} takes that back`,
    { facts: { reason: 'published', node } },
  )
}

/** By name or id; NOT_FOUND. */
export function findServer(records: RecordsView, name: string): ServerRecord {
  const server = records.server(name) ?? records.servers().find((one) => one.name === name)
  if (server !== undefined) return server
  throw refusal(
    'NOT_FOUND',
    'no_such_server',
    `there is no server '${printable(name)}'; basalt server list shows those that there are`,
  )
}

export function findJob(records: RecordsView, id: string): JobRecord {
  const job = records.job(id)
  if (job !== undefined) return job
  throw refusal(
    'NOT_FOUND',
    'no_such_job',
    `there is no job '${printable(id)}'; of those that have ended only the last 1000 are kept`,
  )
}

/** CONFLICT while the registry may be older than what servers have seen. */
export function refuseLocked(records: RecordsView): void {
  const { lock } = records.cluster
  if (lock === null) return
  throw refusal(
    'CONFLICT',
    'locked',
    `the cluster is locked: ${lock.detail}; look at it, and then run basalt cluster recover`,
  )
}

/** INVALID_ARGUMENT with the first finding's code as its reason; all of them in the message. */
export function refuseFindings(errors: readonly Finding[]): void {
  const [first] = errors
  if (first === undefined) return
  throw refusal('INVALID_ARGUMENT', first.code, errors.map(({ message }) => message).join('; '))
}
