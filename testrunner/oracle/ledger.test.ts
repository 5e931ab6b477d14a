import { beforeEach, describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import { MemoryDisk } from './memory-disk.ts'
import { newOracle } from './new-oracle.ts'
import type { LoadOptions, Oracle } from './oracle.ts'

const BLOCKS = 200
const { signal } = new AbortController()
const LOAD: LoadOptions = {
  ...{ depth: 4, readPercent: 30, flushEvery: 10, paceMs: 0, areaBytes: BLOCKS * 4096 },
}

let oracle: Oracle
let disk: MemoryDisk
beforeEach(() => {
  oracle = newOracle({ clock: new RealClock({ syscalls: loadSyscalls() }), random: new RealRandom() })
  disk = new MemoryDisk(BLOCKS)
  disk.before = () => new Promise((resolve) => setImmediate(resolve))
})

describe('a load', () => {
  it('writes, reads and flushes until it is stopped, and all of it is verified', async () => {
    const ledger = oracle.ledger('v1')
    const load = ledger.start(disk, LOAD)
    await load.progress(100, signal)
    await load.progress(50, signal)
    // also while it goes on
    expect((await ledger.verify(disk, signal)).blocks).toBeGreaterThan(50)
    const totals = await load.stop(signal)
    expect(totals.writes).toBeGreaterThanOrEqual(150)
    expect(totals.reads).toBeGreaterThan(10)
    expect(totals.flushes).toBeGreaterThanOrEqual(10)
    expect(totals).toMatchObject({ errors: 0, longestGapMs: expect.any(Number) })
    expect(totals.p99Ms).toBeGreaterThanOrEqual(totals.p50Ms)
    expect(load.totals).toEqual(totals)
    expect(() => oracle.check()).not.toThrow()
    await expect(load.progress(1, signal)).rejects.toMatchObject({ code: 'ACTION' })
  })

  it('stops by itself at what is wrong, and says so to whoever waits, at its stop and at the end', async () => {
    const ledger = oracle.ledger('v1')
    await ledger.fill(disk, disk.sizeBytes, signal)
    for (let i = 0; i < BLOCKS; i++) disk.block(i)[100]! ^= 1
    const load = ledger.start(disk, { ...LOAD, readPercent: 90 })
    const wrong = { code: 'DATA_MISMATCH', message: expect.stringMatching(/^v1 at byte \d+: it is damaged/) }
    await expect(load.progress(1_000_000, signal)).rejects.toMatchObject(wrong)
    await expect(load.stop(signal)).rejects.toMatchObject(wrong)
    expect(() => oracle.check()).toThrow(expect.objectContaining(wrong))
  })

  it('counts errors and goes on; what had no answer may be there or not', async () => {
    const ledger = oracle.ledger('v1')
    let left = 6
    disk.before = async (kind) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (kind === 'write' && left-- > 0) throw new BlockError('NO_SPACE', 'the disk is full')
    }
    const load = ledger.start(disk, { ...LOAD, depth: 2 })
    await load.progress(50, signal)
    expect(await load.stop(signal)).toMatchObject({ errors: 6 })
    await ledger.verify(disk, signal)
  })

  it('gives up what is under way when its stop is aborted', async () => {
    const ledger = oracle.ledger('v1')
    disk.before = () => new Promise(() => undefined)
    const aborted = new AbortController()
    const load = ledger.start(
      Object.assign(disk, {
        write: (_offset: number, _data: Uint8Array, given: AbortSignal) =>
          new Promise<void>((_resolve, reject) => {
            given.addEventListener('abort', () => reject(new BlockError('ABORTED', 'given up')))
          }),
      }),
      { ...LOAD, readPercent: 0 },
    )
    const waiting = load.progress(1, aborted.signal)
    const stopping = load.stop(aborted.signal)
    aborted.abort(new Error('late'))
    await expect(stopping).rejects.toThrow('late')
    await expect(waiting).rejects.toThrow()
    expect(load.totals).toMatchObject({ writes: 0, errors: 0 })
  })

  it('shares blocks with another load over another disk of the volume', async () => {
    const ledger = oracle.ledger('v1')
    const area = { ...LOAD, areaBytes: 8 * 4096, depth: 6 }
    const loads = [ledger.start(disk, area), ledger.start(disk, area)]
    await Promise.all(loads.map((load) => load.progress(200, signal)))
    await oracle.close()
    expect(await ledger.verify(disk, signal)).toEqual({ blocks: 8 })
  })

  it('refuses an area that is not on the disk', () => {
    const ledger = oracle.ledger('v1')
    expect(() => ledger.start(disk, { ...LOAD, areaBytes: disk.sizeBytes + 4096 })).toThrow(/larger than v1/)
    expect(() => ledger.start(disk, { ...LOAD, areaBytes: 100 })).toThrow(/4096 bytes at least/)
  })
})

describe('a ledger', () => {
  it('finds an acknowledged write that was lost, and remembers that it did', async () => {
    const ledger = oracle.ledger('v1')
    await ledger.fill(disk, disk.sizeBytes, signal)
    const old = disk.content.slice()
    await ledger.fill(disk, 64 * 4096, signal)
    disk.content.set(old.subarray(63 * 4096, 64 * 4096), 63 * 4096)
    await expect(ledger.verify(disk, signal)).rejects.toMatchObject({
      code: 'DATA_MISMATCH',
      evidence: { offset_bytes: 63 * 4096, expected: 'write 2', found_generation: 1 },
    })
    expect(() => oracle.check()).toThrow('v1 at byte 258048')
  })

  it('lets what no flush covered be missing when it was told so, and nothing else', async () => {
    const ledger = oracle.ledger('v1')
    await ledger.fill(disk, disk.sizeBytes, signal)
    const flushed = disk.content.slice()
    const load = ledger.start(disk, { ...LOAD, readPercent: 0, flushEvery: 0 })
    await load.progress(400, signal)
    await load.stop(signal)
    ledger.allowLoss()
    disk.content.set(flushed)
    await ledger.verify(disk, signal)
    disk.content.fill(0)
    await expect(ledger.verify(disk, signal)).rejects.toMatchObject({ code: 'DATA_MISMATCH' })
  })

  it('does not count flushes as settled: a lost primary took them with it', async () => {
    const ledger = oracle.ledger('v1')
    await ledger.fill(disk, disk.sizeBytes, signal)
    ledger.settled()
    const settled = disk.content.slice()
    await ledger.fill(disk, disk.sizeBytes, signal)
    disk.content.set(settled)
    ledger.allowLoss()
    await expect(ledger.verify(disk, signal)).rejects.toMatchObject({ code: 'DATA_MISMATCH' })
    ledger.allowLoss('unsettled')
    await ledger.verify(disk, signal)
  })

  it('knows what a snapshot shows that was made under load, and what is there after a restore', async () => {
    const ledger = oracle.ledger('v1')
    const load = ledger.start(disk, { ...LOAD, areaBytes: 100 * 4096 })
    await load.progress(100, signal)
    const mark = ledger.remember('monday')
    await expect(ledger.verifyAt('monday', disk, signal)).rejects.toMatchObject({ code: 'ARGUMENT' })
    await load.progress(20, signal)
    const snapshot = Object.assign(new MemoryDisk(BLOCKS), { content: disk.content.slice() })
    await load.progress(20, signal)
    mark.end()
    await load.progress(300, signal)
    await load.stop(signal)
    await ledger.fill(disk, disk.sizeBytes, signal)
    expect(await ledger.verifyAt('monday', snapshot, signal)).toEqual({ blocks: BLOCKS })
    await expect(ledger.verifyAt('monday', disk, signal)).rejects.toMatchObject({
      evidence: { as_of: 'monday' },
    })
    disk.content.set(snapshot.content)
    ledger.rewind('monday')
    await ledger.verify(disk, signal)
    const more = ledger.start(disk, LOAD)
    await more.progress(300, signal)
    await more.stop(signal)
    await ledger.verify(disk, signal)
    expect(() => ledger.rewind('sunday')).toThrow(/sunday/)
  })

  it('says nothing of blocks that it never wrote, and lets a clone bear the writes of its source', async () => {
    disk.content.fill(0xaa)
    const ledger = oracle.ledger('v1')
    expect(await ledger.verify(disk, signal)).toEqual({ blocks: 0 })
    await ledger.fill(disk, 32 * 4096, signal)
    const clone = oracle.ledger('clone')
    await clone.fill(disk, 16 * 4096, signal)
    expect(await clone.verify(disk, signal)).toEqual({ blocks: 16 })
    await expect(ledger.verify(disk, signal)).rejects.toMatchObject({
      evidence: { found: 'it holds what an earlier run wrote' },
    })
  })

  it('refuses a disk that is smaller than what was written', async () => {
    const ledger = oracle.ledger('v1')
    await ledger.fill(disk, disk.sizeBytes, signal)
    await expect(ledger.verify(new MemoryDisk(100), signal)).rejects.toMatchObject({ code: 'ASSERTION' })
  })
})
