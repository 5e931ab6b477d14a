/** `VOLUME@SNAPSHOT`: how a snapshot is named wherever one is meant. */
import { BlockError } from '../../base/errors.ts'
import { parseName, parseVolumeName, printable } from '../../base/names.ts'
import type { ArgumentDescription } from '../command.ts'

export const SNAPSHOT: ArgumentDescription = {
  name: 'VOLUME@SNAPSHOT',
  help: 'the snapshot, as its volume, @ and its name',
}

export interface SnapshotName {
  readonly volume: string
  readonly snapshot: string
}

/** Both names; INVALID_ARGUMENT for what is not of that form. */
export function parseSnapshotName(text: string): SnapshotName {
  const parts = text.split('@')
  const [volume = '', snapshot = ''] = parts
  if (parts.length !== 2 || volume === '' || snapshot === '') {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `'${printable(text)}' names no snapshot; write VOLUME@SNAPSHOT, for example db1@monday`,
    )
  }
  return {
    volume: parseVolumeName(volume, 'VOLUME'),
    snapshot: parseName(snapshot, 'SNAPSHOT', 'a snapshot name'),
  }
}
