import { strict as assert } from 'node:assert'
import { IoOpcode, SglIdentifier } from '../../../../src/nvme/commands.ts'
import type { R2t } from '../../../../src/nvme/pdu/transfer.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { behaviour, type Context, type Io, pattern } from '../case.ts'
import { answer, begin, completionOf, finish, hasStatus, isSuccess, r2tOf, run } from '../raw-queue.ts'

/** Which of the two LAST_PDU in the wrong place is, the standard leaves open. */
const WRONG_LAST = [1, 2] as const
const TTAG_AT = 10
const CCCID_AT = 8
const DATAL_AT = 16

interface Begun {
  readonly io: Io
  readonly cid: number
  readonly r2t: R2t
  readonly data: Uint8Array
}

/** A write whose data has been asked for. */
async function begun(c: Context, ic = {}): Promise<Begun> {
  const io = await c.io({ ic })
  const data = pattern(io.longBytes, 21)
  const cid = begin(io.queue, io.blocks(IoOpcode.write, 0, data.byteLength / io.blockBytes), {
    dataOut: data,
  })
  return { io, cid, r2t: await r2tOf(io.queue, cid), data }
}

const part = ({ r2t, data }: Begun): Uint8Array => data.subarray(r2t.r2to, r2t.r2to + r2t.r2tl)

/** The connection ends for one of these reasons, and neither the admin queue nor another host notices. */
async function ends({ io }: Begun, fes: number | readonly number[], fei?: number): Promise<void> {
  await io.queue.terminated(fes, fei)
  await io.admin.barrier()
}

export const readyToTransfer = behaviour('R2T', 'TCP Transport §3.3.2.2', {
  'asks for the data from its beginning': async (c) => {
    const { io, r2t, data } = await begun(c)
    assert.equal(r2t.r2to, 0)
    assert(r2t.r2tl > 0 && r2t.r2tl <= data.byteLength)
    await io.admin.barrier()
  },
  'asks for everything, in order, once': async (c) => {
    const io = await c.io()
    const data = pattern(Math.min(io.identity.transferBytesMax, 1 << 20), 22)
    const ended = await io.write(0, data)
    isSuccess(ended)
    let offset = 0
    for (const { r2to, r2tl } of ended.r2ts) {
      assert.equal(r2to, offset)
      offset += r2tl
    }
    assert.equal(offset, data.byteLength)
  },
  'is not sent twice at a time for a host that takes one': async (c) => {
    const one = await begun(c, { maxR2t: 0 })
    await one.io.admin.barrier()
    assert.equal(one.io.queue.pending, 0)
  },
  'of two commands have tags of their own': async (c) => {
    const io = await c.io()
    const data = pattern(io.longBytes, 23)
    const entry = io.blocks(IoOpcode.write, 0, data.byteLength / io.blockBytes)
    const first = await r2tOf(io.queue, begin(io.queue, entry, { dataOut: data }))
    const second = await r2tOf(io.queue, begin(io.queue, entry, { dataOut: data }))
    assert.notEqual(first.ttag, second.ttag)
  },
  'the data may come for the later one first': async (c) => {
    const io = await c.io()
    const data = pattern(io.longBytes, 24)
    const entry = io.blocks(IoOpcode.write, 0, data.byteLength / io.blockBytes)
    const cids = [
      begin(io.queue, entry, { dataOut: data }),
      begin(io.queue, entry, { dataOut: data }),
    ] as const
    const first = await r2tOf(io.queue, cids[0])
    const second = await r2tOf(io.queue, cids[1])
    if (second.r2tl !== data.byteLength) return
    answer(io.queue, second, data)
    isSuccess(await completionOf(io.queue, cids[1]))
    answer(io.queue, first, data)
    isSuccess(await completionOf(io.queue, cids[0]))
  },
  'the data of one may come in many PDUs': async (c) => {
    const one = await begun(c)
    answer(one.io.queue, one.r2t, one.data, 512)
    isSuccess(await finish(one.io.queue, one.cid, { dataOut: one.data, transferBytesMax: 512 }))
  },
})

export const dataTags = behaviour('tags of H2CData', 'TCP Transport §3.6.2.7', {
  'a transfer tag that there is not': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag: ttag ^ 0x5555 }, part(one))
    await ends(one, 1, TTAG_AT)
  },
  'a command that there is not': async (c) => {
    const one = await begun(c)
    one.io.queue.h2cData({ cccid: 0xfff0, ttag: one.r2t.ttag }, part(one))
    await ends(one, 1, CCCID_AT)
  },
  'data before its command': async (c) => {
    const io = await c.io()
    io.queue.h2cData({ cccid: 1, ttag: 0 }, pattern(512))
    await io.queue.terminated(1)
    await io.admin.barrier()
  },
  'data before Connect': async (c) => {
    const connection = await c.initialized()
    connection.h2cData({ cccid: 0, ttag: 0 }, pattern(512))
    await connection.terminated(1)
  },
  'data after its command was over': async (c) => {
    const one = await begun(c)
    const { r2t, io } = one
    answer(io.queue, r2t, one.data)
    isSuccess(await finish(io.queue, one.cid, { dataOut: one.data }))
    answer(io.queue, r2t, one.data)
    await io.queue.terminated(1)
    await io.admin.barrier()
  },
  'data for a read': async (c) => {
    const io = await c.io()
    await io.barrier()
    const cid = begin(io.queue, io.blocks(IoOpcode.read, 0, 1), { dataInBytes: io.blockBytes })
    io.queue.h2cData({ cccid: cid, ttag: 0 }, pattern(io.blockBytes))
    for (;;) {
      const pdu = await io.queue.nextOrClosed()
      assert(pdu !== undefined, 'the connection was closed without a TermReq')
      if (pdu.type === 3) break
    }
    await io.admin.barrier()
  },
})

export const dataRanges = behaviour('ranges of H2CData', 'TCP Transport §3.6.2.7', {
  'an offset behind what is awaited': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, datao: 512 }, part(one).subarray(512))
    await ends(one, 2)
  },
  'the same data again': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    const first = part(one).subarray(0, 512)
    one.io.queue.h2cData({ cccid, ttag, last: false }, first)
    one.io.queue.h2cData({ cccid, ttag, last: false }, first)
    await ends(one, 2)
  },
  'more than was asked for': async (c) => {
    const one = await begun(c)
    const { cccid, ttag, r2tl } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, last: false }, pattern(512))
    one.io.queue.h2cData({ cccid, ttag, datao: 512 }, pattern(r2tl))
    await ends(one, 4)
  },
  'an offset beyond all': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, datao: 0xffff_f000 }, pattern(512))
    await ends(one, 4)
  },
  'LAST_PDU before the last': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, last: true }, part(one).subarray(0, 512))
    await ends(one, WRONG_LAST)
  },
  'no LAST_PDU in the last': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, last: false }, part(one))
    await ends(one, WRONG_LAST)
  },
  'a DATAL that PLEN does not bear out': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, datal: 1024 }, pattern(512))
    await ends(one, 1, DATAL_AT)
  },
  'no data at all': async (c) => {
    const one = await begun(c)
    const { cccid, ttag } = one.r2t
    one.io.queue.h2cData({ cccid, ttag, last: false, datal: 0 }, new Uint8Array(0))
    await one.io.queue.terminated(1)
  },
  'more in one PDU than MAXH2CDATA': async (c) => {
    const admin = await c.admin()
    const namespace = await admin.namespace()
    const { transferBytesMax } = await admin.identity()
    const connection = await c.tcp()
    const { maxH2cData } = await connection.initialize()
    isSuccess(await c.connect(connection, { qid: 1, controllerId: admin.controllerId }))
    const lengthBytes = Math.min(transferBytesMax, 1 << 24)
    const blocks = lengthBytes / namespace.logicalBlockBytes
    const sgl = { identifier: SglIdentifier.transport, lengthBytes }
    const entry = { opcode: IoOpcode.write, nsid: 1, cdw12: blocks - 1, sgl }
    const r2t = await r2tOf(connection, connection.capsule(entry))
    const { cccid, ttag } = r2t
    connection.h2cData({ cccid, ttag }, new Uint8Array(maxH2cData + 4))
    await connection.terminated(5)
    await admin.barrier()
  },
  'as much in one PDU as MAXH2CDATA or the command': async (c) => {
    const io = await c.io()
    const data = pattern(Math.min(io.identity.transferBytesMax, 65_536), 25)
    const entry = io.blocks(IoOpcode.write, 0, data.byteLength / io.blockBytes)
    isSuccess(await run(io.queue, entry, { dataOut: data, transferBytesMax: 4096 }))
  },
})

export const dataDigest = behaviour('a wrong data digest', 'TCP Transport §3.3.1.1.2', {
  'in a capsule fails its command, and no other': async (c) => {
    const io = await c.io({ ic: { dataDigest: true } })
    const before = pattern(io.blockBytes, 26)
    isSuccess(await io.write(7, before))
    const entry = { ...io.blocks(IoOpcode.write, 7, 1), capsuleData: pattern(io.blockBytes, 27) }
    const cid = io.queue.capsule(entry, (pdu) => {
      pdu[80]! ^= 1
    })
    hasStatus(await completionOf(io.queue, cid), STATUS.TRANSIENT_TRANSPORT_ERROR)
    assert.deepEqual(Buffer.from((await io.read(7, 1)).data), Buffer.from(before))
  },
  'in H2CData fails its command, and writes nothing': async (c) => {
    const io = await c.io({ ic: { dataDigest: true } })
    const data = pattern(io.longBytes, 28)
    const blocks = data.byteLength / io.blockBytes
    isSuccess(await io.write(0, data))
    const cid = begin(io.queue, io.blocks(IoOpcode.write, 0, blocks), { dataOut: data })
    let r2t = await r2tOf(io.queue, cid)
    const other = pattern(data.byteLength, 29)
    io.queue.h2cData({ cccid: cid, ttag: r2t.ttag }, other.subarray(0, r2t.r2tl), (pdu) => {
      pdu[pdu.byteLength - 1]! ^= 0x80
    })
    for (let end = r2t.r2to + r2t.r2tl; end < data.byteLength; end = r2t.r2to + r2t.r2tl) {
      r2t = await r2tOf(io.queue, cid)
      answer(io.queue, r2t, other)
    }
    hasStatus(await completionOf(io.queue, cid), STATUS.TRANSIENT_TRANSPORT_ERROR)
    assert.deepEqual(Buffer.from((await io.read(0, blocks)).data), Buffer.from(data))
  },
})

export const teardown = behaviour('the end of a connection amid commands', 'NVMe Base 2.0 §3.3.2.4', {
  'a write whose data never came is not executed': async (c) => {
    const one = await begun(c)
    const { io } = one
    const before = (await (await c.ioOf(io.admin, { fields: { qid: 2 } })).read(0, 1)).data
    io.queue.h2cData({ cccid: one.cid, ttag: one.r2t.ttag, last: false }, part(one).subarray(0, 512))
    io.queue.close()
    await io.queue.closed
    await io.admin.barrier()
    const after = (await (await c.ioOf(io.admin, { fields: { qid: 3 } })).read(0, 1)).data
    assert.deepEqual(after, before)
  },
  'a controller reset amid a transfer': async (c) => {
    const one = await begun(c)
    isSuccess(await one.io.admin.property('set', 0x14, 0x0046_0000))
    await one.io.queue.closedSilently()
    isSuccess(await one.io.admin.property('set', 0x14, 0x0046_0001))
    await (await c.ioOf(one.io.admin)).barrier()
  },
  'half a header and then nothing': async (c) => {
    const io = await c.io()
    const connection = await c.initialized()
    connection.sendBytes(Uint8Array.of(4, 0, 72, 0, 72))
    connection.close()
    await io.barrier()
  },
})
