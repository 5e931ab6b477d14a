/**
 * The way of one command's data from the initiator (RFC 7143 §4.2.5.2, §11.7, §11.8): which Data-Out may come now,
 * and which R2T is to be sent next. Only numbers; the bytes are elsewhere.
 *
 *     [0 ─ immediate ─┬─ unsolicited Data-Out ─┬─ R2T 0 ─┬─ R2T 1 ─ … ─ wanted) ─ … expected)
 *
 * Always true: what was received is contiguous within each burst; solicited bursts do not overlap, are at most
 * MaxBurstLength long and at most MaxOutstandingR2T at a time; nothing past `wantedBytes` is asked for.
 */
import { RESERVED_TAG } from '../pdu/opcodes.ts'

/** Why a command's data cannot be taken; RFC 7143 §11.4.7.2 gives each its sense data. */
export type TransferFault = 'unexpected' | 'incorrect-amount'

export interface TransferRules {
  readonly maxBurstLengthBytes: number
  readonly firstBurstLengthBytes: number
  readonly maxOutstandingR2t: number
}

interface Burst {
  /** Target transfer tag; `RESERVED_TAG` for the unsolicited one. */
  readonly tag: number
  readonly endBytes: number
  nextBytes: number
  dataSn: number
}

export interface SolicitedBurst {
  readonly tag: number
  readonly r2tSn: number
  readonly offsetBytes: number
  readonly lengthBytes: number
}

export class WriteTransfer {
  readonly #rules: TransferRules
  /** So many bytes of the command's data are of use. */
  readonly wantedBytes: number
  readonly #bursts: Burst[] = []
  #solicitedBytes: number
  #r2tSn = 0
  #unsolicited: boolean

  /**
   * `immediateBytes` came with the command, which announced `expectedBytes` in all, of which `wantedBytes` are of
   * use; `final`: no unsolicited Data-Out follows.
   */
  constructor(options: {
    rules: TransferRules
    expectedBytes: number
    wantedBytes: number
    immediateBytes: number
    final: boolean
  }) {
    const { rules, expectedBytes, immediateBytes } = options
    this.#rules = rules
    this.wantedBytes = options.wantedBytes
    this.#solicitedBytes = immediateBytes
    const endBytes = Math.min(expectedBytes, rules.firstBurstLengthBytes)
    this.#unsolicited = !options.final && immediateBytes < endBytes
    if (this.#unsolicited) {
      this.#bursts.push({ tag: RESERVED_TAG, endBytes, nextBytes: immediateBytes, dataSn: 0 })
    }
  }

  /** Whether all that is of use has come, and nothing else is on its way. */
  get complete(): boolean {
    return this.#bursts.length === 0 && this.#solicitedBytes >= this.wantedBytes
  }

  /** Whether the initiator owes data now. */
  get waiting(): boolean {
    return this.#bursts.length > 0
  }

  /** R2Ts and Data-In PDUs count together for a command: the number of R2Ts so far. */
  get r2tCount(): number {
    return this.#r2tSn
  }

  /** Checks a Data-Out before its data is taken. */
  check(pdu: {
    readonly tag: number
    readonly offsetBytes: number
    readonly lengthBytes: number
    readonly dataSn: number
    readonly final: boolean
  }): TransferFault | undefined {
    const burst = this.#find(pdu.tag)
    if (burst === undefined) return 'unexpected'
    const endBytes = pdu.offsetBytes + pdu.lengthBytes
    if (pdu.offsetBytes !== burst.nextBytes || pdu.dataSn !== burst.dataSn || endBytes > burst.endBytes) {
      return 'incorrect-amount'
    }
    const short = pdu.final && pdu.tag !== RESERVED_TAG && endBytes < burst.endBytes
    return short ? 'incorrect-amount' : undefined
  }

  /** The data of a Data-Out that passed `check` has arrived. */
  took(pdu: { readonly tag: number; readonly lengthBytes: number; readonly final: boolean }): void {
    const burst = this.#find(pdu.tag)!
    burst.nextBytes += pdu.lengthBytes
    burst.dataSn++
    if (!pdu.final && burst.nextBytes < burst.endBytes) return
    this.#bursts.splice(this.#bursts.indexOf(burst), 1)
    if (burst.tag !== RESERVED_TAG) return
    this.#unsolicited = false
    this.#solicitedBytes = burst.nextBytes
  }

  /** The next burst to ask for with an R2T of tag `tag`, if there is one and it may be asked for now. */
  solicit(tag: number): SolicitedBurst | undefined {
    const offsetBytes = this.#solicitedBytes
    const lengthBytes = Math.min(this.#rules.maxBurstLengthBytes, this.wantedBytes - offsetBytes)
    if (this.#unsolicited || lengthBytes <= 0 || this.#bursts.length >= this.#rules.maxOutstandingR2t) {
      return undefined
    }
    this.#solicitedBytes += lengthBytes
    this.#bursts.push({ tag, endBytes: this.#solicitedBytes, nextBytes: offsetBytes, dataSn: 0 })
    return { tag, r2tSn: this.#r2tSn++, offsetBytes, lengthBytes }
  }

  #find(tag: number): Burst | undefined {
    for (const burst of this.#bursts) if (burst.tag === tag) return burst
    return undefined
  }
}
