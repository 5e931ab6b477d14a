/**
 * SCRUB, from a primary: the replica is to verify all its copies, or the primary asks how far it is; SCRUBBED, the answer. A
 * pass has a number; a greater one than before begins another.
 */
import type { ScrubFinding } from '../../blockvol/api.ts'
import { ByteReader } from './bytes.ts'
import { type Numbered, readNumbered, writeNumbered } from './compare.ts'

export const FOUND_MAX = 1000

export interface Scrub extends Numbered {
  /** Below 2^32, above 0. */
  readonly pass: number
  readonly repair: boolean
  /** It is to end. */
  readonly isCancelled: boolean
}

export interface Scrubbed extends Numbered {
  /** `failed`: it did not end whole. */
  readonly state: 'running' | 'ended' | 'failed'
  readonly verifiedBytes: number
  readonly errors: number
  readonly repaired: number
  /** Of one that ended: the first 1000. */
  readonly found: readonly ScrubFinding[]
}

const STATES = ['running', 'ended', 'failed'] as const
const WHATS = ['checksum', 'unknown', 'version', 'lost_write', 'diverged'] as const
const YES_NO = [false, true] as const

export const encodeScrub = (scrub: Scrub): Uint8Array =>
  writeNumbered(scrub).u32(scrub.pass).u8(Number(scrub.repair)).u8(Number(scrub.isCancelled)).done()

/** Undefined when the payload is not that. */
export function decodeScrub(payload: Uint8Array): Scrub | undefined {
  const r = new ByteReader(payload)
  const scrub = {
    ...readNumbered(r),
    pass: r.u32(),
    repair: r.choice(YES_NO),
    isCancelled: r.choice(YES_NO),
  }
  return r.isDone && scrub.pass > 0 ? scrub : undefined
}

export function encodeScrubbed(scrubbed: Scrubbed): Uint8Array {
  const { state, verifiedBytes, errors, repaired, found } = scrubbed
  const w = writeNumbered(scrubbed).u8(STATES.indexOf(state)).u64(verifiedBytes).u64(errors).u64(repaired)
  w.u16(found.length)
  for (const one of found) w.u64(one.block).u8(WHATS.indexOf(one.what)).u8(Number(one.repaired))
  return w.done()
}

/** Undefined when the payload is not that. */
export function decodeScrubbed(payload: Uint8Array): Scrubbed | undefined {
  const r = new ByteReader(payload)
  const scrubbed = {
    ...readNumbered(r),
    state: r.choice(STATES),
    verifiedBytes: r.u64(),
    errors: r.u64(),
    repaired: r.u64(),
    found: r.list(FOUND_MAX, () => ({ block: r.u64(), what: r.choice(WHATS), repaired: r.choice(YES_NO) })),
  }
  return r.isDone ? scrubbed : undefined
}
