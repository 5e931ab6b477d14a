import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAsyncMessage } from '../pdu/async-message.ts'
import { encodeLogoutResponse } from '../pdu/logout.ts'
import { encodeNopIn } from '../pdu/nop.ts'
import { AsyncEvent, LoginStatus, Opcode, RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import { encodeReject } from '../pdu/reject.ts'
import { encodeScsiCommand } from '../pdu/scsi-command.ts'
import { senseSegment } from '../pdu/scsi-response.ts'
import { encodeTaskManagementResponse } from '../pdu/task-management.ts'
import type { CommandRequest } from './command.ts'
import { CMD_SN, describePdu, LOGIN_ANSWER, Outcome, pairsOf, ScriptedTarget } from './scripted-target.ts'

const CDB = new Uint8Array(16).fill(0x88)

/** Submits and returns what happened to it, and its tag. */
function submit(
  target: ScriptedTarget,
  request: Partial<CommandRequest> = {},
): { outcome: Outcome; tag: number } {
  const outcome = new Outcome()
  return { outcome, tag: target.core.submit({ cdb: CDB, ...request }, outcome) }
}

const sequence = (lengthBytes: number): Uint8Array => Uint8Array.from({ length: lengthBytes }, (_, i) => i)

function nopIn(
  target: ScriptedTarget,
  tags: { itt: number; ttt: number; statSn: number },
  data = new Uint8Array(0),
) {
  const pdu = {
    dataSegmentLength: data.byteLength,
    lun: 0n,
    initiatorTaskTag: tags.itt,
    targetTransferTag: tags.ttt,
    statSn: tags.statSn,
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
  }
  target.send((view, offset) => encodeNopIn(view, offset, pdu), data)
}

function asyncMessage(target: ScriptedTarget, asyncEvent: number, parameter3 = 0): void {
  const pdu = {
    dataSegmentLength: 0,
    lun: 0n,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    asyncEvent,
    asyncVCode: 0,
    parameter1: 0,
    parameter2: 2,
    parameter3,
  }
  target.send((view, offset) => encodeAsyncMessage(view, offset, pdu))
}

function logoutResponse(target: ScriptedTarget, initiatorTaskTag: number): void {
  const pdu = {
    response: 0,
    initiatorTaskTag,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    time2Wait: 0,
    time2Retain: 0,
  }
  target.send((view, offset) => encodeLogoutResponse(view, offset, pdu))
}

function managed(target: ScriptedTarget, initiatorTaskTag: number, response: number): void {
  const pdu = {
    response,
    initiatorTaskTag,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
  }
  target.send((view, offset) => encodeTaskManagementResponse(view, offset, pdu))
}

function reject(
  target: ScriptedTarget,
  tag: number,
  reason: number,
  opcode: number = Opcode.scsiCommand,
): void {
  const header = new Uint8Array(48)
  encodeScsiCommand(new DataView(header.buffer), 0, {
    immediate: false,
    final: true,
    read: false,
    write: false,
    attr: 1,
    totalAhsLength: 0,
    dataSegmentLength: 0,
    lun: 0n,
    initiatorTaskTag: tag,
    expectedDataTransferLength: 0,
    cmdSn: 0,
    expStatSn: 0,
    cdb: CDB,
  })
  header[0] = opcode
  const pdu = {
    reason,
    dataSegmentLength: 48,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    dataSn: 0,
  }
  target.send((view, offset) => encodeReject(view, offset, pdu), header)
}

describe('login', () => {
  it('names itself and the target, offers its keys, and is in the full feature phase', () => {
    const target = new ScriptedTarget()
    target.core.start()
    const [sent] = target.take()
    expect(sent?.pdu).toMatchObject({
      opcode: Opcode.loginRequest,
      transit: true,
      csg: 1,
      nsg: 3,
      cmdSn: CMD_SN,
    })
    expect(pairsOf(sent!.data)).toMatchObject({
      InitiatorName: 'iqn.2026-11.io.basalt:test',
      TargetName: 'iqn.2026-11.io.basalt:volume',
      SessionType: 'Normal',
      InitialR2T: 'No',
    })
    target.answerLogin({}, LOGIN_ANSWER)
    expect(target.events).toEqual(['logged in'])
  })

  it('tells where the target moved', () => {
    const target = new ScriptedTarget()
    target.core.start()
    target.answerLogin(
      { status: LoginStatus.targetMovedTemporarily, transit: false },
      { TargetAddress: '[fd00::1]:3261,1' },
    )
    expect(target.events).toEqual(['moved to fd00::1:3261 temporarily', 'ended DISCONNECTED'])
  })

  it.each([
    [LoginStatus.authenticationFailure, 'ACCESS_DENIED'],
    [LoginStatus.authorizationFailure, 'ACCESS_DENIED'],
    [LoginStatus.notFound, 'NOT_FOUND'],
    [LoginStatus.serviceUnavailable, 'BUSY'],
    [LoginStatus.targetMovedPermanently, 'PROTOCOL'],
    [0x02ff, 'PROTOCOL'],
  ])('ends with the reason of a refusal: status %i', (status, code) => {
    const target = new ScriptedTarget()
    target.core.start()
    target.answerLogin({ status, transit: false }, {})
    expect(target.events).toEqual([`ended ${code}`])
    expect(target.endedWith?.facts).toMatchObject({ statusClass: status >>> 8, statusDetail: status & 0xff })
  })

  it('refuses commands before and after the session', () => {
    const target = new ScriptedTarget()
    expect(submit(target).outcome.error?.code).toBe('DISCONNECTED')
    const open = ScriptedTarget.loggedIn()
    open.core.lost(open.endedWith ?? (submit(new ScriptedTarget()).outcome.error as never))
    expect(submit(open).outcome.error?.code).toBe('DISCONNECTED')
  })
})

describe('commands', () => {
  it('reads into the caller’s buffer, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.boolean(), (chunkBytes, hasDigests) => {
        const answer = hasDigests ? { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' } : {}
        const target = ScriptedTarget.loggedIn({}, answer)
        target.setDigests({ header: hasDigests, data: hasDigests })
        target.chunkBytes = chunkBytes
        const dataIn = new Uint8Array(1000)
        const { outcome, tag } = submit(target, { dataIn })
        expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN} FR 1000 with 0`])
        const data = sequence(1000)
        target.dataIn(tag, data.subarray(0, 600))
        target.dataIn(tag, data.subarray(600), { bufferOffset: 600, dataSn: 1, statusPresent: true })
        expect(outcome).toMatchObject({
          calls: 1,
          result: { status: 0, dataInBytes: 1000, underflowBytes: 0 },
        })
        expect(dataIn).toEqual(data)
        expect(target.core.outstanding).toBe(0)
        expect(target.pool.lentBytes).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('sends immediate data, unsolicited data up to FirstBurstLength, and the rest when asked', () => {
    const target = ScriptedTarget.loggedIn()
    const dataOut = sequence(6000)
    const { outcome, tag } = submit(target, { dataOut })
    const first = target.take()
    expect(first.map(describePdu)).toEqual([
      `command ${CMD_SN} W 6000 with 1024`,
      'data 0 at 1024 of 1024 unsolicited last',
    ])
    target.r2t(tag, { bufferOffset: 2048, desiredDataTransferLength: 2500 })
    const second = target.take()
    expect(second.map(describePdu)).toEqual([
      'data 0 at 2048 of 1024 for 85',
      'data 1 at 3072 of 1024 for 85',
      'data 2 at 4096 of 452 for 85 last',
    ])
    target.r2t(tag, { bufferOffset: 4548, desiredDataTransferLength: 1452, r2tSn: 1, targetTransferTag: 9 })
    const third = target.take()
    expect(third.map(describePdu)).toEqual([
      'data 0 at 4548 of 1024 for 9',
      'data 1 at 5572 of 428 for 9 last',
    ])
    const all = Buffer.concat([...first, ...second, ...third].map(({ data }) => data))
    expect(new Uint8Array(all)).toEqual(dataOut)
    target.response(tag)
    expect(outcome).toMatchObject({ calls: 1, result: { status: 0 } })
  })

  it.each([
    ['nothing unsolicited', { InitialR2T: 'Yes', ImmediateData: 'No' }, ['FW 6000 with 0']],
    ['immediate data only', { InitialR2T: 'Yes', ImmediateData: 'Yes' }, ['FW 6000 with 1024']],
    [
      'unsolicited Data-Out only',
      { InitialR2T: 'No', ImmediateData: 'No' },
      ['W 6000 with 0', 'data 0 at 0 of 1024 unsolicited', 'data 1 at 1024 of 1024 unsolicited last'],
    ],
  ])('sends %s when that was agreed', (_, answer, expected) => {
    const target = ScriptedTarget.loggedIn({}, answer)
    submit(target, { dataOut: sequence(6000) })
    expect(target.take().map((pdu) => describePdu(pdu).replace(`command ${CMD_SN} `, ''))).toEqual(expected)
  })

  it('waits for the command window and keeps the order', () => {
    const target = new ScriptedTarget()
    target.windowSize = 2
    target.core.start()
    target.take()
    target.answerLogin({}, LOGIN_ANSWER)
    const tags = [0, 1, 2, 3].map(() => submit(target).tag)
    expect(target.take().map(describePdu)).toEqual([
      `command ${CMD_SN} F 0 with 0`,
      `command ${CMD_SN + 1} F 0 with 0`,
    ])
    target.expCmdSn = CMD_SN + 1
    target.response(tags[0]!)
    expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN + 2} F 0 with 0`])
    submit(target, { immediate: true })
    expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN + 3} F 0 with 0`])
    target.expCmdSn = CMD_SN + 3
    target.response(tags[1]!)
    expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN + 3} F 0 with 0`])
  })

  it('does not shrink the window when the target does', () => {
    const target = ScriptedTarget.loggedIn()
    const { tag } = submit(target)
    target.take()
    target.response(tag, { expCmdSn: CMD_SN + 1, maxCmdSn: CMD_SN })
    submit(target)
    expect(target.take()).toHaveLength(1)
  })

  it('gives sense data and residuals', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target, { dataIn: new Uint8Array(512) })
    target.take()
    const sense = Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10)
    target.response(tag, { status: 2, underflow: true, residualCount: 512 }, senseSegment(sense))
    expect(outcome.result).toEqual({
      status: 2,
      sense,
      dataInBytes: 0,
      underflowBytes: 512,
      overflowBytes: 0,
    })
  })

  it('fails a command that the target could not execute', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    target.response(tag, { response: 1 })
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'PROTOCOL', facts: { response: 1 } } })
  })

  it.each([
    ['data both ways', { dataIn: new Uint8Array(1), dataOut: new Uint8Array(1) }],
    ['no CDB', { cdb: new Uint8Array(0) }],
    ['a CDB of 261 bytes', { cdb: new Uint8Array(261) }],
  ])('refuses %s', (_, request) => {
    const target = ScriptedTarget.loggedIn()
    expect(submit(target, request)).toMatchObject({
      tag: RESERVED_TAG,
      outcome: { error: { code: 'INVALID_ARGUMENT' } },
    })
  })

  it('sends a long CDB in an additional header segment', () => {
    const target = ScriptedTarget.loggedIn()
    submit(target, { cdb: sequence(32) })
    expect(target.take()[0]?.pdu).toMatchObject({ totalAhsLength: 5 })
  })

  it('bounds what is outstanding', () => {
    const target = ScriptedTarget.loggedIn({ tasksMax: 3 })
    const outcomes = [0, 1, 2, 3].map(() => submit(target).outcome)
    expect(outcomes.map(({ error }) => error?.code)).toEqual([undefined, undefined, undefined, 'BUSY'])
  })

  it('lets a handler submit the next command', () => {
    const target = ScriptedTarget.loggedIn()
    const next = new Outcome()
    const tag = target.core.submit(
      { cdb: CDB },
      {
        completed: () => target.core.submit({ cdb: CDB }, next),
        failed: () => expect.fail('it does not fail'),
      },
    )
    target.take()
    target.response(tag)
    expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN + 1} F 0 with 0`])
  })
})

describe('what a target must not send', () => {
  const dataIn = new Uint8Array(1024)
  const cases: [string, (target: ScriptedTarget, tag: number, writeTag: number) => void][] = [
    ['a StatSN that jumps', (target, tag) => target.response(tag, { statSn: target.statSn + 1 })],
    ['a DataSN that jumps', (target, tag) => target.dataIn(tag, sequence(512), { dataSn: 1 })],
    ['data out of order', (target, tag) => target.dataIn(tag, sequence(512), { bufferOffset: 512 })],
    ['more data than expected', (target, tag) => target.dataIn(tag, sequence(1025))],
    ['data for no command', (target) => target.dataIn(0x7001, sequence(8))],
    ['a response for no command', (target) => target.response(0x7001)],
    ['an R2T beyond the data', (target, _, tag) => target.r2t(tag, { bufferOffset: 7700 })],
    ['an R2T for nothing', (target, _, tag) => target.r2t(tag, { desiredDataTransferLength: 0 })],
    ['an R2T above MaxBurstLength', (target, _, tag) => target.r2t(tag, { desiredDataTransferLength: 4097 })],
    ['an R2TSN that jumps', (target, _, tag) => target.r2t(tag, { r2tSn: 1 })],
    ['an R2T for a read', (target, tag) => target.r2t(tag, {})],
    [
      'a NOP-In that answers nothing',
      (target) => nopIn(target, { itt: 3, ttt: RESERVED_TAG, statSn: target.takeStatSn() }),
    ],
    ['a login response', (target) => target.answerLogin({}, {})],
    [
      'an opcode of an initiator',
      (target) => target.send((view, offset) => view.setUint32(offset, 0x0180_0000)),
    ],
  ]
  it.each(cases)('ends the session: %s', (_, violate) => {
    const target = ScriptedTarget.loggedIn()
    const read = submit(target, { dataIn })
    const write = submit(target, { dataOut: sequence(8000) })
    target.take()
    violate(target, read.tag, write.tag)
    expect(target.events).toEqual(['logged in', 'ended PROTOCOL'])
    expect([read.outcome, write.outcome]).toMatchObject([
      { calls: 1, error: { code: 'PROTOCOL' } },
      { calls: 1, error: { code: 'PROTOCOL' } },
    ])
  })
})

describe('without being asked', () => {
  it('answers the target’s ping with its tag', () => {
    const target = ScriptedTarget.loggedIn()
    nopIn(target, { itt: RESERVED_TAG, ttt: 0x99, statSn: target.statSn })
    expect(target.take()[0]?.pdu).toMatchObject({
      opcode: Opcode.nopOut,
      immediate: true,
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag: 0x99,
      cmdSn: CMD_SN,
    })
  })

  it('drains and logs out when the target asks for it', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    asyncMessage(target, AsyncEvent.logoutRequest, 10)
    expect(target.take()).toEqual([])
    expect(submit(target).outcome.error?.code).toBe('DISCONNECTED')
    target.response(tag)
    expect(outcome.result?.status).toBe(0)
    const [logout] = target.take()
    expect(logout?.pdu).toMatchObject({ opcode: Opcode.logoutRequest, reasonCode: 0 })
    logoutResponse(target, (logout!.pdu as { initiatorTaskTag: number }).initiatorTaskTag)
    expect(target.events).toEqual(['logged in', 'async 1', 'logged out'])
  })

  it('logs out although a command is outstanding when the time is half over', () => {
    const target = ScriptedTarget.loggedIn({ commandTimeoutMs: 60_000 })
    const { outcome } = submit(target)
    target.take()
    asyncMessage(target, AsyncEvent.logoutRequest, 4)
    target.core.tick(1999)
    expect(target.take()).toEqual([])
    target.core.tick(2000)
    const [logout] = target.take()
    logoutResponse(target, (logout!.pdu as { initiatorTaskTag: number }).initiatorTaskTag)
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'DISCONNECTED' } })
    expect(target.events.at(-1)).toBe('logged out')
  })

  it.each([AsyncEvent.connectionDrop, AsyncEvent.sessionDrop])(
    'ends when the connection is dropped: event %i',
    (event) => {
      const target = ScriptedTarget.loggedIn()
      const { outcome } = submit(target)
      asyncMessage(target, event, 5)
      expect(outcome.error).toMatchObject({ code: 'DISCONNECTED', facts: { time2WaitSeconds: 2 } })
    },
  )

  it('hears other asynchronous messages and goes on', () => {
    const target = ScriptedTarget.loggedIn()
    asyncMessage(target, AsyncEvent.scsiEvent)
    expect(target.events).toEqual(['logged in', 'async 0'])
  })

  it('fails the command that was rejected', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    reject(target, tag, RejectReason.commandNotSupported)
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'PROTOCOL', facts: { reason: 5 } } })
    expect(target.core.isEnded).toBe(false)
  })

  it('leaves the end of a command to the target when its data was rejected', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    reject(target, tag, RejectReason.dataDigestError, Opcode.dataOut)
    expect(outcome.calls).toBe(0)
    expect(target.core.isEnded).toBe(false)
  })

  it('gives up when a command was lost to a digest error', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    reject(target, tag, RejectReason.dataDigestError)
    expect(outcome.calls).toBe(1)
    expect(target.events.at(-1)).toBe('ended PROTOCOL')
  })
})

describe('time', () => {
  it('fails an overdue command, aborts it, and keeps late data out of the caller’s buffer', () => {
    const target = ScriptedTarget.loggedIn()
    const dataIn = new Uint8Array(512)
    const { outcome, tag } = submit(target, { dataIn })
    target.take()
    target.core.tick(999)
    expect(outcome.calls).toBe(0)
    target.core.tick(1000)
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'DISCONNECTED' } })
    const [abort] = target.take()
    expect(abort?.pdu).toMatchObject({
      function: 1,
      referencedTaskTag: tag,
      refCmdSn: CMD_SN,
      immediate: true,
    })
    target.dataIn(tag, new Uint8Array(512).fill(7))
    expect(dataIn).toEqual(new Uint8Array(512))
    managed(target, (abort!.pdu as { initiatorTaskTag: number }).initiatorTaskTag, 0)
    expect(target.core.outstanding).toBe(0)
    expect(outcome.calls).toBe(1)
    expect(target.core.isEnded).toBe(false)
  })

  it('takes a late response in the place of the abort', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    target.core.tick(1000)
    const [abort] = target.take()
    target.response(tag)
    managed(target, (abort!.pdu as { initiatorTaskTag: number }).initiatorTaskTag, 1)
    expect(target.core.outstanding).toBe(0)
    expect(outcome.calls).toBe(1)
  })

  it('drops an overdue command that was not sent yet', () => {
    const target = new ScriptedTarget()
    target.windowSize = 0
    target.core.start()
    target.take()
    target.answerLogin({}, LOGIN_ANSWER)
    const late = submit(target)
    const patient = submit(target, { timeoutMs: 5000 })
    target.core.tick(1000)
    expect(late.outcome.error?.code).toBe('DISCONNECTED')
    target.windowSize = 4
    nopIn(target, { itt: RESERVED_TAG, ttt: RESERVED_TAG, statSn: target.statSn })
    expect(target.take().map(describePdu)).toEqual([`command ${CMD_SN} F 0 with 0`])
    expect(patient.outcome.calls).toBe(0)
  })

  it('ends the session when the target does not answer the abort either', () => {
    const target = ScriptedTarget.loggedIn()
    submit(target)
    target.take()
    target.core.tick(1000)
    target.core.tick(1499)
    expect(target.core.isEnded).toBe(false)
    target.core.tick(1500)
    expect(target.events.at(-1)).toBe('ended DISCONNECTED')
  })

  it('pings a silent target, and ends the session when there is no answer', () => {
    const target = ScriptedTarget.loggedIn({ pingIntervalMs: 1000 })
    expect(target.core.needsTicks).toBe(true)
    target.core.tick(1000)
    const [ping] = target.take()
    expect(ping?.pdu).toMatchObject({ opcode: Opcode.nopOut, targetTransferTag: RESERVED_TAG })
    const { initiatorTaskTag: itt } = ping!.pdu as { initiatorTaskTag: number }
    nopIn(target, { itt, ttt: RESERVED_TAG, statSn: target.takeStatSn() })
    target.core.tick(1900)
    expect(target.take()).toEqual([])
    target.core.tick(2000)
    expect(target.take()).toHaveLength(1)
    target.core.tick(2500)
    expect(target.events.at(-1)).toBe('ended DISCONNECTED')
  })
})

describe('task management', () => {
  it('fails the commands of the logical unit that was reset, and not those of another', () => {
    const target = ScriptedTarget.loggedIn()
    const ours = submit(target)
    const other = submit(target, { lun: 1 })
    target.take()
    const answers: number[] = []
    target.core.full?.manage(
      { function: 5 },
      { answered: (response) => answers.push(response), failed: () => expect.fail('it does not fail') },
    )
    const later = submit(target)
    const [reset] = target.take()
    managed(target, (reset!.pdu as { initiatorTaskTag: number }).initiatorTaskTag, 0)
    expect(answers).toEqual([0])
    expect(ours.outcome.error?.code).toBe('DISCONNECTED')
    expect([other.outcome.calls, later.outcome.calls]).toEqual([0, 0])
  })

  it('leaves commands alone when the function was refused', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    target.core.full?.manage(
      { function: 1, referencedTaskTag: tag },
      { answered: () => undefined, failed: () => expect.fail('it does not fail') },
    )
    const [abort] = target.take()
    managed(target, (abort!.pdu as { initiatorTaskTag: number }).initiatorTaskTag, 5)
    expect(outcome.calls).toBe(0)
  })
})

describe('the end', () => {
  it('tells every handler once, whether its command was sent or waits', () => {
    const target = new ScriptedTarget()
    target.windowSize = 1
    target.core.start()
    target.take()
    target.answerLogin({}, LOGIN_ANSWER)
    const commands = [0, 1, 2].map(() => submit(target))
    const nop = new Outcome()
    target.core.full?.ping(new Uint8Array(0), {
      answered: () => expect.fail('nobody answers'),
      failed: (error) => nop.failed(error),
    })
    target.take()
    const reason = submit(new ScriptedTarget()).outcome.error!
    target.core.lost(reason)
    target.core.lost(reason)
    expect([...commands.map(({ outcome }) => outcome), nop].map(({ calls }) => calls)).toEqual([1, 1, 1, 1])
    expect(target.events).toEqual(['logged in', 'ended DISCONNECTED'])
    expect(target.core.outstanding).toBe(0)
  })
})
