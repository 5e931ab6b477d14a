/** Snapshots, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Snapshot } from '../../client/wire/snapshot.ts'
import type { Column } from '../table.ts'
import { formatTime } from './times.ts'

type Facts = [name: string, value: string][]

/** How it is named wherever one is meant. */
const snapshotName = ({ volume, name }: Snapshot): string => `${volume}@${name}`

/** While it is being made, just after, or while nobody leads the volume, nobody can say. */
const sizeOrNone = (bytes: number | null): string => (bytes === null ? '-' : formatSize(bytes))

const measured = (bytes: number | null, what: string): string =>
  bytes === null ? 'not known now' : `${formatSize(bytes)} ${what}`

export const SNAPSHOT_COLUMNS: readonly Column<Snapshot>[] = [
  { title: 'SNAPSHOT', shrinks: true, value: snapshotName },
  { title: 'CREATED', value: (snapshot) => formatTime(snapshot.created_at) },
  { title: 'SIZE', right: true, value: (snapshot) => formatSize(snapshot.size_bytes) },
  { title: 'HELD', right: true, value: (snapshot) => sizeOrNone(snapshot.held_bytes) },
  { title: 'FREES', right: true, value: (snapshot) => sizeOrNone(snapshot.exclusive_bytes) },
  { title: 'STATE', value: stateOf },
  { title: 'SCHEDULE', shrinks: true, isWide: true, value: (snapshot) => snapshot.schedule ?? '-' },
  { title: 'REPOSITORY', shrinks: true, isWide: true, value: (snapshot) => snapshot.repository ?? '-' },
  { title: 'GROUP', shrinks: true, isWide: true, value: (snapshot) => snapshot.group ?? '-' },
  { title: 'LSN', right: true, isWide: true, value: (snapshot) => String(snapshot.lsn ?? '-') },
  { title: 'ID', isWide: true, value: (snapshot) => snapshot.id },
]

function stateOf({ state, exposed }: Snapshot): string {
  return exposed === null ? state : `${state}, exposed`
}

export const snapshotFacts = (snapshot: Snapshot): Facts => [
  ['snapshot', snapshotName(snapshot)],
  ['id', snapshot.id],
  ['state', snapshot.state],
  ['created', formatTime(snapshot.created_at)],
  ['size', `${formatSize(snapshot.size_bytes)} (${snapshot.size_bytes} bytes)`],
  ['LSN', String(snapshot.lsn ?? '-')],
  ['held', measured(snapshot.held_bytes, 'kept for it and older ones')],
  ['frees', measured(snapshot.exclusive_bytes, 'when it is deleted')],
  ...(snapshot.exposed === null
    ? ([['exposed', 'no']] satisfies Facts)
    : ([
        ['exposed', 'read-only'],
        ['iSCSI', `${snapshot.exposed.iqn} at ${snapshot.exposed.iscsi.join(', ') || 'no portal yet'}`],
        ['NVMe', `${snapshot.exposed.nqn} at ${snapshot.exposed.nvme.join(', ') || 'no portal yet'}`],
      ] satisfies Facts)),
  ...(snapshot.schedule === null ? [] : ([['schedule', snapshot.schedule]] satisfies Facts)),
  ...(snapshot.repository === null
    ? []
    : ([['kept', `as the base of the next backup to ${snapshot.repository}`]] satisfies Facts)),
  ...(snapshot.group === null ? [] : ([['group', snapshot.group]] satisfies Facts)),
]
