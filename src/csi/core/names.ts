/**
 * From the names that an orchestrator chooses (any text up to 128 bytes) to names of volumes and snapshots. The same text
 * gives the same name always: a call that is made again finds what it made before.
 */
import { createHash } from 'node:crypto'
import { parseUuid } from '../../base/uuid.ts'
import { CsiError } from '../server/csi-error.ts'

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/
const SNAPSHOT_ID = /^[0-9a-f]{16}$/
const HASHED_PREFIX = 'csi-'
const CLONE_PREFIX = 'csi-clone-'
const HASH_DIGITS = 40
/** The specification's bound of a field that names no other. */
const CSI_NAME_BYTES_MAX = 128

/**
 * The volume or snapshot that `csiName` stands for: itself when it may be one, else `csi-` and a hash of it. INVALID_ARGUMENT
 * when it is empty or too long. What could be an id is hashed too: the API finds volumes and snapshots by name or
 * id, and one that is called like the id of another would hide it.
 */
export function storageName(csiName: string): string {
  if (csiName === '') throw new CsiError('INVALID_ARGUMENT', 'name: give one')
  if (Buffer.byteLength(csiName) > CSI_NAME_BYTES_MAX) {
    throw new CsiError('INVALID_ARGUMENT', `name: it has more than ${CSI_NAME_BYTES_MAX} bytes`)
  }
  const isPlain = NAME.test(csiName) && !csiName.startsWith(HASHED_PREFIX) && !isId(csiName)
  return isPlain ? csiName : `${HASHED_PREFIX}${hashOf(csiName)}`
}

/** The snapshot by which the volume of this name is cloned from another volume; it is deleted when the clone is filled. */
export const cloneSnapshotName = (volumeName: string): string => `${CLONE_PREFIX}${hashOf(volumeName)}`

/** Whether a snapshot is one by which a volume is or was cloned. No CSI snapshot is called so. */
export const isCloneSnapshotName = (snapshotName: string): boolean =>
  snapshotName.length === CLONE_PREFIX.length + HASH_DIGITS && snapshotName.startsWith(CLONE_PREFIX)

const isId = (text: string): boolean => parseUuid(text) !== undefined || SNAPSHOT_ID.test(text)

const hashOf = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('hex').slice(0, HASH_DIGITS)
