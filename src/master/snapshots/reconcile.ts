/**
 * The registry's snapshots of a volume against those that its primary tells. The log is right: what it lacks is lost, what it has
 * and nobody recorded is taken in. What a master left half done is ended: a snapshot that was asked for is ready if it is there,
 * unless it is of a group, of which nobody knows any more whether it is of one moment; else it is deleted, so that a request
 * that is still on its way leaves nothing for long.
 */
import type { NewEvent, RecordWrite } from '../core/records-view.ts'
import type { VolumeSnapshots } from '../links.ts'
import type { SnapshotRecord, VolumeRecord } from '../records.ts'

export interface Reconciled {
  readonly writes: readonly RecordWrite[]
  readonly events: readonly NewEvent[]
}

/** What the primary told, if it was asked after `before` was read; `now`: the records when it is decided. */
export function reconcile(
  volume: VolumeRecord,
  before: readonly SnapshotRecord[],
  now: readonly SnapshotRecord[],
  told: VolumeSnapshots,
  /** A job makes it. */
  isOwned: (id: string) => boolean,
): Reconciled {
  const writes: RecordWrite[] = []
  const events: NewEvent[] = []
  const there = new Map(told.snapshots.map((snapshot) => [snapshot.id, snapshot]))
  const known = new Set([...before, ...now].map(({ id }) => id))
  const event = (severity: NewEvent['severity'], kind: string, message: string): void => {
    events.push({ severity, kind, actor: 'master', volume: volume.uuid, message })
  }
  const put = (record: SnapshotRecord): void => {
    writes.push({ kind: 'snapshot', record })
  }
  for (const record of now) {
    // who changed it meanwhile knows more than this answer
    if (!before.includes(record)) continue
    const found = there.get(record.id)
    switch (record.state) {
      case 'creating':
        if (isOwned(record.id)) break
        if (found !== undefined && record.group === null) {
          put({ ...record, state: 'ready', lsn: found.lsn, sizeBytes: found.sizeBytes })
          event('info', 'snapshot.created', `snapshot ${record.name} of ${volume.name} is there`)
        } else put({ ...record, state: 'deleting' })
        break
      case 'ready':
        if (found !== undefined) break
        put({ ...record, state: 'lost', isExposed: false })
        event(
          'error',
          'snapshot.lost',
          `snapshot ${record.name} of ${volume.name} was lost with the writes that a promotion lost`,
        )
        break
      case 'lost':
        if (found === undefined) break
        put({ ...record, state: 'ready', lsn: found.lsn })
        event('info', 'snapshot.found', `snapshot ${record.name} of ${volume.name} is there again`)
        break
      case 'deleting':
        break
    }
  }
  const names = new Set(now.map(({ name }) => name))
  for (const { id, name, lsn, sizeBytes, createdWallMs, isExposed } of told.snapshots) {
    if (known.has(id)) continue
    const free = names.has(name) ? `${name.slice(0, 46)}-${id}` : name
    names.add(free)
    put({
      ...{ id, volume: volume.uuid, name: free, state: 'ready', lsn, sizeBytes, createdAt: createdWallMs },
      ...{ schedule: null, isExposed, group: null, backup: null },
    })
    event('warning', 'snapshot.found', `snapshot ${free} of ${volume.name} was not known, and is taken in`)
  }
  return { writes, events }
}

/** Whether what a primary says in its beats differs from the records, or something is left to be ended. */
export function needsLook(
  records: readonly SnapshotRecord[],
  told: readonly { readonly id: string; readonly isExposed: boolean }[],
  isOwned: (id: string) => boolean,
): boolean {
  const there = new Map(told.map(({ id, isExposed }) => [id, isExposed]))
  for (const { id, state, isExposed } of records) {
    if (state === 'deleting' || (state === 'creating' && !isOwned(id))) return true
    if (state === 'ready' && there.get(id) !== isExposed) return true
    if (state === 'lost' && there.has(id)) return true
    there.delete(id)
  }
  return there.size > 0
}
