import { describe, expect, it } from 'vitest'
import { pattern, read10, SessionHarness, write10 } from '../../../test/e2e/iscsi/session-harness.ts'
import { Opcode, RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import { encodeScsiCommand } from '../pdu/scsi-command.ts'
import { senseOf } from '../pdu/scsi-response.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'
const BLOCK = 512

describe('data in', () => {
  it('carries the status with its last PDU', () => {
    const h = new SessionHarness()
    const tag = h.command(read10(0, 8), { read: true, expectedDataTransferLength: 4096 })
    expect(h.received()).toMatchObject([
      {
        pdu: {
          opcode: Opcode.dataIn,
          final: true,
          statusPresent: true,
          status: 0,
          initiatorTaskTag: tag,
          targetTransferTag: RESERVED_TAG,
          dataSn: 0,
          bufferOffset: 0,
          statSn: 500,
          overflow: false,
          underflow: false,
          residualCount: 0,
        },
        data: new Uint8Array(4096),
      },
    ])
  })

  it('is cut to the segments and bursts of the initiator, and nothing leaks', async () => {
    const h = new SessionHarness({
      parameters: { maxSendDataSegmentLengthBytes: 3000, maxBurstLengthBytes: 8192 },
    })
    const content = pattern(20 * BLOCK)
    await h.device.write(0, content)
    h.command(read10(0, 20), { read: true, expectedDataTransferLength: 20 * BLOCK })
    const sent = h.received()
    expect(Buffer.concat(sent.map(({ data }) => data))).toEqual(Buffer.from(content))
    const shape = sent.map(({ pdu }) =>
      pdu.opcode === Opcode.dataIn ? [pdu.dataSegmentLength, pdu.bufferOffset, pdu.dataSn, pdu.final] : [],
    )
    expect(shape).toEqual([
      [3000, 0, 0, false],
      [3000, 3000, 1, false],
      [2192, 6000, 2, true],
      [2048, 8192, 3, true],
    ])
    expect(h.pool.lentBytes).toBe(0)
  })

  it('of long reads is lent, and given back when it was written', async () => {
    const h = new SessionHarness({ parameters: { maxSendDataSegmentLengthBytes: 2 ** 20 } })
    h.command(read10(0, 512), { read: true, expectedDataTransferLength: 262144 })
    const batch = h.session.takeOutput()
    expect(h.pool.lentBytes).toBeGreaterThanOrEqual(262144)
    expect(h.budget.usedBytes).toBe(262144)
    batch?.written()
    expect([h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0])
  })

  it.each([
    [
      'less than expected',
      1,
      4 * BLOCK,
      { underflow: true, overflow: false, residualCount: 3 * BLOCK },
      BLOCK,
    ],
    ['more than expected', 4, BLOCK, { underflow: false, overflow: true, residualCount: 3 * BLOCK }, BLOCK],
  ])('tells of %s', (_name, blocks, expectedDataTransferLength, flags, lengthBytes) => {
    const h = new SessionHarness()
    h.command(read10(0, blocks), { read: true, expectedDataTransferLength })
    const [sent] = h.received()
    expect(sent?.pdu).toMatchObject({ opcode: Opcode.dataIn, statusPresent: true, ...flags })
    expect(sent?.data.byteLength).toBe(lengthBytes)
  })

  it('of a command that goes both ways has a status of its own behind it', () => {
    const h = new SessionHarness()
    // RFC 7143 §11.2.2.4: the length of the data in stands in an additional header.
    const header = { read: true, write: true, expectedDataTransferLength: 512, totalAhsLength: 2 }
    const cdb = Uint8Array.from(Buffer.from('28000000000000000100000000000000', 'hex'))
    h.send(
      (view, at) => {
        encodeScsiCommand(view, at, {
          ...header,
          immediate: false,
          final: true,
          attr: 1,
          dataSegmentLength: 512,
          lun: 0n,
          initiatorTaskTag: 9,
          cmdSn: h.takeCmdSn(),
          expStatSn: 0,
          cdb,
        })
        view.setUint32(at + 48, 0x0005_0200)
        view.setUint32(at + 52, 1024)
      },
      new Uint8Array(512),
      8,
    )
    expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
      { opcode: Opcode.dataIn, statusPresent: false, final: true, dataSegmentLength: 512 },
      {
        opcode: Opcode.scsiResponse,
        status: 0,
        residualCount: 0,
        bidirectionalReadUnderflow: true,
        bidirectionalReadResidualCount: 512,
      },
    ])
  })

  it('that nobody expects is all overflow', () => {
    const h = new SessionHarness()
    h.command(read10(0, 2), {})
    expect(h.received()).toMatchObject([
      { pdu: { opcode: Opcode.scsiResponse, status: 0, overflow: true, residualCount: 2 * BLOCK } },
    ])
  })
})

describe('data out', () => {
  const content = pattern(8 * BLOCK)
  const stored = (h: SessionHarness, lengthBytes = content.byteLength): Uint8Array => {
    const target = new Uint8Array(lengthBytes)
    h.device.readNow(0, target)
    return target
  }

  it('may all come with the command', async () => {
    const h = new SessionHarness()
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, content)
    expect(await h.settled()).toMatchObject([
      { pdu: { opcode: Opcode.scsiResponse, status: 0, residualCount: 0 } },
    ])
    expect(stored(h)).toEqual(content)
    expect([h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0])
    expect(h.session.counters).toEqual({ commands: 1, readBytes: 0, writtenBytes: 4096 })
  })

  it('is asked for where the command came alone', async () => {
    const h = new SessionHarness({ parameters: { maxBurstLengthBytes: 2048, maxOutstandingR2t: 1 } })
    const initiatorTaskTag = h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 })
    for (const [r2tSn, bufferOffset] of [
      [0, 0],
      [1, 2048],
    ] as const) {
      const [sent, ...more] = h.received()
      expect(more).toEqual([])
      if (sent?.pdu.opcode !== Opcode.r2t) throw new Error('no R2T')
      expect(sent.pdu).toMatchObject({
        initiatorTaskTag,
        r2tSn,
        bufferOffset,
        desiredDataTransferLength: 2048,
        statSn: 500,
      })
      const { targetTransferTag } = sent.pdu
      const half = { initiatorTaskTag, targetTransferTag }
      h.dataOut({ ...half, bufferOffset, final: false }, content.subarray(bufferOffset, bufferOffset + 1000))
      h.dataOut(
        { ...half, bufferOffset: bufferOffset + 1000, dataSn: 1 },
        content.subarray(bufferOffset + 1000, bufferOffset + 2048),
      )
    }
    expect(await h.settled()).toMatchObject([
      { pdu: { opcode: Opcode.scsiResponse, status: 0, expDataSn: 2 } },
    ])
    expect(stored(h)).toEqual(content)
  })

  it('may come partly with the command, partly unasked, and the rest is asked for', async () => {
    const h = new SessionHarness({ parameters: { firstBurstLengthBytes: 2000 } })
    const initiatorTaskTag = h.command(
      write10(0, 8),
      { write: true, final: false, expectedDataTransferLength: 4096 },
      content.subarray(0, 500),
    )
    h.dataOut({ initiatorTaskTag, bufferOffset: 500 }, content.subarray(500, 2000))
    const [sent] = h.received()
    expect(sent?.pdu).toMatchObject({
      opcode: Opcode.r2t,
      bufferOffset: 2000,
      desiredDataTransferLength: 2096,
    })
    if (sent?.pdu.opcode !== Opcode.r2t) throw new Error('no R2T')
    const { targetTransferTag } = sent.pdu
    h.dataOut({ initiatorTaskTag, targetTransferTag, bufferOffset: 2000 }, content.subarray(2000))
    expect(await h.settled()).toMatchObject([{ pdu: { status: 0 } }])
    expect(stored(h)).toEqual(content)
  })

  it('survives being cut anywhere on the way', async () => {
    const h = new SessionHarness({ parameters: { headerDigest: true, dataDigest: true } })
    const push = h.push.bind(h)
    h.push = (bytes) => {
      for (const byte of bytes) push(Uint8Array.of(byte))
    }
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, content)
    expect(await h.settled()).toMatchObject([{ pdu: { status: 0 } }])
    expect(stored(h)).toEqual(content)
  })

  it('beyond what the command wants is dropped and told', async () => {
    const h = new SessionHarness()
    h.command(write10(0, 4), { write: true, expectedDataTransferLength: 4096 }, content)
    const initiatorTaskTag = h.command(
      write10(8, 1),
      { write: true, final: false, expectedDataTransferLength: 2048 },
      content.subarray(0, 256),
    )
    h.dataOut({ initiatorTaskTag, bufferOffset: 256 }, content.subarray(256, 2048))
    expect(await h.settled()).toMatchObject([
      { pdu: { status: 0, underflow: true, residualCount: 2048 } },
      { pdu: { status: 0, underflow: true, residualCount: 1536 } },
    ])
    expect(stored(h, 2048)).toEqual(content.subarray(0, 2048))
    expect(h.pool.lentBytes).toBe(0)
  })

  it('less than the command wants is told as overflow', async () => {
    const h = new SessionHarness()
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 2048 }, content.subarray(0, 2048))
    expect(await h.settled()).toMatchObject([{ pdu: { overflow: true, residualCount: 2048 } }])
  })

  it.each([
    ['with a wrong offset', { bufferOffset: 512 }, 0x0d],
    ['with a wrong DataSN', { dataSn: 3 }, 0x0d],
    ['with a strange tag', { targetTransferTag: 77 }, 0x0c],
  ])('%s fails the command, not the connection', (_name, fields, ascq) => {
    const h = new SessionHarness()
    const initiatorTaskTag = h.command(write10(0, 8), {
      write: true,
      final: false,
      expectedDataTransferLength: 4096,
    })
    h.dataOut({ initiatorTaskTag, ...fields }, content.subarray(0, 512))
    const [sent] = h.received()
    expect(sent?.pdu).toMatchObject({ opcode: Opcode.scsiResponse, status: 2 })
    expect([...senseOf(sent!.data)].filter((_, i) => i === 2 || i === 12 || i === 13)).toEqual([
      0x0b,
      0x0c,
      ascq,
    ])
    // The rest of the burst is on its way: dropped without a word.
    h.dataOut({ initiatorTaskTag }, content)
    expect([h.received(), h.ends, h.pool.lentBytes]).toEqual([[], [], 0])
    h.command(TEST_UNIT_READY)
    expect(h.received()).toMatchObject([{ pdu: { status: 0 } }])
  })

  it('for nobody is rejected', () => {
    const h = new SessionHarness()
    h.dataOut({ initiatorTaskTag: 99 }, content.subarray(0, 512))
    const [sent] = h.received()
    expect(sent?.pdu).toMatchObject({ opcode: Opcode.reject, reason: RejectReason.protocolError })
    expect(sent?.data.byteLength).toBe(48)
  })

  it('that does not come ends the connection', () => {
    const h = new SessionHarness({ limits: { dataOutTimeoutSeconds: 5, pingAfterSeconds: 100 } })
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 })
    for (let second = 0; second < 5; second++) h.session.tick()
    expect(h.ends).toEqual([])
    h.session.tick()
    expect(h.ends).toEqual(['at-once: the initiator does not send the data that it owes'])
  })
})
