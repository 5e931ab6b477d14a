import { describe, expect, it } from 'vitest'
import { pattern, read10, SessionHarness, write10 } from '../../../test/e2e/iscsi/session-harness.ts'
import { encodeLogoutRequest } from '../pdu/logout.ts'
import { encodeNopOut } from '../pdu/nop.ts'
import { Opcode, RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import { senseOf } from '../pdu/scsi-response.ts'
import { encodeSnackRequest } from '../pdu/snack.ts'
import { encodeTextRequest } from '../pdu/text.ts'
import { encodeText, parseText } from '../text/pairs.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'
const BLOCK = 512

describe('numbers', () => {
  it('StatSN rises with each status, ExpCmdSN with each command, MaxCmdSN as places get free', () => {
    const h = new SessionHarness({ limits: { queueDepth: 8 } })
    h.command(TEST_UNIT_READY)
    h.command(TEST_UNIT_READY)
    expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
      { opcode: Opcode.scsiResponse, status: 0, statSn: 500, expCmdSn: 1001, maxCmdSn: 1008 },
      { opcode: Opcode.scsiResponse, status: 0, statSn: 501, expCmdSn: 1002, maxCmdSn: 1009 },
    ])
  })

  it('outside the window are ignored, a hole in it ends the connection', () => {
    const h = new SessionHarness({ limits: { queueDepth: 8 } })
    h.command(TEST_UNIT_READY, { cmdSn: 999 })
    h.command(TEST_UNIT_READY, { cmdSn: 1008 })
    expect([h.received(), h.ends]).toEqual([[], []])
    h.command(TEST_UNIT_READY, { cmdSn: 1001 })
    expect(h.ends).toEqual(['at-once: a command is missing before this one'])
  })

  it('immediate commands take no place in the window, and their number is bounded', () => {
    const h = new SessionHarness({ limits: { queueDepth: 1, immediateCommandsMax: 1 } })
    h.device.hold()
    h.command(read10(0, 1), { read: true, expectedDataTransferLength: BLOCK })
    h.command(read10(0, 1), { read: true, expectedDataTransferLength: BLOCK, immediate: true })
    h.command(TEST_UNIT_READY, { immediate: true })
    expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
      { opcode: Opcode.reject, reason: RejectReason.immediateCommandReject },
    ])
  })

  it('commands do not wait for each other', async () => {
    const h = new SessionHarness()
    h.device.hold()
    const slow = h.command(read10(0, 1), { read: true, expectedDataTransferLength: BLOCK })
    const quick = h.command(TEST_UNIT_READY)
    expect(h.received()).toMatchObject([{ pdu: { initiatorTaskTag: quick } }])
    h.device.letGo()
    expect(await h.settled()).toMatchObject([{ pdu: { initiatorTaskTag: slow, status: 0 } }])
    expect(h.wakes).toBeGreaterThan(0)
  })
})

describe('a command is rejected', () => {
  const write = { write: true, expectedDataTransferLength: 4096 }
  it.each([
    [
      'with immediate data that was not agreed',
      { immediateData: false },
      write,
      512,
      RejectReason.protocolError,
    ],
    [
      'with immediate data and no W bit',
      {},
      { read: true, expectedDataTransferLength: 512 },
      512,
      RejectReason.protocolError,
    ],
    [
      'with more data than it announces',
      {},
      { write: true, expectedDataTransferLength: 256 },
      512,
      RejectReason.protocolError,
    ],
    [
      'with more than the first burst',
      { firstBurstLengthBytes: 512 },
      write,
      516,
      RejectReason.protocolError,
    ],
    [
      'with unsolicited data that was not agreed',
      { initialR2t: true },
      { ...write, final: false },
      0,
      RejectReason.protocolError,
    ],
    ['with the reserved tag', {}, { initiatorTaskTag: RESERVED_TAG }, 0, RejectReason.invalidPduField],
  ])('%s', (_name, parameters, fields, dataBytes, reason) => {
    const h = new SessionHarness({ parameters })
    h.command(write10(0, 8), fields, dataBytes === 0 ? undefined : pattern(dataBytes))
    expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
      { opcode: Opcode.reject, reason, expCmdSn: 1001 },
    ])
    h.command(TEST_UNIT_READY)
    expect(h.received()).toMatchObject([{ pdu: { status: 0 } }])
    expect(h.pool.lentBytes).toBe(0)
  })

  it('when its tag is in use', () => {
    const h = new SessionHarness()
    h.device.hold()
    const initiatorTaskTag = h.command(read10(0, 1), { read: true, expectedDataTransferLength: 512 })
    h.command(TEST_UNIT_READY, { initiatorTaskTag })
    expect(h.received()).toMatchObject([
      { pdu: { opcode: Opcode.reject, reason: RejectReason.taskInProgress } },
    ])
  })

  it('in a discovery session', () => {
    const h = new SessionHarness({ discovery: true })
    h.command(TEST_UNIT_READY)
    expect(h.received()).toMatchObject([{ pdu: { reason: RejectReason.commandNotSupported } }])
  })
})

describe('a digest', () => {
  const content = pattern(4096)
  it('that is wrong over data fails the command, not the connection', async () => {
    const h = new SessionHarness({ parameters: { headerDigest: true, dataDigest: true } })
    const push = h.push.bind(h)
    h.push = (bytes) => {
      const damaged = Uint8Array.from(bytes)
      if (damaged.byteLength > 1000) damaged[500]! ^= 1
      push(damaged)
    }
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, content)
    const [reject, response] = await h.settled()
    expect(reject?.pdu).toMatchObject({ opcode: Opcode.reject, reason: RejectReason.dataDigestError })
    expect(response?.pdu).toMatchObject({ opcode: Opcode.scsiResponse, status: 2 })
    expect([...senseOf(response!.data)].slice(12, 14)).toEqual([0x47, 0x05])
    expect([h.device.counts.writes, h.pool.lentBytes, h.ends]).toEqual([0, 0, []])
    h.push = push
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, content)
    expect(await h.settled()).toMatchObject([{ pdu: { status: 0 } }])
  })

  it('that is wrong over a header ends the connection', () => {
    const h = new SessionHarness({ parameters: { headerDigest: true } })
    const push = h.push.bind(h)
    h.push = (bytes) => {
      bytes[20]! ^= 1
      push(bytes)
    }
    h.command(TEST_UNIT_READY)
    expect(h.ends).toEqual(['at-once: header digest error'])
  })
})

describe('other PDUs', () => {
  const nop = { immediate: true, lun: 0n, targetTransferTag: RESERVED_TAG, cmdSn: 1000, expStatSn: 0 }

  it('NOP-Out is echoed, unless no answer is wanted', () => {
    const h = new SessionHarness()
    const data = pattern(100)
    const send = (initiatorTaskTag: number): void =>
      h.send((view, at) => encodeNopOut(view, at, { ...nop, dataSegmentLength: 100, initiatorTaskTag }), data)
    send(RESERVED_TAG)
    expect(h.received()).toEqual([])
    send(5)
    expect(h.received()).toMatchObject([
      {
        pdu: { opcode: Opcode.nopIn, initiatorTaskTag: 5, targetTransferTag: RESERVED_TAG, statSn: 500 },
        data,
      },
    ])
  })

  it('a silent initiator is asked whether it is there, and given up when it does not answer', () => {
    const h = new SessionHarness({ limits: { pingAfterSeconds: 3, pingTimeoutSeconds: 2 } })
    for (let second = 0; second < 3; second++) h.session.tick()
    const [ping] = h.received()
    expect(ping?.pdu).toMatchObject({ opcode: Opcode.nopIn, initiatorTaskTag: RESERVED_TAG, statSn: 500 })
    if (ping?.pdu.opcode !== Opcode.nopIn) throw new Error('no ping')
    const { targetTransferTag } = ping.pdu
    expect(targetTransferTag).not.toBe(RESERVED_TAG)
    h.send((view, at) =>
      encodeNopOut(view, at, {
        ...nop,
        dataSegmentLength: 0,
        initiatorTaskTag: RESERVED_TAG,
        targetTransferTag,
      }),
    )
    for (let second = 0; second < 5; second++) h.session.tick()
    expect(h.ends).toEqual([])
    h.session.tick()
    expect(h.ends).toEqual(['at-once: the initiator does not answer'])
  })

  it('SNACK, unknown opcodes and a second login are rejected with their header', () => {
    const h = new SessionHarness()
    h.send((view, at) =>
      encodeSnackRequest(view, at, {
        type: 0,
        lun: 0n,
        initiatorTaskTag: 3,
        targetTransferTag: RESERVED_TAG,
        expStatSn: 0,
        begRun: 0,
        runLength: 0,
      }),
    )
    for (const opcode of [0x1c, 0x43, 0x25]) {
      h.send((view, at) => {
        for (let i = 0; i < 48; i++) view.setUint8(at + i, 0)
        view.setUint8(at, opcode)
      })
    }
    expect(h.received()).toMatchObject([
      { pdu: { opcode: Opcode.reject, reason: RejectReason.snackReject } },
      { pdu: { reason: RejectReason.commandNotSupported } },
      { pdu: { reason: RejectReason.protocolError } },
      { pdu: { reason: RejectReason.commandNotSupported } },
    ])
    expect(h.ends).toEqual([])
  })

  it('a segment longer than declared is rejected and ends the connection', () => {
    const h = new SessionHarness({ parameters: { maxRecvDataSegmentLengthBytes: 512 } })
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(513))
    expect(h.received()).toMatchObject([
      { pdu: { opcode: Opcode.reject, reason: RejectReason.protocolError } },
    ])
    expect(h.ends).toEqual(['after-output: segment too long'])
  })

  it.each([
    [0, 0, 0, true],
    [1, 0, 0, true],
    [1, 4, 1, false],
    [2, 0, 2, false],
  ])('logout with reason %d of CID %d is answered %d', async (reasonCode, cid, response, ends) => {
    const h = new SessionHarness()
    h.device.hold()
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
    h.send((view, at) =>
      encodeLogoutRequest(view, at, {
        immediate: false,
        reasonCode,
        initiatorTaskTag: 77,
        cid,
        cmdSn: h.takeCmdSn(),
        expStatSn: 0,
      }),
    )
    h.device.letGo()
    const sent = await h.settled()
    expect(sent.at(ends ? 0 : -1)?.pdu).toBeDefined()
    const logout = sent.find(({ pdu }) => pdu.opcode === Opcode.logoutResponse)
    expect(logout?.pdu).toMatchObject({ initiatorTaskTag: 77, response, time2Wait: 2, time2Retain: 0 })
    expect(h.ends).toEqual(ends ? ['after-output: logout'] : [])
    // What was under way at the logout is aborted: never answered, never written.
    expect(sent).toHaveLength(ends ? 1 : 2)
    expect(h.device.counts.writes).toBe(ends ? 0 : 1)
  })
})

describe('text', () => {
  const ask = (h: SessionHarness, pairs: Record<string, string>, fields: object = {}): void => {
    const text = encodeText(Object.entries(pairs).map(([key, value]) => ({ key, value })))
    h.send(
      (view, at) =>
        encodeTextRequest(view, at, {
          immediate: false,
          final: true,
          continue: false,
          dataSegmentLength: text.byteLength,
          lun: 0n,
          initiatorTaskTag: 5,
          targetTransferTag: RESERVED_TAG,
          cmdSn: h.takeCmdSn(),
          expStatSn: 0,
          ...fields,
        }),
      text,
    )
  }
  const targets = Array.from({ length: 40 }, (_, i) => ({
    key: 'TargetName',
    value: `iqn.2026-11.io.basalt:v${i}`,
  }))

  it('hands out a long answer piece by piece', () => {
    const h = new SessionHarness({
      discovery: true,
      parameters: { maxSendDataSegmentLengthBytes: 512 },
      sendTargets: (value) => (value === 'All' ? targets : undefined),
    })
    ask(h, { SendTargets: 'All' })
    const parts: Uint8Array[] = []
    for (;;) {
      const [sent] = h.received()
      if (sent?.pdu.opcode !== Opcode.textResponse) throw new Error('no answer')
      parts.push(sent.data)
      const { final, continue: continues, targetTransferTag } = sent.pdu
      expect(final).toBe(!continues)
      expect(targetTransferTag === RESERVED_TAG).toBe(final)
      if (final) break
      ask(h, {}, { targetTransferTag })
    }
    expect(parts.length).toBeGreaterThan(2)
    expect(parseText(Buffer.concat(parts))).toEqual({ ok: true, pairs: targets })
  })

  it('rejects what is asked in the wrong place, and a tag that is not open', () => {
    const h = new SessionHarness()
    ask(h, { SendTargets: 'All', MaxBurstLength: '512' })
    const [sent] = h.received()
    expect(parseText(sent!.data)).toEqual({
      ok: true,
      pairs: [
        { key: 'SendTargets', value: 'Reject' },
        { key: 'MaxBurstLength', value: 'Reject' },
      ],
    })
    ask(h, {}, { targetTransferTag: 3 })
    expect(h.received()).toMatchObject([
      { pdu: { opcode: Opcode.reject, reason: RejectReason.protocolError } },
    ])
  })

  it('takes a new segment length of the initiator', () => {
    const h = new SessionHarness()
    ask(h, { MaxRecvDataSegmentLength: '1024' })
    h.received()
    h.command(read10(0, 4), { read: true, expectedDataTransferLength: 2048 })
    expect(h.received()).toMatchObject([
      { pdu: { dataSegmentLength: 1024 } },
      { pdu: { dataSegmentLength: 1024 } },
    ])
  })

  it('is bounded, also over many requests', () => {
    const h = new SessionHarness({ discovery: true })
    let tag = RESERVED_TAG
    for (let i = 0; i < 20; i++) {
      ask(h, { 'X-k': 'v'.repeat(1000) }, { final: false, continue: true, targetTransferTag: tag })
      const [sent] = h.received()
      if (sent?.pdu.opcode === Opcode.reject) return
      if (sent?.pdu.opcode !== Opcode.textResponse) throw new Error('no answer')
      tag = sent.pdu.targetTransferTag
    }
    throw new Error('not bounded')
  })
})
