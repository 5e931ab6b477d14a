import { describe, expect, it } from 'vitest'
import { AsyncEvent, Opcode, RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import { asyncMessage, logoutResponse, managed, nopIn, reject, submit } from './scripted-pdus.ts'
import {
  CMD_SN,
  describePdu,
  LOGIN_ANSWER,
  Outcome,
  ScriptedTarget,
  type SentPdu,
} from './scripted-target.ts'

/** The Initiator Task Tag of what the core sent. */
const tagOf = (sent: SentPdu | undefined): number =>
  sent !== undefined && 'initiatorTaskTag' in sent.pdu ? sent.pdu.initiatorTaskTag : RESERVED_TAG

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
    logoutResponse(target, tagOf(logout))
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
    logoutResponse(target, tagOf(logout))
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
  it('aborts an overdue command, and fails it when the target says that it is over', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    target.core.tick(999)
    expect(target.take()).toEqual([])
    target.core.tick(1000)
    const [abort] = target.take()
    expect(abort?.pdu).toMatchObject({
      function: 1,
      referencedTaskTag: tag,
      refCmdSn: CMD_SN,
      immediate: true,
    })
    expect(outcome.calls).toBe(0)
    managed(target, tagOf(abort), 0)
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'TIMED_OUT' } })
    expect(target.core.outstanding).toBe(0)
    expect(target.core.isEnded).toBe(false)
  })

  it('takes a response that crosses the abort', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome, tag } = submit(target)
    target.take()
    target.core.tick(1000)
    const [abort] = target.take()
    target.response(tag)
    managed(target, tagOf(abort), 1)
    expect(outcome).toMatchObject({ calls: 1, result: { status: 0 } })
    expect(target.core.outstanding).toBe(0)
  })

  it('fails a command that the target does not know', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome } = submit(target)
    target.take()
    target.core.tick(1000)
    managed(target, tagOf(target.take()[0]), 1)
    expect(outcome).toMatchObject({ calls: 1, error: { message: 'the command took too long' } })
    expect(target.core.isEnded).toBe(false)
  })

  it('ends the session when the target refuses to abort', () => {
    const target = ScriptedTarget.loggedIn()
    const { outcome } = submit(target)
    target.take()
    target.core.tick(1000)
    managed(target, tagOf(target.take()[0]), 255)
    expect(outcome.calls).toBe(1)
    expect(target.events.at(-1)).toBe('ended DISCONNECTED')
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
    expect(late.outcome.error?.code).toBe('TIMED_OUT')
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
    const itt = tagOf(ping)
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
    managed(target, tagOf(reset), 0)
    expect(answers).toEqual([0])
    expect(ours.outcome.error?.code).toBe('ABORTED')
    expect([other.outcome.calls, later.outcome.calls]).toEqual([0, 0])
  })

  it('follows the command that was submitted in the same turn', () => {
    const target = ScriptedTarget.loggedIn()
    const { tag } = submit(target)
    target.core.full?.manage(
      { function: 1, referencedTaskTag: tag },
      { answered: () => undefined, failed: () => undefined },
    )
    const sent = target.take()
    expect(sent.map(({ pdu }) => pdu.opcode)).toEqual([Opcode.scsiCommand, Opcode.taskManagementRequest])
    expect(sent[1]?.pdu).toMatchObject({ referencedTaskTag: tag, refCmdSn: CMD_SN })
  })

  it('takes a command that waits for the window away without asking the target', () => {
    const target = new ScriptedTarget()
    target.windowSize = 0
    target.core.start()
    target.take()
    target.answerLogin({}, LOGIN_ANSWER)
    const waiting = submit(target)
    const answers: number[] = []
    target.core.full?.manage(
      { function: 1, referencedTaskTag: waiting.tag },
      { answered: (response) => answers.push(response), failed: () => expect.fail('it does not fail') },
    )
    expect(answers).toEqual([0])
    expect(waiting.outcome).toMatchObject({ calls: 1, error: { code: 'ABORTED' } })
    target.windowSize = 4
    nopIn(target, { itt: RESERVED_TAG, ttt: RESERVED_TAG, statSn: target.statSn })
    expect(target.take()).toEqual([])
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
    managed(target, tagOf(abort), 5)
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
