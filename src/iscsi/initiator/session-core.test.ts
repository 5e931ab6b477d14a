import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import { LoginStatus, Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { senseSegment } from '../pdu/scsi-response.ts'
import { nopIn, submit } from './scripted-pdus.ts'
import { CMD_SN, describePdu, LOGIN_ANSWER, Outcome, pairsOf, ScriptedTarget } from './scripted-target.ts'

const CDB = new Uint8Array(16)
const sequence = (lengthBytes: number): Uint8Array => Uint8Array.from({ length: lengthBytes }, (_, i) => i)

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

  it('does not look at the CDB again, though it is a Buffer and comes from a pool', () => {
    const target = ScriptedTarget.loggedIn()
    const cdb = Buffer.from(sequence(16))
    submit(target, { cdb })
    cdb.fill(0xee)
    expect(target.take()[0]?.pdu).toMatchObject({ cdb: sequence(16) })
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

describe('damaged streams', () => {
  it('end the session or not, without an exception, and every handler is told once', () => {
    const damages = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        damages,
        fc.boolean(),
        fc.integer({ min: 20, max: 400 }),
        (changes, hasDigests, chunkBytes) => {
          const answer = hasDigests ? { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' } : {}
          const target = ScriptedTarget.loggedIn({}, answer)
          target.setDigests({ header: hasDigests, data: hasDigests })
          target.chunkBytes = chunkBytes
          let position = 0
          target.damage = (chunk) => {
            for (const [at, value] of changes) if (at >= position) chunk[at - position] = value
            position += chunk.byteLength
          }
          const read = submit(target, { dataIn: new Uint8Array(700) })
          const write = submit(target, { dataOut: sequence(6000) })
          target.take()
          target.dataIn(read.tag, sequence(500))
          target.r2t(write.tag, { bufferOffset: 2048 })
          nopIn(target, { itt: RESERVED_TAG, ttt: 7, statSn: target.statSn })
          target.dataIn(read.tag, sequence(200), { bufferOffset: 500, dataSn: 1, statusPresent: true })
          target.response(write.tag)
          target.take()
          target.core.lost(new BlockError('DISCONNECTED', 'the test is over'))
          expect([read.outcome.calls, write.outcome.calls]).toEqual([1, 1])
          expect(target.core.outstanding).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
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
