import { describe, expect, it } from 'vitest'
import { epochNumber, logPosition, lsn } from '../../../src/base/units.ts'
import { blockChecksum } from '../../../src/blockvol/checksum.ts'
import { GROUP_FLAG_PAD, sealGroup } from '../../../src/blockvol/format/log-group.ts'
import {
  ENTRY_FLAG_HOLE,
  ENTRY_FLAG_UNKNOWN,
  MapPage,
  PAGE_BYTES,
} from '../../../src/blockvol/format/map-page.ts'
import type { Superblock } from '../../../src/blockvol/format/superblock.ts'
import { PAGE_BLOCKS, SEGMENT_BLOCKS } from '../../../src/blockvol/geometry.ts'
import { liveGroups } from './live-log.ts'
import { isWhole, placeOf, readMap, windowsOf } from './stored-blocks.ts'
import { compareStored } from './stored-replica.ts'

function mapOf(
  segment: number,
  entries: readonly (readonly [block: number, lsn: number, flags: number])[],
): Uint8Array {
  const first = (segment * SEGMENT_BLOCKS) / PAGE_BLOCKS
  const pages = [MapPage.empty(first), MapPage.empty(first + 1)]
  for (const [block, ofLsn, flags] of entries) {
    pages[Math.floor(block / PAGE_BLOCKS) - first]?.set(block % PAGE_BLOCKS, ofLsn, flags, 77)
  }
  for (const page of pages) page.seal(9)
  return Buffer.concat(pages.map(({ bytes }) => bytes))
}

describe('the map of a replica', () => {
  it('says which blocks have content, as which write', () => {
    const map = mapOf(0, [
      [3, 12, 0],
      [4, 13, ENTRY_FLAG_HOLE],
      [300, 14, 0],
    ])
    expect(readMap(map, 0)).toEqual({
      blocks: [
        { block: 3, lsn: 12, checksum: 77 },
        { block: 300, lsn: 14, checksum: 77 },
      ],
      unknown: [],
    })
  })

  it('counts on in the file of the next 64 GiB', () => {
    const block = SEGMENT_BLOCKS + 5
    expect(readMap(mapOf(1, [[block, 12, 0]]), 1).blocks).toEqual([{ block, lsn: 12, checksum: 77 }])
    expect(placeOf(block)).toEqual({ segment: 1, offsetBytes: 5 * 4096 })
  })

  it('names blocks that nobody knows, also those of a damaged sector', () => {
    const map = mapOf(0, [
      [1, 5, ENTRY_FLAG_UNKNOWN],
      [40, 6, 0],
    ])
    expect(readMap(map, 0).unknown).toEqual([1])
    map[512 + 100]! ^= 1
    const { blocks, unknown } = readMap(map, 0)
    expect(blocks).toEqual([])
    expect(unknown).toEqual([1, ...Array.from({ length: 32 }, (_, index) => 32 + index)])
  })

  it('of a file that was never written has nothing', () => {
    expect(readMap(new Uint8Array(2 * PAGE_BYTES), 0)).toEqual({ blocks: [], unknown: [] })
  })
})

describe('stored content', () => {
  it('is whole when it is what was written there, then', () => {
    const content = new Uint8Array(4096).fill(3)
    const stored = { block: 7, lsn: 30, checksum: blockChecksum(content, 7, 30) }
    expect(isWhole(stored, content)).toBe(true)
    expect(isWhole({ ...stored, block: 8 }, content)).toBe(false)
    content[9] = 4
    expect(isWhole(stored, content)).toBe(false)
  })

  it('is read in windows', () => {
    const at = (block: number) => ({ block, lsn: 1, checksum: 0 })
    expect(windowsOf([at(0), at(6), at(9), at(31)], 10)).toEqual([[at(0), at(6), at(9)], [at(31)]])
  })

  it('is compared block by block, where what is missing is zeros', () => {
    const zeros = '1ceaf73df40e531df3bfb26b4fb7cd95fb7bff1d'
    const stored = (sums: readonly (readonly [number, string])[], damaged: readonly number[] = []) => ({
      ...{ sums: new Map(sums), damaged },
    })
    const replicas = (other: ReturnType<typeof stored>) => [
      {
        name: 's1',
        stored: stored([
          [0, 'a'],
          [1, zeros],
        ]),
      },
      { name: 's2', stored: other },
    ]
    expect(compareStored(replicas(stored([[0, 'a']])), 9)).toEqual({ blocks: 2, differences: [] })
    expect(
      compareStored(
        replicas(
          stored([
            [0, 'b'],
            [2, 'c'],
          ]),
        ),
        9,
      ).differences,
    ).toEqual(['byte 0 of s2 is not that of s1', 'byte 8192 of s2 is not that of s1'])
    expect(compareStored(replicas(stored([[0, 'a']], [0])), 9).differences).toEqual([
      'byte 0 of s2 is not what its checksum says',
    ])
  })
})

describe('the log of a replica', () => {
  const RING = 64 * 1024
  const superblock = (position: number, atLsn: number): Superblock =>
    ({
      logBytes: RING,
      logTag: 99n,
      checkpoint: {
        lsn: lsn(atLsn),
        position: logPosition(position),
        epoch: { number: epochNumber(1), id: 1n },
        stateGeneration: 1,
      },
    }) as Superblock

  /** A group of no data at `position`, whose table is zeros: what follows the header is not looked at. */
  function put(
    log: Uint8Array,
    position: number,
    facts: { firstLsn: number; entries: number; lengthBytes: number; flags?: number },
  ): void {
    const bytes = new Uint8Array(512)
    const headerBytes = 80 + facts.entries * 24
    sealGroup(bytes, new DataView(bytes.buffer), headerBytes, 99n, {
      flags: facts.flags ?? 0,
      lengthBytes: facts.lengthBytes,
      entryCount: facts.entries,
      firstLsn: facts.firstLsn,
      position,
      epoch: { number: epochNumber(1), id: 1n },
      durableLsn: 0,
    })
    log.set(bytes, position % RING)
  }

  it('is read from the checkpoint over the end of the ring', () => {
    const log = new Uint8Array(RING)
    put(log, RING - 8192, { firstLsn: 11, entries: 2, lengthBytes: 512 })
    put(log, RING - 4096, { firstLsn: 13, entries: 0, lengthBytes: 4096, flags: GROUP_FLAG_PAD })
    put(log, RING, { firstLsn: 13, entries: 1, lengthBytes: 4608 })
    expect(liveGroups(log, superblock(RING - 8192, 10))).toEqual([
      { offsetBytes: RING - 8192, lengthBytes: 512, firstLsn: 11, lastLsn: 12 },
      { offsetBytes: 0, lengthBytes: 4608, firstLsn: 13, lastLsn: 13 },
    ])
  })

  it('ends where a group does not go on', () => {
    const log = new Uint8Array(RING)
    put(log, 4096, { firstLsn: 11, entries: 1, lengthBytes: 512 })
    put(log, 8192, { firstLsn: 14, entries: 1, lengthBytes: 512 })
    expect(liveGroups(log, superblock(4096, 10))).toHaveLength(1)
    expect(liveGroups(log, superblock(4096, 12))).toEqual([])
  })
})
