import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BackupRig, inlineCodec, objectsOf } from '../../test/backup/rig.ts'
import type { Run } from './core/manifest.ts'
import { RecordBatch } from './core/records.ts'
import { MergedSegments, type SegmentSource } from './merged.ts'
import type { Objects } from './objects.ts'
import { PackReader } from './pack-reader.ts'
import { RunCursor } from './run-cursor.ts'
import { type Attempt, RunWriter } from './run-writer.ts'
import { UploadLedger } from './upload-ledger.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'
const BACKUP = '20260131t120000z-0123abcd'

async function written(objects: Objects, fill: (writer: RunWriter) => Promise<void>): Promise<Run> {
  let used = 0
  const attempt: Attempt = {
    volume: VOLUME,
    backup: BACKUP,
    attempt: '0000aaaa',
    salt: new Uint8Array(16),
    key: null,
    packBytes: 8 * 1024 * 1024,
    counters(frames) {
      used += frames
      return used - frames
    },
  }
  const ledger = new UploadLedger(objects, attempt)
  const writer = new RunWriter({ keyring: objects.keyring, ledger, codec: inlineCodec, attempt })
  await fill(writer)
  const run = await writer.finish(0)
  await ledger.settle()
  return run!
}

describe('a run', () => {
  it('of two million records over 64 TiB comes back in order, one leaf in memory at a time', async () => {
    const rig = new BackupRig()
    const objects = objectsOf(rig)
    const count = 2_200_000
    const step = Math.floor(2 ** 34 / count)
    const hash = new Uint8Array(16)
    const run = await written(objects, async (writer) => {
      for (let i = 0; i < count; i++) {
        new DataView(hash.buffer).setUint32(0, i)
        const place = { pack: `p${Math.floor(i / 2048)}`, frame: (i % 2048) >> 4, slot: i % 16, hash }
        await writer.addData(i * step, place)
      }
    })
    // 538 leaves are more than one node has children
    expect(run).toMatchObject({
      depth: 2,
      root: { records: count, firstBlock: 0, endBlock: (count - 1) * step + 1 },
    })
    const reader = new PackReader({ objects, volume: VOLUME })
    const before = objects.requests
    const cursor = new RunCursor({ reader, codec: inlineCodec, run })
    let i = 0
    while (await cursor.advance()) {
      if (cursor.start !== i * step || cursor.pack !== `p${Math.floor(i / 2048)}` || cursor.slot !== i % 16)
        break
      if (new DataView(cursor.hash.buffer, cursor.hash.byteOffset).getUint32(0) !== i) break
      i++
    }
    expect(i).toBe(count)
    const bytes = rig.store
      .names('packs/')
      .reduce((sum, name) => sum + rig.store.objects.get(name)!.bytes.byteLength, 0)
    expect(bytes / count).toBeLessThan(22)
    // a megabyte a request, and the heads
    expect(objects.requests - before).toBeLessThan(bytes / (512 * 1024) + 10)
  }, 60_000)
})

/** One entry per block: number of the list that it is of, or −1 of a hole. */
function sourceOf(segments: readonly (readonly [number, number, boolean])[], list: number): SegmentSource {
  const batch = new RecordBatch()
  for (const [start, length, isHole] of segments) {
    if (isHole) batch.addHole(start, length)
    else batch.addData(start, `${list}`, 0, 0, new Uint8Array(16))
  }
  let at = -1
  let turns = 0
  return {
    get start() {
      return batch.block(at)
    },
    get end() {
      return batch.end(at)
    },
    get isHole() {
      return batch.isHole(at)
    },
    get pack() {
      return batch.pack(at)
    },
    frame: 0,
    slot: 0,
    hash: new Uint8Array(16),
    advance() {
      at++
      const isThere = at < batch.count
      // sometimes it has to be waited for
      return ++turns % 3 === 0 ? Promise.resolve(isThere) : isThere
    },
  }
}

describe('merged lists', () => {
  it('are, block by block, the newest that tells of it', async () => {
    const segment = fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 }), fc.boolean())
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(segment, { maxLength: 12 }), { maxLength: 5 }), async (lists) => {
        const placed = lists.map((list) => {
          let end = 0
          return list.map(([gap, length, isHole]) => {
            // two holes that touch would be one
            const start = end + gap + 1
            end = start + (isHole ? length : 1)
            return [start, end - start, isHole] as const
          })
        })
        const expected = new Map<number, string>()
        for (const [i, list] of placed.entries()) {
          for (const [start, length, isHole] of list) {
            for (let block = start; block < start + length; block++) {
              if (!expected.has(block)) expected.set(block, isHole ? 'hole' : `${i}`)
            }
          }
        }
        const merged = new MergedSegments(placed.map(sourceOf))
        const found = new Map<number, string>()
        let last = -1
        while (await merged.advance()) {
          expect(merged.start).toBeGreaterThan(last)
          expect(merged.end).toBeGreaterThan(merged.start)
          if (!merged.isHole) expect(merged.end).toBe(merged.start + 1)
          for (let block = merged.start; block < merged.end; block++) {
            found.set(block, merged.isHole ? 'hole' : merged.pack)
          }
          last = merged.end - 1
        }
        expect([...found].sort(([a], [b]) => a - b)).toEqual([...expected].sort(([a], [b]) => a - b))
      }),
      { numRuns: 300 },
    )
  })
})
