/** How a log entry shows in the dirty map: the same when it is appended and when it is replayed. */
import { BLOCK_BYTES } from '../../base/units.ts'
import { ENTRY_KIND, type EntryKind } from '../format/log-group.ts'
import type { Generation } from './dirty-map.ts'

export interface RecordedEntry {
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
}

/** `dataPosition` is the log position of the entry's first data block; `checksum(i)` that of its block i. */
export function recordEntry(
  generation: Generation,
  entry: RecordedEntry,
  lsn: number,
  dataPosition: number,
  checksum: (i: number) => number,
): void {
  const { kind, block, blocks } = entry
  switch (kind) {
    case ENTRY_KIND.write:
      for (let i = 0; i < blocks; i++) {
        generation.putBlock(block + i, lsn, dataPosition + i * BLOCK_BYTES, checksum(i))
      }
      return
    case ENTRY_KIND.trim:
    case ENTRY_KIND.writeZeroes:
    case ENTRY_KIND.writeSame: {
      const isPattern = kind === ENTRY_KIND.writeSame
      generation.putRange({
        start: block,
        end: block + blocks,
        lsn,
        patternPosition: isPattern ? dataPosition : -1,
        patternChecksum: isPattern ? checksum(0) : 0,
        patternBlock: block,
        isTouched: false,
      })
      return
    }
    case ENTRY_KIND.epochStart:
    case ENTRY_KIND.formatLevel:
    case ENTRY_KIND.resize:
    case ENTRY_KIND.frontendState:
    case ENTRY_KIND.snapshotCreate:
    case ENTRY_KIND.snapshotDelete:
    case ENTRY_KIND.restore:
    case ENTRY_KIND.origin:
      return
  }
}
