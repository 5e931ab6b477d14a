/**
 * How many logins an address may try: a bucket of tokens per address, refilled with time. A failed authentication
 * costs more than a login, so that guessing secrets is slow while a host that reconnects a hundred volumes is not
 * held up. Bounded: when too many addresses are known, the one unused for longest is forgotten.
 */
import type { Clock } from '../base/ports/clock.ts'

export interface LoginLimits {
  /** Logins that an address may have at once after a silence. */
  readonly burst: number
  readonly perSecond: number
  /** Tokens that a failed authentication costs on top. */
  readonly failureCost: number
  readonly addressesMax: number
}

const LOGIN_LIMITS: LoginLimits = { burst: 1024, perSecond: 256, failureCost: 32, addressesMax: 4096 }

interface Bucket {
  tokens: number
  refilledMs: number
}

export class LoginLimiter {
  readonly #clock: Clock
  readonly #limits: LoginLimits
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: { clock: Clock; limits?: LoginLimits }) {
    this.#clock = options.clock
    this.#limits = options.limits ?? LOGIN_LIMITS
  }

  /** Takes a token for one login from `address` (without port). False: it has to wait. */
  admit(address: string): boolean {
    const bucket = this.#bucket(address)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  /** A login from `address` failed to prove itself. */
  failed(address: string): void {
    const bucket = this.#bucket(address)
    bucket.tokens = Math.max(-this.#limits.burst, bucket.tokens - this.#limits.failureCost)
  }

  #bucket(address: string): Bucket {
    const nowMs = this.#clock.monotonicMs()
    const { burst, perSecond, addressesMax } = this.#limits
    let bucket = this.#buckets.get(address)
    if (bucket === undefined) {
      bucket = { tokens: burst, refilledMs: nowMs }
      if (this.#buckets.size >= addressesMax) {
        for (const oldest of this.#buckets.keys()) {
          this.#buckets.delete(oldest)
          break
        }
      }
    } else {
      this.#buckets.delete(address)
      bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.refilledMs) / 1000) * perSecond)
      bucket.refilledMs = nowMs
    }
    this.#buckets.set(address, bucket)
    return bucket
  }
}

/** The host of `host:port`, which is what limits are kept by. */
export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))
