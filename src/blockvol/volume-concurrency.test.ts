import { describe, expect, it } from 'vitest'
import { Gate, HookedDisk } from '../../test/blockvol/hooked-disk.ts'
import {
  filled,
  freshVolume,
  portsWith,
  readBlock,
  realDisk,
  useScratch,
} from '../../test/blockvol/scratch.ts'
import { SeededRandom } from '../../test/sim/random.ts'
import { KIB } from '../base/units.ts'
import { codeOf } from '../io/test-support.ts'
import type { Volume } from './volume.ts'

const scratch = useScratch()
const TINY_LOG = { create: { logBytes: 128 * KIB } }

describe('operations at the same time', () => {
  it('keep sub-block writes next to each other, beside whole blocks and compare-and-writes', async () => {
    const volume = await freshVolume(portsWith(), scratch.next(), TINY_LOG)
    for (let round = 0; round < 30; round++) {
      const sectors = Array.from({ length: 8 }, (_, i) => filled(round * 8 + i, 512))
      const expected = await readBlock(volume, 1)
      await Promise.all([
        ...sectors.map((sector, i) => volume.write(i * 512, sector)),
        volume.compareAndWrite(4096, expected, filled(round)),
        volume.write(8192, filled(round + 1)),
      ])
      const found = await readBlock(volume, 0, 3)
      sectors.forEach((sector, i) => {
        expect(Buffer.compare(found.subarray(i * 512, (i + 1) * 512), sector), `sector ${i}`).toBe(0)
      })
      expect(Buffer.compare(found.subarray(4096, 8192), filled(round))).toBe(0)
      expect(Buffer.compare(found.subarray(8192), filled(round + 1))).toBe(0)
    }
    await volume.close()
  })

  it('let one of two equal compare-and-writes win', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    const zeros = new Uint8Array(512)
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => volume.compareAndWrite(512, zeros, filled(i + 1, 512))),
    )
    expect(results.filter(({ equal }) => equal)).toHaveLength(1)
    const winner = results.findIndex(({ equal }) => equal)
    expect(Buffer.compare((await readBlock(volume, 0)).subarray(512, 1024), filled(winner + 1, 512))).toBe(0)
    await volume.close()
  })

  it('leave each block with one of the writes that overlapped, and reads never see anything older', async () => {
    const volume = await freshVolume(portsWith(), scratch.next(), TINY_LOG)
    const random = new SeededRandom(9)
    const tagOf = (block: Uint8Array): number => block[0]! | (block[1]! << 8)
    const blockOf = (tag: number): Uint8Array => {
      const block = new Uint8Array(4096).fill(tag & 0xff)
      block[1] = tag >> 8
      return block
    }
    /** Least tag that block i may show from now on: its writes come one after the other. */
    const least = new Array<number>(8).fill(0)
    let isDone = false
    const write = async (block: number): Promise<void> => {
      for (let tag = 1; tag <= 150; tag++) {
        await volume.write(block * 4096, blockOf(tag))
        least[block] = tag
      }
    }
    const read = async (target: Uint8Array): Promise<void> => {
      while (!isDone) {
        const before = [...least]
        if (!volume.readNow(0, target)) await volume.read(0, target)
        for (let block = 0; block < 8; block++) {
          const tag = tagOf(target.subarray(block * 4096, block * 4096 + 2))
          expect(tag).toBeGreaterThanOrEqual(before[block]!)
        }
        if (random.chance(0.1)) await volume.flush()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const checkpoint = async (): Promise<void> => {
      while (!isDone) {
        await volume.checkpoint()
        // a checkpoint with nothing to do costs no turn of the event loop
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const readers = [read(new Uint8Array(8 * 4096)), read(new Uint8Array(8 * 4096)), checkpoint()]
    await Promise.all(least.map((_, block) => write(block)))
    isDone = true
    await Promise.all(readers)
    await volume.close()
  })

  it('let a trim race with writes, reads and flushes: zeros or new data, never old', async () => {
    const volume = await freshVolume(portsWith(), scratch.next(), TINY_LOG)
    for (let round = 1; round <= 60; round++) {
      const fresh = filled(round)
      const [, , seen] = await Promise.all([
        volume.trim(0, 4 * 4096),
        volume.write(4096, fresh),
        readBlock(volume, 1),
        round % 4 === 0 ? volume.checkpoint() : volume.flush(),
      ])
      const now = await readBlock(volume, 1)
      const isFresh = Buffer.compare(now, fresh) === 0
      expect(isFresh || now.every((byte) => byte === 0), `round ${round}`).toBe(true)
      const old = filled(round - 1)
      const mayBe = [fresh, old, new Uint8Array(4096)]
      expect(mayBe.some((meant) => Buffer.compare(seen, meant) === 0)).toBe(true)
      await volume.write(4096, fresh)
    }
    await volume.close()
  })

  it('answer reads while a flush stands still at any of its files', async () => {
    for (const file of ['/000000', '/maxima', '/000000.map', '/state', '/super']) {
      const disk = new HookedDisk(realDisk)
      const volume = await freshVolume(portsWith({ disk }), scratch.next())
      await volume.write(0, filled(1, 3 * 4096))
      await volume.trim(4096, 4096)
      const gate = new Gate()
      disk.hook = ({ name, path }) => (name === 'datasync' && path.endsWith(file) ? gate.pass() : undefined)
      const flushed = volume.checkpoint()
      await gate.reached
      const meant = filled(1, 3 * 4096).fill(0, 4096, 8192)
      expect(Buffer.compare(await readBlock(volume, 0, 3), meant), file).toBe(0)
      await volume.write(0, filled(2))
      expect(Buffer.compare(await readBlock(volume, 0), filled(2)), file).toBe(0)
      gate.open()
      await flushed
      expect(Buffer.compare(await readBlock(volume, 0), filled(2)), file).toBe(0)
      await volume.close()
    }
  })
})

describe('a write that waits', () => {
  async function withFullQueue(run: (volume: Volume, append: Gate) => Promise<void>): Promise<void> {
    const disk = new HookedDisk(realDisk)
    const open = { tuning: { pendingBytesMax: 8192, admissionTimeoutMs: 60_000 } }
    const volume = await freshVolume(portsWith({ disk }), scratch.next(), { open })
    const append = new Gate()
    disk.hook = ({ name, path }) => (name === 'write' && path.endsWith('/log') ? append.pass() : undefined)
    await run(volume, append)
    await volume.close()
  }

  it('goes on when the bytes before it are appended, whatever operation they were of', async () => {
    await withFullQueue(async (volume, append) => {
      const first = volume.compareAndWrite(0, new Uint8Array(8192), filled(1, 8192))
      await append.reached
      const second = volume.write(40_960, filled(2, 8192))
      append.open()
      expect(await first).toEqual({ equal: true })
      await second
    })
  })

  it('for room in a full log fails with BUSY after its bound, and works again when there is room', async () => {
    const disk = new HookedDisk(realDisk)
    const open = { tuning: { admissionTimeoutMs: 50 } }
    const volume = await freshVolume(portsWith({ disk }), scratch.next(), { ...TINY_LOG, open })
    const gate = new Gate()
    disk.hook = ({ name }) => (name === 'writeMany' ? gate.pass() : undefined)
    let code = 'no error'
    for (let i = 0; code === 'no error' && i < 100; i++)
      code = await codeOf(volume.write(i * 4096, filled(i)))
    expect(code).toBe('BUSY')
    expect(volume.status().health).toBe('healthy')
    gate.open()
    await volume.checkpoint()
    await volume.write(0, filled(5))
    expect(Buffer.compare(await readBlock(volume, 0), filled(5))).toBe(0)
    await volume.close()
  })
})
