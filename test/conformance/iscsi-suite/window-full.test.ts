import { expect, it } from 'vitest'
import { encodeNopOut } from '../../../src/iscsi/pdu/nop.ts'
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/pdu/opcodes.ts'
import { read10, SessionHarness } from '../../e2e/iscsi/session-harness.ts'

it('RFC 7143 §4.2.2.1: MaxCmdSN = ExpCmdSN − 1 closes the window, and it opens again as commands end', async () => {
  const h = new SessionHarness({ limits: { queueDepth: 2 } })
  const read = { read: true, expectedDataTransferLength: 512 }
  h.device.hold()
  h.command(read10(0, 1), read)
  h.command(read10(1, 1), read)
  h.send((view, at) =>
    encodeNopOut(view, at, {
      ...{ immediate: true, dataSegmentLength: 0, lun: 0n, initiatorTaskTag: 99 },
      ...{ targetTransferTag: RESERVED_TAG, cmdSn: h.cmdSn, expStatSn: 0 },
    }),
  )
  expect(h.received()).toMatchObject([{ pdu: { opcode: Opcode.nopIn, expCmdSn: 1002, maxCmdSn: 1001 } }])
  h.command(read10(2, 1), { ...read, cmdSn: 1002 })
  h.device.letGo()
  const sent = await h.settled()
  // The third command came outside the window: nobody answers it.
  expect(sent.map(({ pdu }) => pdu)).toMatchObject([{ maxCmdSn: 1002 }, { maxCmdSn: 1003 }])
})
