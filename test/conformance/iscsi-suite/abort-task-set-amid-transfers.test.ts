import { expect, it } from 'vitest'
import { Opcode, TaskManagementFunction } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, read10, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { opcodes, solicited } from './tags.ts'

const { abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset } = TaskManagementFunction

it.each([
  ['ABORT TASK SET', abortTaskSet],
  ['CLEAR TASK SET', clearTaskSet],
  ['LOGICAL UNIT RESET', logicalUnitReset],
  ['TARGET WARM RESET', targetWarmReset],
])(
  'RFC 7143 §4.2.3.3: after the answer to %s no affected task answers, asks for data or changes the medium',
  async (_name, code) => {
    const h = new SessionHarness({ parameters: { maxBurstLengthBytes: 4096, maxOutstandingR2t: 2 } })
    const content = pattern(4096)
    await h.device.write(0, content)
    const halfway = h.command(write10(64, 32), { write: true, expectedDataTransferLength: 16384 })
    const [first, second] = solicited(h.received())
    h.device.hold()
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096, 2))
    h.command(read10(0, 8), { read: true, expectedDataTransferLength: 4096 })
    h.dataOut({ initiatorTaskTag: halfway, targetTransferTag: first!.targetTransferTag }, content)
    h.received()

    h.manage(code)
    h.dataOut(
      { initiatorTaskTag: halfway, targetTransferTag: second!.targetTransferTag, bufferOffset: 4096 },
      content,
    )
    expect(await h.settled()).toEqual([])
    h.device.letGo()
    expect(opcodes(await h.settled())).toEqual([Opcode.taskManagementResponse])
    // Late data of an aborted task, and one more turn in which something could come.
    h.dataOut(
      {
        initiatorTaskTag: halfway,
        targetTransferTag: second!.targetTransferTag,
        bufferOffset: 8192,
        dataSn: 1,
      },
      content,
    )
    const late = await h.settled()
    expect(opcodes(late).filter((opcode) => opcode !== Opcode.reject)).toEqual([])
    const found = new Uint8Array(4096)
    await h.device.read(0, found)
    expect(found).toEqual(content)
    expect([h.pool.lentBytes, h.budget.usedBytes, h.session.busy]).toEqual([0, 0, false])
  },
)
