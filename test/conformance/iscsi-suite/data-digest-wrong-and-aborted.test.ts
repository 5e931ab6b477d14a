import { expect, it } from 'vitest'
import { Opcode, TaskManagementFunction } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS, damageNext } from './damage.ts'
import { opcodes, solicited } from './tags.ts'

it('RFC 7143 §7.8: an ABORT TASK while the rest of damaged data is awaited concludes the task', async () => {
  const h = new SessionHarness({ parameters: { ...DIGESTS.parameters, maxBurstLengthBytes: 8192 } })
  const tag = h.command(write10(0, 16), { write: true, expectedDataTransferLength: 8192 })
  const [burst] = solicited(h.received())
  const { targetTransferTag } = burst!
  damageNext(h, 500)
  h.dataOut({ initiatorTaskTag: tag, targetTransferTag, final: false }, pattern(4096))
  expect(opcodes(h.received())).toEqual([Opcode.reject])
  h.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag })
  expect(await h.settled()).toMatchObject([{ pdu: { opcode: Opcode.taskManagementResponse, response: 0 } }])
  h.dataOut({ initiatorTaskTag: tag, targetTransferTag, bufferOffset: 4096, dataSn: 1 }, pattern(4096))
  expect([await h.settled(), h.device.counts.writes, h.pool.lentBytes, h.ends]).toEqual([[], 0, 0, []])
})
