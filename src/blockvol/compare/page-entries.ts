/**
 * What one replica's block map has of a page, so that another replica can hold its own against it: as of an LSN that both
 * have flushed, the newest version of each block that is not above it. A block that is newer in log or map cannot be
 * told as of then any more, and is left out; it comes again with the next comparison.
 */
import type { DirtyMap } from '../dirty/dirty-map.ts'
import type { MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'

/** `zeros`: trimmed, or with LSN 0 never touched. `unknown`: damage took the entry. `newer`: not to be told as of then. */
export const ENTRY_KINDS = ['zeros', 'data', 'unknown', 'newer'] as const

/** What a map says of one block. */
export interface BlockEntry {
  readonly kind: (typeof ENTRY_KINDS)[number]
  readonly lsn: number
  /** Of data; else 0. */
  readonly checksum: number
}

const NEWER: BlockEntry = { kind: 'newer', lsn: 0, checksum: 0 }

/** The entry of one block, whatever its LSN. */
export function entryOf(page: MapPage, slot: number): BlockEntry {
  const lsn = page.lsn(slot)
  if (page.isUnknown(slot)) return { kind: 'unknown', lsn, checksum: 0 }
  return page.hasContent(slot)
    ? { kind: 'data', lsn, checksum: page.checksum(slot) }
    : { kind: 'zeros', lsn, checksum: 0 }
}

/** Entries of the page's 256 blocks, of a volume whose checkpoint has reached `asOfLsn`. MEDIUM. */
export async function entriesOf(
  { map, dirty }: { readonly map: BlockMap; readonly dirty: DirtyMap },
  index: number,
  asOfLsn: number,
): Promise<readonly BlockEntry[]> {
  const page = map.getNow(index) ?? (await map.get(index))
  return Array.from({ length: PAGE_BLOCKS }, (_, slot) => {
    // an entry that a flush left out because it was damaged is covered by a newer one, which is still in the log
    if (dirty.lookup(index * PAGE_BLOCKS + slot) !== 'clean') return NEWER
    const entry = entryOf(page, slot)
    return entry.lsn > asOfLsn ? NEWER : entry
  })
}

/** Whether hosts read the same: zeros have many names. */
export const isSameContent = (a: BlockEntry, b: BlockEntry): boolean =>
  a.kind === b.kind && (a.kind === 'zeros' || (a.lsn === b.lsn && a.checksum === b.checksum))

/**
 * Sixty-four bits over a page's entries, the same for entries that say the same. Two lanes with multipliers of their own
 * (docs/formats/replication.md): it finds what disks do, and withstands no one who means harm.
 */
export function hashOf(entries: readonly BlockEntry[]): bigint {
  let [a, b] = [0x9e3779b9, 0x85ebca6b]
  const take = (word: number): void => {
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul(b ^ word, 0x85ebca77)
    b ^= b >>> 13
  }
  for (const { kind, lsn, checksum } of entries) {
    const named = kind === 'zeros' ? 0 : lsn
    take(ENTRY_KINDS.indexOf(kind))
    take((named % 0x1_0000_0000) | 0)
    take(Math.floor(named / 0x1_0000_0000))
    take(checksum | 0)
  }
  return (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0)
}
