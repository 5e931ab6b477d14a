/**
 * How full the ring may get. Three reaches, each a good part below the next, so that what frees space always finds
 * room behind what used it up: content, then trims (which free space and are tiny), then the volume's own bookkeeping.
 */
import { assert } from '../../base/assert.ts'
import { alignDown, BLOCK_BYTES, KIB } from '../../base/units.ts'

export type LogReach = 'content' | 'trim' | 'bookkeeping'

/** Room for some openings in a row that each crash. */
const RESERVE_BYTES_MAX = 32 * KIB

export class LogRoom {
  /** Kept between one reach and the next, in bytes. */
  readonly reserveBytes: number
  readonly #reachBytes: Readonly<Record<LogReach, number>>

  /** `hardWatermark` is the part of the ring, 0 to 1, that content may fill. */
  constructor(ringBytes: number, hardWatermark: number) {
    this.reserveBytes = Math.min(RESERVE_BYTES_MAX, alignDown(ringBytes / 8, BLOCK_BYTES))
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
