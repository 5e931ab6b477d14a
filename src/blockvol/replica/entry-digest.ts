/** What two replicas compare of an entry that both have: everything but its place in the log. */
import { viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import type { ReadEntry, ReadGroup } from '../log/log-reader.ts'

/** CRC-32C of an entry's epoch, fields and blocks' checksums. */
export function entryDigest({ epoch }: Pick<ReadGroup, 'epoch'>, entry: ReadEntry): number {
  const bytes = new Uint8Array(48 + entry.checksums.length * 4)
  const view = viewOf(bytes)
  writeU64(view, 0, epoch.number)
  view.setBigUint64(8, epoch.id, true)
  writeU64(view, 16, entry.lsn)
  writeU64(view, 24, entry.block)
  writeU64(view, 32, entry.blocks)
  view.setUint32(40, entry.kind, true)
  view.setUint32(44, entry.argument, true)
  for (const [i, sum] of entry.checksums.entries()) view.setUint32(48 + i * 4, sum, true)
  return crc32c(bytes)
}
