/** Damage on the wire: bytes of one PDU changed after its digests were made. */
import type { SessionHarness } from '../../e2e/iscsi/session-harness.ts'

/** The next PDU that is sent has the bits of its byte `at` changed, counted from its end when negative. */
export function damageNext(h: SessionHarness, at: number): void {
  const push = h.push.bind(h)
  h.push = (bytes) => {
    h.push = push
    const damaged = Uint8Array.from(bytes)
    const place = at < 0 ? damaged.byteLength + at : at
    damaged[place] = (damaged[place] ?? 0) ^ 0xff
    push(damaged)
  }
}

/** With both digests. */
export const DIGESTS = { parameters: { headerDigest: true, dataDigest: true } } as const
