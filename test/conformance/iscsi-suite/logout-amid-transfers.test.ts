import { expect, it } from 'vitest'
import { encodeLogoutRequest } from '../../../src/iscsi/pdu/logout.ts'
import { LogoutReason, Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, read10, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { opcodes } from './tags.ts'

it('RFC 7143 §11.14: a logout that closes the session implicitly ends what is outstanding before it is answered', async () => {
  const h = new SessionHarness()
  h.command(write10(64, 8), { write: true, expectedDataTransferLength: 4096 })
  h.received() // its R2T
  h.device.hold()
  h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
  h.command(read10(0, 8), { read: true, expectedDataTransferLength: 4096 })
  h.send((view, at) =>
    encodeLogoutRequest(view, at, {
      ...{ immediate: true, reasonCode: LogoutReason.closeSession, initiatorTaskTag: 7, cid: 0 },
      ...{ cmdSn: h.cmdSn, expStatSn: 0 },
    }),
  )
  // What is said after the request is for nobody.
  h.command(write10(128, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
  expect([await h.settled(), h.ends]).toEqual([[], []])
  h.device.letGo()
  expect(opcodes(await h.settled())).toEqual([Opcode.logoutResponse])
  expect(h.ends).toEqual(['after-output: logout'])
  expect([h.device.counts.writes, h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0, 0])
})
