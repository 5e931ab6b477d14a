import { expect, it } from 'vitest'
import { pattern, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS, damageNext } from './damage.ts'

const BHS_BYTES = 48

it.each([
  ['the opcode', 0],
  ['the length', 7],
  ['the task tag', 19],
  ['the CDB', 33],
  ['the digest itself', BHS_BYTES],
])(
  'RFC 7143 §7.8: a header digest error, here in %s, drops the connection, and nothing of the PDU counts',
  async (_place, at) => {
    const h = new SessionHarness(DIGESTS)
    damageNext(h, at)
    h.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
    expect(await h.settled()).toEqual([])
    expect(h.ends).toEqual(['at-once: header digest error'])
    expect(h.device.counts.writes).toBe(0)
  },
)
