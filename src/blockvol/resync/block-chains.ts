/**
 * All versions of the blocks of a map page that this volume has: those that are kept for snapshots, the entry of the map, and
 * the entries in the generations of the dirty map. A generation ends at a snapshot, so every version that one sees is among
 * them. A restore that is not flushed hides nothing here: what was before it is looked at, and after it nothing.
 *
 * What is flushed moves from one place to the next, into the store first. So map and dirty map are looked at first, in one
 * turn, and the store after that: a version may be found in two places, never in none.
 */
import type { DirtyMap, Generation } from '../dirty/dirty-map.ts'
import type { MapPage } from '../format/map-page.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { BlockMap } from '../map/block-map.ts'
import type { VersionStore } from '../versions/version.ts'

/** A version in a chain. `pattern`: content of a WRITE SAME, in the log at `position`, with the checksum of `seedBlock`. */
export interface Link {
  readonly lsn: number
  /** `unknown`: what it holds is not known. Its LSN may be 0. */
  readonly kind: 'data' | 'pattern' | 'hole' | 'unknown'
  readonly checksum: number
  readonly position: number
  readonly seedBlock: number
  /** Only the store has it. */
  readonly isStored: boolean
}

/** Versions that one question to the store brings. */
const SCAN_MAX = 4096

export interface ChainParts {
  readonly dirty: DirtyMap
  readonly map: BlockMap
  readonly versions: Pick<VersionStore, 'isEmpty' | 'scan'>
}

/** Chains of the page's blocks, each ascending by LSN; one link with LSN 0 where nobody touched the block. MEDIUM. */
export async function chainsOf({ dirty, map, versions }: ChainParts, index: number): Promise<Link[][]> {
  let page = map.getNow(index)
  if (page === undefined) {
    await map.get(index)
    page = map.getNow(index) ?? (await map.get(index))
  }
  const chains = linksOf(page, dirty)
  if (!versions.isEmpty) await addStored(chains, index, versions)
  return chains
}

/** Within a turn. */
function linksOf(page: MapPage, dirty: DirtyMap): Link[][] {
  const generations = beforeRestores(dirty)
  const chains: Link[][] = []
  for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
    const chain = [mapped(page, slot)]
    for (const generation of generations) {
      const link = entryIn(generation, page.index * PAGE_BLOCKS + slot)
      // the map may have it already, or a base block that is newer
      if (link !== undefined && link.lsn > chain.at(-1)!.lsn) chain.push(link)
    }
    chains.push(chain)
  }
  return chains
}

/** Generations that have something, before the first restore. */
function beforeRestores({ generations }: DirtyMap): readonly Generation[] {
  const restore = generations.findIndex((generation) => generation.restore !== undefined)
  return generations
    .slice(0, restore < 0 ? generations.length : restore)
    .filter((generation) => !generation.isEmpty)
}

function mapped(page: MapPage, slot: number): Link {
  const kind = page.hasContent(slot) ? 'data' : page.isUnknown(slot) ? 'unknown' : 'hole'
  const checksum = kind === 'data' ? page.checksum(slot) : 0
  return { lsn: page.lsn(slot), kind, checksum, position: 0, seedBlock: 0, isStored: false }
}

function entryIn({ blocks, ranges }: Generation, block: number): Link | undefined {
  const slot = blocks.size === 0 ? -1 : blocks.find(block)
  const range = ranges.size === 0 ? undefined : ranges.find(block)
  if (slot >= 0 && (range === undefined || blocks.lsn(slot) > range.lsn)) {
    const [lsn, position, checksum] = [blocks.lsn(slot), blocks.position(slot), blocks.checksum(slot)]
    return { lsn, kind: 'data', checksum, position, seedBlock: block, isStored: false }
  }
  if (range === undefined) return undefined
  const { lsn, patternPosition: position, patternChecksum: checksum, patternBlock: seedBlock } = range
  if (position < 0) return { lsn, kind: 'hole', checksum: 0, position: 0, seedBlock: 0, isStored: false }
  return { lsn, kind: 'pattern', checksum, position, seedBlock, isStored: false }
}

async function addStored(
  chains: Link[][],
  index: number,
  versions: Pick<VersionStore, 'scan'>,
): Promise<void> {
  const [first, end] = [index * PAGE_BLOCKS, (index + 1) * PAGE_BLOCKS]
  for (let from = first; from < end; ) {
    const stored = await versions.scan(from, end, SCAN_MAX)
    for (const { block, lsn, kind, checksum } of stored) {
      const chain = chains[block - first]!
      if (chain.some((link) => link.lsn === lsn)) continue
      const link = { lsn, checksum, position: 0, seedBlock: block, isStored: true }
      // an entry of the map that is not known may have no LSN, and is newer than what is stored all the same
      const unknown = chain.findIndex(({ kind: of, isStored }) => of === 'unknown' && !isStored)
      const place = unknown >= 0 ? unknown : chain.findIndex((other) => other.lsn > lsn)
      chain.splice(place >= 0 ? place : chain.length, 0, { ...link, kind: kind === 'bad' ? 'unknown' : kind })
    }
    const last = stored.at(-1)
    if (last === undefined) return
    from = last.block + 1
  }
}
