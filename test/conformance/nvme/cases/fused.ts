import { strict as assert } from 'node:assert'
import type { Completion } from '../../../../src/nvme/commands.ts'
import { Fuse, IoOpcode, PSDT_SGL } from '../../../../src/nvme/commands.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { behaviour, type Context, type Io, pattern, Skipped } from '../case.ts'
import { completionOf, hasStatus, isSuccess } from '../raw-queue.ts'

const LBA = 60

/** Compare and Write; what stands at `LBA` is `before`. */
async function ready(c: Context, before: Uint8Array | undefined): Promise<Io> {
  const io = await c.io()
  if ((io.identity.page[522]! & 1) === 0) throw new Skipped('no fused operation (FUSES)')
  if (before !== undefined) isSuccess(await io.write(LBA, before))
  return io
}

const half = (io: Io, opcode: number, fuse: number, capsuleData: Uint8Array, lba = LBA): number =>
  io.queue.capsule({
    ...io.blocks(opcode, lba, capsuleData.byteLength / io.blockBytes),
    flags: PSDT_SGL | fuse,
    capsuleData,
  })

async function both(io: Io, cids: readonly [number, number]): Promise<readonly [Completion, Completion]> {
  return [await completionOf(io.queue, cids[0]), await completionOf(io.queue, cids[1])]
}

export const fused = behaviour('fused Compare and Write', 'NVMe Base 2.0 §3.4.2', {
  'writes when the blocks are equal': async (c) => {
    const before = pattern(512 * 8, 31)
    const io = await ready(c, before)
    const after = pattern(before.byteLength, 32)
    const ends = await both(io, [
      half(io, IoOpcode.compare, Fuse.first, before),
      half(io, IoOpcode.write, Fuse.second, after),
    ])
    for (const ended of ends) isSuccess(ended)
    const blocks = before.byteLength / io.blockBytes
    assert.deepEqual(Buffer.from((await io.read(LBA, blocks)).data), Buffer.from(after))
  },
  'writes nothing when they differ': async (c) => {
    const before = pattern(512 * 8, 33)
    const io = await ready(c, before)
    const [compared, written] = await both(io, [
      half(io, IoOpcode.compare, Fuse.first, pattern(before.byteLength, 34)),
      half(io, IoOpcode.write, Fuse.second, pattern(before.byteLength, 35)),
    ])
    hasStatus(compared, STATUS.COMPARE_FAILURE)
    hasStatus(written, STATUS.ABORTED_FAILED_FUSED)
    const blocks = before.byteLength / io.blockBytes
    assert.deepEqual(Buffer.from((await io.read(LBA, blocks)).data), Buffer.from(before))
  },
  'a first without a second is aborted': async (c) => {
    const before = pattern(512 * 8, 36)
    const io = await ready(c, before)
    const first = half(io, IoOpcode.compare, Fuse.first, before)
    const other = io.queue.capsule({ opcode: IoOpcode.flush, nsid: 1 })
    const statuses = new Map<number, Completion>()
    for (let i = 0; i < 2; i++) {
      const { header } = await io.queue.next(5)
      const cid = header.getUint16(20, true)
      statuses.set(cid, { dw0: 0, dw1: 0, sqhd: 0, cid, status: header.getUint16(22, true) >>> 1 })
    }
    hasStatus(statuses.get(first)!, STATUS.ABORTED_MISSING_FUSED)
    isSuccess(statuses.get(other)!)
  },
  'a second without a first is aborted': async (c) => {
    const io = await ready(c, undefined)
    const cid = half(io, IoOpcode.write, Fuse.second, pattern(4096, 37))
    hasStatus(await completionOf(io.queue, cid), STATUS.ABORTED_MISSING_FUSED)
  },
  'of different blocks is refused': async (c) => {
    const before = pattern(512 * 8, 38)
    const io = await ready(c, before)
    const first = half(io, IoOpcode.compare, Fuse.first, before)
    const second = half(io, IoOpcode.write, Fuse.second, before, LBA + 8)
    const seen: number[] = []
    for (let i = 0; i < 2; i++) {
      const { header } = await io.queue.next(5)
      const cid = header.getUint16(20, true)
      const status = header.getUint16(22, true) >>> 1
      if (cid === first) seen.push(status)
      assert([first, second].includes(cid))
      assert.notEqual(status, 0)
    }
    hasStatus({ status: seen[0]! }, STATUS.INVALID_FIELD, STATUS.ABORTED_FAILED_FUSED)
  },
  'FUSE 3 is no fused operation': async (c) => {
    const io = await ready(c, undefined)
    const ended = await io.run({ opcode: IoOpcode.flush, nsid: 1, flags: PSDT_SGL | 3 })
    hasStatus(ended, STATUS.INVALID_FIELD)
  },
})
