import { expect, it } from 'vitest'
import { encodeNopOut } from '../../../src/iscsi/pdu/nop.ts'
import { Opcode, RESERVED_TAG, RejectReason } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, SessionHarness } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS, damageNext } from './damage.ts'

it('RFC 7143 §7.8: a damaged PDU that carries no data of a command is rejected and forgotten', async () => {
  const h = new SessionHarness(DIGESTS)
  const ping = (initiatorTaskTag: number): void =>
    h.send(
      (view, at) =>
        encodeNopOut(view, at, {
          immediate: true,
          dataSegmentLength: 64,
          lun: 0n,
          initiatorTaskTag,
          targetTransferTag: RESERVED_TAG,
          cmdSn: h.cmdSn,
          expStatSn: 0,
        }),
      pattern(64),
    )
  damageNext(h, -20)
  ping(1)
  ping(2)
  expect(await h.settled()).toMatchObject([
    { pdu: { opcode: Opcode.reject, reason: RejectReason.dataDigestError } },
    { pdu: { opcode: Opcode.nopIn, initiatorTaskTag: 2 }, data: pattern(64) },
  ])
  expect(h.ends).toEqual([])
})
