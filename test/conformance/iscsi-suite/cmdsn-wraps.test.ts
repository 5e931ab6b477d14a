import { expect, it } from 'vitest'
import { SessionHarness } from '../../e2e/iscsi/session-harness.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'

it('RFC 7143 §4.2.2.1: CmdSN, ExpCmdSN, MaxCmdSN and StatSN go on from 2^32 − 1 to 0', () => {
  const h = new SessionHarness({ cmdSn: 2 ** 32 - 2, statSn: 2 ** 32 - 1, limits: { queueDepth: 4 } })
  for (let i = 0; i < 4; i++) h.command(TEST_UNIT_READY)
  expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
    { statSn: 2 ** 32 - 1, expCmdSn: 2 ** 32 - 1, maxCmdSn: 2 },
    { statSn: 0, expCmdSn: 0, maxCmdSn: 3 },
    { statSn: 1, expCmdSn: 1, maxCmdSn: 4 },
    { statSn: 2, expCmdSn: 2, maxCmdSn: 5 },
  ])
  expect(h.ends).toEqual([])
})
