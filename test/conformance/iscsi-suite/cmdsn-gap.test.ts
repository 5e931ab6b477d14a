import { expect, it } from 'vitest'
import { SessionHarness } from '../../e2e/iscsi/session-harness.ts'

const TEST_UNIT_READY = '00 00 00 00 00 00'

it('RFC 7143 §4.2.2.1: a hole in the numbers of one connection is never executed around; the connection ends', () => {
  for (const start of [1000, 2 ** 32 - 1]) {
    const h = new SessionHarness({ cmdSn: start, limits: { queueDepth: 4 } })
    h.command(TEST_UNIT_READY, { cmdSn: (start + 1) >>> 0 })
    expect([h.received(), h.ends]).toEqual([[], ['at-once: a command is missing before this one']])
  }
})
