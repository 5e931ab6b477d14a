import { strict as assert } from 'node:assert'
import { AdminOpcode } from '../../../../src/nvme/commands.ts'
import { encodeIcReq } from '../../../../src/nvme/pdu/initialize.ts'
import { PduType } from '../../../../src/nvme/pdu/types.ts'
import { behaviour, type Context, pattern } from '../case.ts'
import { IC_REQ, type RawConnection } from '../raw-connection.ts'
import { isSuccess, run } from '../raw-queue.ts'

const ICREQ_BYTES = 128

/** Sends an ICReq and whatever `change` makes of it. */
async function asked(c: Context, change: (pdu: Buffer) => void): Promise<RawConnection> {
  const connection = await c.tcp()
  connection.send(PduType.icReq, (view, at) => encodeIcReq(view, at, IC_REQ), undefined, change)
  return connection
}

export const initializeConnection = behaviour('initialize connection', 'TCP Transport §3.6.2.2, §3.6.2.3', {
  'is answered with sane limits': async (c) => {
    const connection = await c.tcp()
    const answer = await connection.initialize()
    assert.equal(answer.pfv, 0)
    assert(answer.dataAlignment <= 31, 'CPDA')
    assert(answer.maxH2cData >= 4096 && answer.maxH2cData % 4 === 0, 'MAXH2CDATA')
    assert.deepEqual([answer.headerDigest, answer.dataDigest], [false, false], 'digests nobody asked for')
  },
  'takes one byte at a time': async (c) => {
    const connection = await c.tcp()
    const pdu = new Uint8Array(ICREQ_BYTES)
    encodeIcReq(new DataView(pdu.buffer), 0, IC_REQ)
    for (const byte of pdu) connection.sendBytes(Uint8Array.of(byte))
    await connection.next(PduType.icResp)
  },
  'does not look at reserved bytes': async (c) => {
    const connection = await asked(c, (pdu) => pdu.fill(0xa5, 16))
    await connection.next(PduType.icResp)
  },
  'refuses another format version': async (c) => {
    const connection = await asked(c, (pdu) => pdu.writeUInt16LE(1, 8))
    await connection.terminated(6, 8)
  },
  'takes the greatest host data alignment': async (c) => {
    const connection = await c.tcp()
    await connection.initialize({ dataAlignment: 31 })
  },
  'refuses a host data alignment of 32': async (c) => {
    const connection = await asked(c, (pdu) => pdu.writeUInt8(32, 10))
    await connection.terminated(1, 10)
  },
  'refuses a wrong HLEN': async (c) => {
    const connection = await asked(c, (pdu) => pdu.writeUInt8(127, 2))
    await connection.terminated(1, 2)
  },
  'refuses a PLEN below 128': async (c) => {
    const connection = await asked(c, (pdu) => pdu.writeUInt32LE(127, 4))
    await connection.terminated(1, 4)
  },
  'refuses a PLEN above 128': async (c) => {
    const connection = await asked(c, (pdu) => pdu.writeUInt32LE(129, 4))
    await connection.terminated(1, 4)
  },
  'happens once': async (c) => {
    const connection = await c.initialized()
    connection.send(PduType.icReq, (view, at) => encodeIcReq(view, at, IC_REQ))
    await connection.terminated(2)
  },
  'comes before any command': async (c) => {
    const connection = await c.tcp()
    connection.capsule({ opcode: AdminOpcode.keepAlive })
    await connection.terminated(2)
  },
  'comes before any data': async (c) => {
    const connection = await c.tcp()
    connection.h2cData({}, pattern(512))
    await connection.terminated(2)
  },
  'and a whole Connect may come in one write': async (c) => {
    const connection = await c.tcp()
    const both = connection.initialize()
    const { queue } = { queue: connection }
    await both
    isSuccess(await run(queue, c.connectEntry()))
  },
})

const combinations = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const

export const digests = behaviour(
  'digests',
  'TCP Transport §3.3.1.1',
  Object.fromEntries(
    combinations.map(([headerDigest, dataDigest]) => [
      `agrees on header digest ${headerDigest}, data digest ${dataDigest}, and moves data with them`,
      async (c: Context) => {
        const io = await c.io({ ic: { headerDigest, dataDigest } })
        const data = pattern(io.blockBytes * 4)
        isSuccess(await io.write(0, data))
        const back = await io.read(0, 4)
        isSuccess(back)
        assert.deepEqual(Buffer.from(back.data), Buffer.from(data))
        for (const { flags } of back.dataPdus) {
          assert.equal(flags & 3, (headerDigest ? 1 : 0) | (dataDigest ? 2 : 0), 'HDGSTF and DDGSTF')
        }
      },
    ]),
  ),
)

export const hostAlignment = behaviour('host data alignment', 'TCP Transport §3.3.1.2', {
  'data begins right behind the header without one': async (c) => {
    const io = await c.io()
    const { dataPdus } = await io.read(0, 1)
    assert.deepEqual(new Set(dataPdus.map(({ pdo }) => pdo)), new Set([24]))
  },
  'data begins where the host asked for': async (c) => {
    const io = await c.io({ ic: { dataAlignment: 15 } })
    const { dataPdus } = await io.read(0, 8)
    assert(dataPdus.length > 0)
    for (const { pdo } of dataPdus) assert.equal(pdo % 64, 0, `PDO ${pdo}`)
  },
  'and with a header digest too': async (c) => {
    const io = await c.io({ ic: { dataAlignment: 31, headerDigest: true } })
    const { dataPdus } = await io.read(0, 8)
    for (const { pdo } of dataPdus) assert.equal(pdo, 128)
  },
})
