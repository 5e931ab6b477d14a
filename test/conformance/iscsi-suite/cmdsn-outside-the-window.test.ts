import { expect, it } from 'vitest'
import { SessionHarness } from '../../e2e/iscsi/session-harness.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'
const DEPTH = 4

it.each([
  ['one below', -1],
  ['far below', -(2 ** 31) + 1],
  ['one above', DEPTH],
  ['far above', 2 ** 31 - 1],
])(
  'RFC 7143 §4.2.2.1: a command %s the window is ignored without a word, also where the numbers wrap',
  (_where, away) => {
    for (const start of [1000, 0, 2 ** 32 - 1]) {
      const h = new SessionHarness({ cmdSn: start, limits: { queueDepth: DEPTH } })
      h.command(TEST_UNIT_READY, { cmdSn: (start + away) >>> 0 })
      expect([h.received(), h.ends]).toEqual([[], []])
      h.command(TEST_UNIT_READY, { cmdSn: start })
      expect(h.received()).toMatchObject([{ pdu: { status: 0 } }])
    }
  },
)
