/** Ids that an orchestrator is given and gives back. What is none was never given: nothing of that id exists. */
import { parseUuid } from '../../base/uuid.ts'

export interface SnapshotId {
  /** UUID of the volume. */
  readonly volume: string
  /** As the API names it: 16 hex digits, unique in the volume. */
  readonly snapshot: string
}

const SNAPSHOT = /^[0-9a-f]{16}$/

/** Whether it can be the id of a volume, which is its UUID. */
export const isVolumeId = (text: string): boolean => parseUuid(text) !== undefined

export const formatSnapshotId = ({ volume, snapshot }: SnapshotId): string => `${volume}/${snapshot}`

/** Undefined when it is the id of no snapshot. */
export function parseSnapshotId(text: string): SnapshotId | undefined {
  const [volume = '', snapshot = '', ...more] = text.split('/')
  if (more.length > 0 || !isVolumeId(volume) || !SNAPSHOT.test(snapshot)) return undefined
  return { volume, snapshot }
}
