import { expect, it } from 'vitest'
import { SessionHarness } from '../../e2e/iscsi/session-harness.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'

it('RFC 7143 §4.2.2.1: an immediate command carries the next CmdSN and does not use it up', () => {
  const h = new SessionHarness({ limits: { queueDepth: 4 } })
  for (let i = 0; i < 3; i++) h.command(TEST_UNIT_READY, { immediate: true })
  h.command(TEST_UNIT_READY)
  expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
    { expCmdSn: 1000, maxCmdSn: 1003 },
    { expCmdSn: 1000, maxCmdSn: 1003 },
    { expCmdSn: 1000, maxCmdSn: 1003 },
    { expCmdSn: 1001, maxCmdSn: 1004 },
  ])
})
