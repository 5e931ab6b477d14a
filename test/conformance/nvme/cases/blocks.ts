import { strict as assert } from 'node:assert'
import { IoFlag, IoOpcode, NSID_ALL } from '../../../../src/nvme/commands.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { behaviour, type Io, pattern, Skipped } from '../case.ts'
import { type Ended, hasStatus, isFinal, isSuccess } from '../raw-queue.ts'

const ONCS_COMPARE = 1
const ONCS_DSM = 4
const ONCS_WRITE_ZEROES = 8
const ONCS_VERIFY = 0x80

function needs(io: Io, oncs: number, what: string): void {
  if ((Buffer.from(io.identity.page).readUInt16LE(520) & oncs) === 0) throw new Skipped(`no ${what} (ONCS)`)
}

export const readWrite = behaviour('Read and Write', 'NVM Command Set 1.0 §3.2.4, §3.2.6', {
  'what was written is read': async (c) => {
    const io = await c.io()
    const data = pattern(8 * io.blockBytes, 3)
    isSuccess(await io.write(16, data))
    assert.deepEqual(Buffer.from((await io.read(16, 8)).data), Buffer.from(data))
  },
  'in the capsule, as much as fits': async (c) => {
    const io = await c.io()
    const bytes = Math.floor(io.identity.capsuleDataBytes / io.blockBytes) * io.blockBytes
    if (bytes === 0) throw new Skipped('no in-capsule data')
    const data = pattern(bytes, 4)
    const ended = await io.write(0, data)
    isSuccess(ended)
    assert.deepEqual(ended.r2ts, [])
    assert.deepEqual(Buffer.from((await io.read(0, bytes / io.blockBytes)).data), Buffer.from(data))
  },
  'one block more in the capsule than fits ends the connection': async (c) => {
    const io = await c.io()
    const blocks = Math.floor(io.identity.capsuleDataBytes / io.blockBytes) + 1
    io.queue.capsule({
      ...io.blocks(IoOpcode.write, 0, blocks),
      capsuleData: pattern(blocks * io.blockBytes),
    })
    await io.queue.terminated(1, 4)
    await io.admin.barrier()
  },
  'with force unit access': async (c) => {
    const io = await c.io()
    const data = pattern(io.blockBytes, 5)
    isSuccess(await io.write(9, data, IoFlag.forceUnitAccess))
    const entry = io.blocks(IoOpcode.read, 9, 1, IoFlag.forceUnitAccess)
    const ended = await io.run(entry, { dataInBytes: io.blockBytes })
    isSuccess(ended)
    assert.deepEqual(Buffer.from(ended.data), Buffer.from(data))
  },
  'data comes whole, in order, and ends once': async (c) => {
    const io = await c.io()
    const blocks = Math.min(io.identity.transferBytesMax, 1 << 20) / io.blockBytes
    const { data, dataPdus } = await io.read(0, blocks)
    assert.equal(data.byteLength, blocks * io.blockBytes)
    const last = dataPdus.map(({ flags }) => (flags & 4) !== 0)
    assert.deepEqual(last, [...last.slice(1).map(() => false), true])
  },
  'many commands at once, each with its own data': async (c) => {
    const io = await c.io()
    for (let i = 0; i < 8; i++) isSuccess(await io.write(i, pattern(io.blockBytes, 100 + i)))
    const sgl = { identifier: 0x5a, lengthBytes: io.blockBytes }
    const cids = Array.from({ length: 8 }, (_, i) =>
      io.queue.capsule({ ...io.blocks(IoOpcode.read, i, 1), sgl }),
    )
    const data = new Map<number, Buffer>()
    for (let open = 8; open > 0; ) {
      const pdu = await io.queue.next()
      const cid = pdu.header.getUint16(pdu.type === 7 ? 8 : 20, true)
      if (pdu.type === 7) data.set(cid, Buffer.from(pdu.data))
      if (pdu.type === 5 || (pdu.flags & 8) !== 0) open--
    }
    for (const [i, cid] of cids.entries()) {
      assert.deepEqual(data.get(cid), Buffer.from(pattern(io.blockBytes, 100 + i)))
    }
  },
})

/** Ends of the volume, with every command that names blocks. */
const lastBlocks = (opcode: number, what: string, oncs = 0) =>
  behaviour(`${what} at the end of the volume`, 'NVM Command Set 1.0 §3.2', {
    'the last block': async (c) => {
      const io = await c.io()
      if (oncs > 0) needs(io, oncs, what)
      isSuccess(await at(io, opcode, io.namespace.blocks - 1, 1))
    },
    'the block behind it': async (c) => {
      const io = await c.io()
      if (oncs > 0) needs(io, oncs, what)
      isFinal(await at(io, opcode, io.namespace.blocks, 1), STATUS.LBA_OUT_OF_RANGE)
    },
    'the last block and the one behind it': async (c) => {
      const io = await c.io()
      if (oncs > 0) needs(io, oncs, what)
      isFinal(await at(io, opcode, io.namespace.blocks - 1, 2), STATUS.LBA_OUT_OF_RANGE)
    },
    'block 2^64 - 1': async (c) => {
      const io = await c.io()
      if (oncs > 0) needs(io, oncs, what)
      const entry = { ...io.blocks(opcode, 0, 1), cdw10: 0xffff_ffff, cdw11: 0xffff_ffff }
      isFinal(await io.run(entry, dataOf(io, opcode, 1)), STATUS.LBA_OUT_OF_RANGE)
    },
  })

const dataOf = (io: Io, opcode: number, blocks: number): { dataInBytes?: number; dataOut?: Uint8Array } => {
  if (opcode === IoOpcode.read) return { dataInBytes: blocks * io.blockBytes }
  return opcode === IoOpcode.write ? { dataOut: pattern(blocks * io.blockBytes) } : {}
}

const at = (io: Io, opcode: number, lba: number, blocks: number): Promise<Ended> =>
  io.run(io.blocks(opcode, lba, blocks), dataOf(io, opcode, blocks))

export const readEnd = lastBlocks(IoOpcode.read, 'Read')
export const writeEnd = lastBlocks(IoOpcode.write, 'Write')
export const writeZeroesEnd = lastBlocks(IoOpcode.writeZeroes, 'Write Zeroes', ONCS_WRITE_ZEROES)
export const verifyEnd = lastBlocks(IoOpcode.verify, 'Verify', ONCS_VERIFY)

export const transferSize = behaviour('the largest transfer (MDTS)', 'NVMe Base 2.0 §5.17.2.1', {
  'of a read': async (c) => {
    const io = await c.io()
    const blocks = mdtsBlocks(io)
    assert.equal((await io.read(0, blocks)).data.byteLength, blocks * io.blockBytes)
  },
  'of a read, one block more': async (c) => {
    const io = await c.io()
    const blocks = mdtsBlocks(io) + 1
    const ended = await io.run(io.blocks(IoOpcode.read, 0, blocks), { dataInBytes: blocks * io.blockBytes })
    isFinal(ended, STATUS.INVALID_FIELD)
  },
  'of a write': async (c) => {
    const io = await c.io()
    const data = pattern(mdtsBlocks(io) * io.blockBytes, 6)
    isSuccess(await io.write(0, data))
    assert.deepEqual(Buffer.from((await io.read(0, mdtsBlocks(io))).data), Buffer.from(data))
  },
  'of a write, one block more': async (c) => {
    const io = await c.io()
    const blocks = mdtsBlocks(io) + 1
    const sgl = { identifier: 0x5a, lengthBytes: blocks * io.blockBytes }
    isFinal(await io.run({ ...io.blocks(IoOpcode.write, 0, blocks), sgl }), STATUS.INVALID_FIELD)
  },
})

function mdtsBlocks(io: Io): number {
  const { transferBytesMax } = io.identity
  const blocks = transferBytesMax / io.blockBytes
  if (!Number.isFinite(blocks) || blocks >= 65_536) throw new Skipped('no limit that a command could exceed')
  return blocks
}

export const namespaces = behaviour('namespaces of I/O commands', 'NVMe Base 2.0 §3.2.1', {
  'namespace 0': async (c) => {
    const io = await c.io()
    const ended = await io.run({ ...io.blocks(IoOpcode.read, 0, 1), nsid: 0 }, { dataInBytes: io.blockBytes })
    isFinal(ended, STATUS.INVALID_NAMESPACE)
  },
  'one that there is not': async (c) => {
    const io = await c.io()
    const ended = await io.run(
      { ...io.blocks(IoOpcode.read, 0, 1), nsid: 0x77 },
      { dataInBytes: io.blockBytes },
    )
    isFinal(ended, STATUS.INVALID_NAMESPACE, STATUS.INVALID_FIELD)
  },
  'all of them, for a read': async (c) => {
    const io = await c.io()
    const entry = { ...io.blocks(IoOpcode.read, 0, 1), nsid: NSID_ALL }
    isFinal(
      await io.run(entry, { dataInBytes: io.blockBytes }),
      STATUS.INVALID_NAMESPACE,
      STATUS.INVALID_FIELD,
    )
  },
  'all of them, for a flush': async (c) => {
    const io = await c.io()
    const vwc = (io.identity.page[525]! >> 1) & 3
    const ended = await io.run({ opcode: IoOpcode.flush, nsid: NSID_ALL })
    if (vwc === 3) isSuccess(ended)
    else hasStatus(ended, STATUS.SUCCESS, STATUS.INVALID_NAMESPACE)
  },
  'one of them, for a flush': async (c) => {
    const io = await c.io()
    isSuccess(await io.run({ opcode: IoOpcode.flush, nsid: 1 }))
  },
})

export const writeZeroes = behaviour('Write Zeroes', 'NVM Command Set 1.0 §3.2.8', {
  'of some blocks leaves the others': async (c) => {
    const io = await c.io()
    needs(io, ONCS_WRITE_ZEROES, 'Write Zeroes')
    const data = pattern(4 * io.blockBytes, 7)
    isSuccess(await io.write(32, data))
    isSuccess(await io.run(io.blocks(IoOpcode.writeZeroes, 33, 2)))
    data.fill(0, io.blockBytes, 3 * io.blockBytes)
    assert.deepEqual(Buffer.from((await io.read(32, 4)).data), Buffer.from(data))
  },
  'with deallocation reads as zeros': async (c) => {
    const io = await c.io()
    needs(io, ONCS_WRITE_ZEROES, 'Write Zeroes')
    isSuccess(await io.write(40, pattern(8 * io.blockBytes, 8)))
    isSuccess(await io.run(io.blocks(IoOpcode.writeZeroes, 40, 8, IoFlag.deallocate)))
    assert((await io.read(40, 8)).data.every((byte) => byte === 0))
  },
})

function ranges(...list: readonly { lba: number; blocks: number }[]): Uint8Array {
  const data = Buffer.alloc(16 * list.length)
  for (const [i, { lba, blocks }] of list.entries()) {
    data.writeUInt32LE(blocks, 16 * i + 4)
    data.writeBigUInt64LE(BigInt(lba), 16 * i + 8)
  }
  return data
}

const DSM = { opcode: IoOpcode.datasetManagement, nsid: 1, cdw11: 4 }

export const datasetManagement = behaviour('Dataset Management', 'NVM Command Set 1.0 §3.2.3', {
  'of one range succeeds, and leaves the others': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const data = pattern(io.blockBytes, 9)
    isSuccess(await io.write(100, data))
    isSuccess(await io.run({ ...DSM, capsuleData: ranges({ lba: 101, blocks: 8 }) }))
    assert.deepEqual(Buffer.from((await io.read(100, 1)).data), Buffer.from(data))
  },
  'of 256 ranges': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const all = Array.from({ length: 256 }, (_, i) => ({ lba: 200 + 2 * i, blocks: 1 }))
    isSuccess(await io.run({ ...DSM, cdw10: 255, capsuleData: ranges(...all) }))
  },
  'up to the end': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const lba = io.namespace.blocks - 8
    isSuccess(await io.run({ ...DSM, capsuleData: ranges({ lba, blocks: 8 }) }))
  },
  'beyond the end': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const lba = io.namespace.blocks - 8
    isFinal(await io.run({ ...DSM, capsuleData: ranges({ lba, blocks: 9 }) }), STATUS.LBA_OUT_OF_RANGE)
  },
  'with less data than ranges': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const capsuleData = ranges({ lba: 0, blocks: 1 })
    isFinal(await io.run({ ...DSM, cdw10: 1, capsuleData }), STATUS.DATA_SGL_LENGTH_INVALID)
  },
  'without the attribute to deallocate keeps the data': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    const data = pattern(io.blockBytes, 10)
    isSuccess(await io.write(300, data))
    isSuccess(await io.run({ ...DSM, cdw11: 0, capsuleData: ranges({ lba: 300, blocks: 1 }) }))
    assert.deepEqual(Buffer.from((await io.read(300, 1)).data), Buffer.from(data))
  },
  'of no blocks': async (c) => {
    const io = await c.io()
    needs(io, ONCS_DSM, 'Dataset Management')
    isSuccess(await io.run({ ...DSM, capsuleData: ranges({ lba: 0, blocks: 0 }) }))
  },
})

export const compare = behaviour('Compare', 'NVM Command Set 1.0 §3.2.1', {
  'of equal blocks': async (c) => {
    const io = await c.io()
    needs(io, ONCS_COMPARE, 'Compare')
    const data = pattern(2 * io.blockBytes, 11)
    isSuccess(await io.write(50, data))
    isSuccess(await io.run({ ...io.blocks(IoOpcode.compare, 50, 2), capsuleData: data }))
  },
  'of blocks that differ in the last byte': async (c) => {
    const io = await c.io()
    needs(io, ONCS_COMPARE, 'Compare')
    const data = pattern(2 * io.blockBytes, 12)
    isSuccess(await io.write(50, data))
    data[data.byteLength - 1]! ^= 1
    const ended = await io.run({ ...io.blocks(IoOpcode.compare, 50, 2), capsuleData: data })
    hasStatus(ended, STATUS.COMPARE_FAILURE)
  },
})
