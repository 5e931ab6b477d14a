import { describe, expect, it } from 'vitest'
import {
  filled,
  freshVolume,
  openVolume,
  portsWith,
  readBlock,
  useScratch,
} from '../../../test/blockvol/scratch.ts'
import { BlockError } from '../../base/errors.ts'
import type { Origin, OriginSource } from '../../base/ports/origin.ts'
import { codeOf } from '../../io/test-support.ts'

const scratch = useScratch()
const BLOCKS = 10
const ORIGIN: Origin = {
  volume: '11111111-2222-4333-8444-555555555555',
  snapshot: 77n,
  sizeBytes: BLOCKS * 4096,
}

/** Blocks 0 to 9 have content, but for 4 and 5, which are a hole and never touched. */
class Source implements OriginSource {
  isThere = true

  static content = (block: number): Uint8Array =>
    block === 4 || block === 5 ? new Uint8Array(4096) : filled(block + 20)

  async read(block: number, target: Uint8Array): Promise<void> {
    if (!this.isThere) throw new BlockError('BUSY', 'the origin is out of reach')
    for (let at = 0; at < target.byteLength; at += 4096) target.set(Source.content(block + at / 4096), at)
  }

  async changed({ fromBlock }: { fromBlock: number }) {
    const all = Array.from({ length: BLOCKS }, (_, block) => ({
      block,
      lsn: 3,
      kind: block === 4 ? ('hole' as const) : ('data' as const),
    }))
    return { blocks: all.filter(({ block }) => block >= fromBlock && block !== 5), nextBlock: null }
  }
}

async function expectBlocks(
  volume: Parameters<typeof readBlock>[0],
  meant: (block: number) => Uint8Array,
): Promise<void> {
  const whole = await readBlock(volume, 0, BLOCKS + 2)
  for (let block = 0; block < BLOCKS + 2; block++) {
    const found = whole.subarray(block * 4096, (block + 1) * 4096)
    expect(Buffer.compare(found, meant(block)), `block ${block}`).toBe(0)
  }
}
const ofOrigin = (block: number): Uint8Array =>
  block < BLOCKS ? Source.content(block) : new Uint8Array(4096)

describe('a clone', () => {
  it('has what its origin has, under what was written, trimmed and zeroed, flushed or not', async () => {
    const directory = scratch.next()
    const origin = new Source()
    let volume = await freshVolume(portsWith(), directory, { open: { origin } })
    await volume.setOrigin(ORIGIN)
    await volume.setOrigin(ORIGIN)
    expect(volume.origin).toEqual(ORIGIN)
    await expectBlocks(volume, ofOrigin)
    await volume.write(4096, filled(1))
    await volume.write(2 * 4096 + 512, filled(9, 512))
    await volume.trim(3 * 4096, 4096)
    await volume.writeZeroes(6 * 4096, 4096)
    const part = Source.content(2).slice()
    part.set(filled(9, 512), 512)
    const meant = (block: number): Uint8Array => {
      if (block === 1) return filled(1)
      if (block === 2) return part
      return block === 3 || block === 6 ? new Uint8Array(4096) : ofOrigin(block)
    }
    await expectBlocks(volume, meant)
    await volume.checkpoint()
    await expectBlocks(volume, meant)
    await volume.close()
    volume = await openVolume(portsWith(), directory, { origin })
    await expectBlocks(volume, meant)
    const runs = await volume.allocation(0, 12 * 4096, 10)
    expect(runs.map(({ mapped, lengthBytes }) => [mapped, lengthBytes / 4096])).toEqual([
      [true, 3],
      [false, 1],
      [true, 2],
      [false, 1],
      [true, 3],
      [false, 2],
    ])
    origin.isThere = false
    expect(await codeOf(readBlock(volume, 0))).toBe('BUSY')
    expect(Buffer.compare(await readBlock(volume, 1), filled(1))).toBe(0)
    await volume.close()
  })

  it('is filled without harm to what hosts wrote, and only then has snapshots', async () => {
    const directory = scratch.next()
    const origin = new Source()
    let volume = await freshVolume(portsWith(), directory, { open: { origin } })
    await volume.setOrigin(ORIGIN)
    await volume.write(4096, filled(1))
    await volume.trim(8 * 4096, 4096)
    expect(await codeOf(volume.createSnapshot({ id: 1n, name: 'a' }))).toBe('CONFLICT')
    expect((await volume.untouched(0, 100)).blocks).toEqual([0, 2, 3, 4, 5, 6, 7, 9])
    expect(await volume.untouched(2, 2)).toEqual({ blocks: [2, 3], nextBlock: 4 })
    const data = new Uint8Array(4 * 4096)
    await origin.read(0, data)
    // a host's write of a part of the same blocks, at once
    const [filledBlocks] = await Promise.all([
      volume.hydrate(0, data),
      volume.write(3 * 4096 + 512, filled(9, 512)),
    ])
    expect(filledBlocks).toBeGreaterThanOrEqual(2)
    expect(await codeOf(volume.finishOrigin())).toBe('CONFLICT')
    for (const block of [6, 7, 8, 9]) await volume.hydrate(block, Source.content(block))
    await volume.finishOrigin()
    await volume.finishOrigin()
    expect(volume.origin).toBeNull()
    origin.isThere = false
    const part = Source.content(3).slice()
    part.set(filled(9, 512), 512)
    const meant = (block: number): Uint8Array => {
      if (block === 1) return filled(1)
      if (block === 3) return part
      return block === 8 ? new Uint8Array(4096) : ofOrigin(block)
    }
    await expectBlocks(volume, meant)
    await volume.createSnapshot({ id: 1n, name: 'a' })
    await volume.close()
    volume = await openVolume(portsWith(), directory)
    await expectBlocks(volume, meant)
    await volume.close()
  })

  it('is made only of a new volume that is large enough', async () => {
    const volume = await freshVolume(portsWith(), scratch.next())
    expect(await codeOf(volume.setOrigin({ ...ORIGIN, sizeBytes: 1 << 30 }))).toBe('CONFLICT')
    expect(await codeOf(volume.setOrigin({ ...ORIGIN, volume: 'nonsense' }))).toBe('INVALID_ARGUMENT')
    await volume.write(0, filled(1))
    expect(await codeOf(volume.setOrigin(ORIGIN))).toBe('CONFLICT')
    await volume.checkpoint()
    expect(await codeOf(volume.setOrigin(ORIGIN))).toBe('CONFLICT')
    await volume.close()
  })
})
