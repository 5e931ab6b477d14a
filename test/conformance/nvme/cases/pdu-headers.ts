import { strict as assert } from 'node:assert'
import { AdminOpcode } from '../../../../src/nvme/commands.ts'
import { ENTRY_OFFSET } from '../../../../src/nvme/pdu/capsule.ts'
import { encodeTermReq } from '../../../../src/nvme/pdu/term-req.ts'
import { encodeC2hData, encodeR2t } from '../../../../src/nvme/pdu/transfer.ts'
import { PduType } from '../../../../src/nvme/pdu/types.ts'
import { behaviour, type Context, pattern } from '../case.ts'
import type { RawConnection } from '../raw-connection.ts'
import { isSuccess, run } from '../raw-queue.ts'

const KEEP_ALIVE = { opcode: AdminOpcode.keepAlive }
const HDGSTF = 1
const DDGSTF = 2

/** A capsule with data on a connection that has begun nothing, changed. */
async function capsule(c: Context, change: (pdu: Buffer) => void): Promise<RawConnection> {
  const connection = await c.initialized()
  connection.capsule({ ...KEEP_ALIVE, capsuleData: pattern(64) }, change)
  return connection
}

/** A TermReq with this PLEN and as many bytes. */
async function termReq(c: Context, plen: number): Promise<RawConnection> {
  const connection = await c.initialized()
  const pdu = Buffer.alloc(Math.max(24, plen))
  encodeTermReq(new DataView(pdu.buffer, pdu.byteOffset), 0, PduType.h2cTermReq, { fes: 1, fei: 0 })
  pdu.writeUInt32LE(plen, 4)
  connection.sendBytes(pdu)
  return connection
}

export const pduTypes = behaviour('PDU types', 'TCP Transport §3.6.1', {
  'a type that there is not is refused': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(0x08))
    await connection.terminated(1, 0)
  },
  'a type that there is not is refused at first': async (c) => {
    const connection = await c.tcp()
    connection.sendBytes(Buffer.alloc(128, 0x77))
    await connection.terminated(1, 0)
  },
  'C2HData of a host is refused': async (c) => {
    const connection = await c.initialized()
    const fields = { last: true, success: false, cccid: 1, datao: 0, datal: 0 }
    connection.send(PduType.c2hData, (view, at) => encodeC2hData(view, at, fields))
    await connection.terminated(1, 0)
  },
  'an R2T of a host is refused': async (c) => {
    const connection = await c.initialized()
    connection.send(PduType.r2t, (view, at) => encodeR2t(view, at, { cccid: 1, ttag: 1, r2to: 0, r2tl: 4 }))
    await connection.terminated(1, 0)
  },
  'a CapsuleResp of a host is refused': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(PduType.capsuleResp))
    await connection.terminated(1, 0)
  },
})

export const pduFlags = behaviour('digest flags', 'TCP Transport §3.3.1.1', {
  'a header digest that was not agreed is refused': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(HDGSTF, 1))
    await connection.terminated(1, 1)
  },
  'a data digest that was not agreed is refused': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(DDGSTF, 1))
    await connection.terminated(1, 1)
  },
  'no header digest where one was agreed is refused': async (c) => {
    const connection = await c.initialized({ headerDigest: true })
    connection.capsule(KEEP_ALIVE, (pdu) => pdu.writeUInt8(0, 1))
    await connection.terminated(1, 1)
  },
  'no data digest where one was agreed is refused': async (c) => {
    const connection = await c.initialized({ dataDigest: true })
    connection.capsule({ ...KEEP_ALIVE, capsuleData: pattern(64) }, (pdu) => pdu.writeUInt8(0, 1))
    await connection.terminated(1, 1)
  },
  'a capsule without data has no data digest': async (c) => {
    const connection = await c.initialized({ dataDigest: true })
    isSuccess(await c.connect(connection))
    isSuccess(await run(connection, { opcode: 0x7f, fctype: 4, cdw11: 0x1c }))
  },
  'reserved flags are not looked at': async (c) => {
    const connection = await c.initialized()
    isSuccess(await c.connect(connection))
    connection.capsule({ opcode: 0x7f, fctype: 4, cdw11: 0x1c }, (pdu) => pdu.writeUInt8(0xf0, 1))
    await connection.next(PduType.capsuleResp)
  },
})

export const pduLengths = behaviour('lengths of a capsule', 'TCP Transport §3.6.2.5', {
  'HLEN one too short': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(71, 2))
    await connection.terminated(1, 2)
  },
  'HLEN one too long': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(73, 2))
    await connection.terminated(1, 2)
  },
  'HLEN 0': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(0, 2))
    await connection.terminated(1, 2)
  },
  'data within the header': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(68, 3))
    await connection.terminated(1, 3)
  },
  'data that is not aligned to four bytes': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(73, 3))
    await connection.terminated(1, 3)
  },
  'data behind the end of the PDU': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt8(140, 3))
    await connection.terminated(1, 3)
  },
  'PLEN below HLEN': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt32LE(71, 4))
    await connection.terminated(1, 4)
  },
  'PLEN 0': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt32LE(0, 4))
    await connection.terminated(1, 4)
  },
  'PLEN of 4 GiB': async (c) => {
    const connection = await capsule(c, (pdu) => pdu.writeUInt32LE(0xffff_ffff, 4))
    await connection.terminated(1, 4)
  },
  'as much data in the capsule of a new connection as an admin capsule has room for': async (c) => {
    const connection = await c.initialized()
    isSuccess(await c.connect(connection))
    const ended = await run(connection, { opcode: 0x7f, fctype: 4, cdw11: 0x1c, capsuleData: pattern(8192) })
    assert.equal(typeof ended.status, 'number')
  },
  'one byte more than that': async (c) => {
    const connection = await c.initialized()
    isSuccess(await c.connect(connection))
    connection.capsule({ ...KEEP_ALIVE, capsuleData: pattern(8193) })
    await connection.terminated(1, 4)
  },
})

export const headerDigest = behaviour('a wrong header digest', 'TCP Transport §3.3.1.1.1', {
  'ends the connection, and the digest that came is named': async (c) => {
    const connection = await c.initialized({ headerDigest: true })
    connection.capsule(KEEP_ALIVE, (pdu) => pdu.writeUInt32LE(0x0bad_f00d, 72))
    await connection.terminated(3, 0x0bad_f00d)
  },
  'is seen wherever the damage is': async (c) => {
    for (const at of [8, 40, 71]) {
      const connection = await c.initialized({ headerDigest: true })
      let digest = 0
      connection.capsule(KEEP_ALIVE, (pdu) => {
        digest = pdu.readUInt32LE(72)
        pdu[at]! ^= 1
      })
      await connection.terminated(3, digest)
    }
  },
  'leaves other connections alone': async (c) => {
    const io = await c.io()
    const connection = await c.initialized({ headerDigest: true })
    connection.capsule(KEEP_ALIVE, (pdu) => pdu.writeUInt32LE(1, 72))
    await connection.terminated(3, 1)
    await io.barrier()
  },
})

export const hostTermReq = behaviour('TermReq of a host', 'TCP Transport §3.6.2.4', {
  'ends the connection without an answer': async (c) => {
    const connection = await termReq(c, 24)
    await connection.closedSilently()
  },
  'may carry a header of 128 bytes': async (c) => {
    const connection = await termReq(c, 152)
    await connection.closedSilently()
  },
  'of a wrong length ends it as well': async (c) => {
    for (const plen of [23, 153]) {
      const connection = await termReq(c, plen)
      await connection.closedSilently()
    }
  },
  'on an I/O queue leaves the admin queue': async (c) => {
    const io = await c.io()
    io.queue.send(PduType.h2cTermReq, (view, at) => {
      encodeTermReq(view, at, PduType.h2cTermReq, { fes: 2, fei: 0 })
    })
    await io.queue.closedSilently()
    await io.admin.barrier()
  },
})

export const termReqData = behaviour('TermReq of the controller', 'TCP Transport §3.6.2.4', {
  'carries the header in error, and no flags': async (c) => {
    const connection = await c.initialized()
    connection.capsule(KEEP_ALIVE, (pdu) => pdu.writeUInt8(71, 2))
    const pdu = await connection.next(PduType.c2hTermReq)
    assert.equal(pdu.flags, 0)
    assert(pdu.data.byteLength >= 8 && pdu.data.byteLength <= 128, `${pdu.data.byteLength} bytes of data`)
    assert.deepEqual([...pdu.data.subarray(0, 4)], [PduType.capsuleCmd, 0, 71, 0])
    assert(ENTRY_OFFSET === 8)
  },
  'is the last PDU: what comes behind the fault is not answered': async (c) => {
    const connection = await c.initialized()
    isSuccess(await c.connect(connection))
    connection.capsule(KEEP_ALIVE, (pdu) => pdu.writeUInt8(71, 2))
    connection.capsule({ opcode: 0x7f, fctype: 4, cdw11: 0x1c })
    await connection.next(PduType.c2hTermReq)
    connection.close()
    await connection.closedSilently()
  },
})
