/**
 * How full the ring may get. Three reaches, each a good part below the next, so that what frees space always finds
 * room behind what used it up: content, then trims (which free space and are tiny), then the volume's own bookkeeping.
 */
import { assert } from '../../base/assert.ts'
import { alignDown, BLOCK_BYTES, KIB, MIB } from '../../base/units.ts'

export type LogReach = 'content' | 'trim' | 'bookkeeping'

/** Room for some openings in a row that each crash. */
const RESERVE_BYTES = 32 * KIB
/**
 * Of a larger log a part: when nothing can be committed, hosts fill it as far as they may, and each new primary appends
 * the start of its epoch behind that before anything can be flushed.
 */
const RESERVE_PART = 1 / 64
const RESERVE_BYTES_MAX = MIB

export class LogRoom {
  /** Kept between one reach and the next, in bytes. */
  readonly reserveBytes: number
  readonly #reachBytes: Readonly<Record<LogReach, number>>

  /** `hardWatermark` is the part of the ring, 0 to 1, that content may fill. */
  constructor(ringBytes: number, hardWatermark: number) {
    const wantedBytes = Math.max(RESERVE_BYTES, Math.min(RESERVE_BYTES_MAX, ringBytes * RESERVE_PART))
    this.reserveBytes = alignDown(Math.min(wantedBytes, ringBytes / 8), BLOCK_BYTES)
    assert(this.reserveBytes >= 2 * BLOCK_BYTES, 'the ring has room for two entries of bookkeeping')
    this.#reachBytes = {
      content: Math.min(ringBytes * hardWatermark, ringBytes - 2 * this.reserveBytes),
      trim: ringBytes - this.reserveBytes,
      bookkeeping: ringBytes,
    }
  }

  /** Bytes of the ring that may be in use after an entry of that reach. */
  limitBytes(reach: LogReach): number {
    return this.#reachBytes[reach]
  }
}
