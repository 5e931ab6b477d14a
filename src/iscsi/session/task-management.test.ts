import { describe, expect, it } from 'vitest'
import {
  pattern,
  read10,
  type SentPdu,
  SessionHarness,
  write10,
} from '../../../test/e2e/iscsi/session-harness.ts'
import {
  TaskManagementFunction as Action,
  Opcode,
  TaskManagementResponseCode as Response,
} from '../pdu/opcodes.ts'

const write = { write: true, expectedDataTransferLength: 4096 }
const content = pattern(4096)

/** The response codes of task management among `sent`; nothing else may be there. */
const codes = (sent: readonly SentPdu[]): number[] =>
  sent.map(({ pdu }) => (pdu.opcode === Opcode.taskManagementResponse ? pdu.response : -1))

describe('ABORT TASK', () => {
  it('is answered when nothing of the task can change the medium any more, and the task never is', async () => {
    const h = new SessionHarness()
    h.device.hold()
    const referencedTaskTag = h.command(write10(0, 8), write, content)
    h.manage(Action.abortTask, { referencedTaskTag })
    expect(await h.settled()).toEqual([])
    h.device.letGo()
    expect(codes(await h.settled())).toEqual([Response.functionComplete])
    expect([h.device.counts.writes, h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0, 0])
  })

  it('of one that waits for data is answered at once; the data is dropped, the tag free again', async () => {
    const h = new SessionHarness()
    const tag = h.command(write10(0, 8), write)
    const [r2t] = h.received()
    if (r2t?.pdu.opcode !== Opcode.r2t) throw new Error('no R2T')
    h.manage(Action.abortTask, { referencedTaskTag: tag })
    expect(codes(h.received())).toEqual([Response.functionComplete])
    h.dataOut({ initiatorTaskTag: tag, targetTransferTag: r2t.pdu.targetTransferTag }, content)
    expect([await h.settled(), h.device.counts.writes, h.pool.lentBytes]).toEqual([[], 0, 0])
    h.command('00 00 00 00 00 00', { initiatorTaskTag: tag })
    expect(h.received()).toMatchObject([{ pdu: { status: 0, initiatorTaskTag: tag } }])
  })

  it('frees the tag also when the owed data never comes', () => {
    const h = new SessionHarness()
    const tag = h.command(write10(0, 8), write)
    h.manage(Action.abortTask, { referencedTaskTag: tag })
    h.received()
    h.command('00 00 00 00 00 00', { initiatorTaskTag: tag })
    expect(h.received()).toMatchObject([{ pdu: { status: 0, maxCmdSn: 1000 + 2 + 127 } }])
  })

  it('of one that waits for memory frees its place', () => {
    const h = new SessionHarness({ budgetBytes: 4096 })
    h.command(write10(0, 8), write)
    const waiting = h.command(write10(8, 8), write)
    h.received()
    h.manage(Action.abortTask, { referencedTaskTag: waiting })
    const [sent] = h.received()
    expect(sent?.pdu).toMatchObject({
      response: Response.functionComplete,
      expCmdSn: 1002,
      maxCmdSn: 1002 + 126,
    })
  })

  it('of one that was answered, or of another logical unit, finds nothing', () => {
    const h = new SessionHarness()
    const referencedTaskTag = h.command('00 00 00 00 00 00')
    h.received()
    h.manage(Action.abortTask, { referencedTaskTag, refCmdSn: 1000 })
    expect(codes(h.received())).toEqual([Response.taskDoesNotExist])
    h.device.hold()
    const reading = h.command(read10(0, 1), { read: true, expectedDataTransferLength: 512 })
    h.manage(Action.abortTask, { referencedTaskTag: reading, lun: 1n << 48n })
    expect(codes(h.received())).toEqual([Response.taskDoesNotExist])
  })

  it('of one that was numbered and never sent counts it as received', () => {
    const h = new SessionHarness()
    const refCmdSn = h.takeCmdSn()
    h.manage(Action.abortTask, { referencedTaskTag: 99, refCmdSn })
    expect(codes(h.received())).toEqual([Response.functionComplete])
    h.command('00 00 00 00 00 00')
    expect(h.received()).toMatchObject([{ pdu: { status: 0, expCmdSn: refCmdSn + 2 } }])
  })
})

describe('functions over many tasks', () => {
  it('ABORT TASK SET takes the tasks of its own session only', async () => {
    const a = new SessionHarness()
    const b = new SessionHarness({ beside: a })
    a.device.hold()
    a.command(write10(0, 8), write, content)
    a.command(write10(8, 8), write, content)
    b.command(write10(16, 8), write, content)
    a.manage(Action.abortTaskSet)
    a.device.letGo()
    expect(codes(await a.settled())).toEqual([Response.functionComplete])
    expect(b.received()).toMatchObject([{ pdu: { status: 0 } }])
    expect(a.device.counts.writes).toBe(1)
  })

  it('CLEAR TASK SET takes those of all, and tells the others', async () => {
    const a = new SessionHarness()
    const b = new SessionHarness({ beside: a })
    const idle = new SessionHarness({ beside: a })
    a.device.hold()
    b.command(write10(16, 8), write, content)
    a.command(write10(0, 8), write, content)
    a.manage(Action.clearTaskSet)
    a.device.letGo()
    expect(codes(await a.settled())).toEqual([Response.functionComplete])
    expect([b.received(), a.device.counts.writes]).toEqual([[], 0])
    expect(b.session.nexus?.take()).toEqual({ asc: 0x2f, ascq: 0x00 })
    expect([a.session.nexus?.hasAttention, idle.session.nexus?.hasAttention]).toEqual([false, false])
  })

  it.each([Action.logicalUnitReset, Action.targetWarmReset])(
    'reset %d takes those of all and resets the unit',
    async (code) => {
      const a = new SessionHarness()
      const b = new SessionHarness({ beside: a })
      a.device.hold()
      b.command(write10(16, 8), write, content)
      a.command(write10(0, 8), write)
      a.received()
      a.manage(code)
      expect(a.session.nexus?.hasAttention).toBe(false)
      a.device.letGo()
      expect(codes(await a.settled())).toEqual([Response.functionComplete])
      expect([b.received(), a.device.counts.writes, a.pool.lentBytes]).toEqual([[], 0, 0])
      expect(a.session.nexus?.hasAttention).toBe(true)
      expect(b.session.nexus?.hasAttention).toBe(true)
      expect(a.ends).toEqual([])
    },
  )

  it('TARGET COLD RESET also ends all sessions, the asking one when its answer has gone', async () => {
    const h = new SessionHarness()
    h.manage(Action.targetColdReset)
    expect(codes(await h.settled())).toEqual([Response.functionComplete])
    expect(h.ends).toEqual(['after-output: target cold reset', 'others: target cold reset'])
  })

  it('a command whose data is only half there at the reset is aborted as well', () => {
    const a = new SessionHarness()
    const b = new SessionHarness({ beside: a })
    const push = a.push.bind(a)
    let rest: Uint8Array | undefined
    a.push = (bytes) => {
      push(bytes.subarray(0, 1000))
      rest = bytes.subarray(1000)
    }
    a.command(write10(0, 8), write, content)
    b.manage(Action.logicalUnitReset)
    push(rest!)
    expect([a.received(), a.device.counts.writes, a.pool.lentBytes]).toEqual([[], 0, 0])
  })

  it.each([
    [Action.clearAca, 0n, Response.functionNotSupported],
    [Action.taskReassign, 0n, Response.reassignmentNotSupported],
    [0x7f, 0n, Response.functionRejected],
    [Action.abortTaskSet, 5n << 48n, Response.lunDoesNotExist],
    [Action.clearTaskSet, 5n << 48n, Response.lunDoesNotExist],
    [Action.logicalUnitReset, 5n << 48n, Response.lunDoesNotExist],
  ])('function %d of LUN %d is answered %d', (code, lun, response) => {
    const h = new SessionHarness()
    h.manage(code, { lun })
    expect(codes(h.received())).toEqual([response])
  })
})

it('PREEMPT AND ABORT of another nexus finds every task but the one that asks', async () => {
  const h = new SessionHarness()
  h.device.hold()
  h.command(write10(0, 8), write, content)
  const [asking, ...others] = [
    ...h.session.abortTasks(() => false),
    { aborted: false, onAbort: () => undefined },
  ]
  expect(others).toEqual([])
  const done = h.session.nexus!.abortTasks(asking!)
  h.device.letGo()
  await done
  expect([await h.settled(), h.device.counts.writes]).toEqual([[], 0])
})
