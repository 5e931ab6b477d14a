/**
 * All sessions of the process: who holds which identifying handle (TSIH), and which initiator port is connected to
 * which target port. A new session between the same two ports replaces the old one (reinstatement, RFC 7143 §6.3.5);
 * the same initiator port may have one session with each portal group of a target (§4.4.3, the ISID rule).
 */
import type { AdmissionVerdict, SessionClaim } from '../login/directory.ts'
import { nexusName } from '../login/names.ts'

/** Somebody who holds a session, or is about to. */
export interface SessionOwner {
  /** Ends it for another that takes its place; resolves when nothing of it is under way. */
  replace(): Promise<void>
}

interface Entry {
  readonly initiatorName: string
  readonly key: string | undefined
  readonly targetName: string | undefined
}

const TSIH_MAX = 0xffff

export class SessionRegistry {
  readonly #limits: { readonly sessionsMax: number; readonly sessionsPerTargetMax: number }
  readonly #entries = new Map<number, Entry>()
  readonly #owners = new Map<string, { readonly owner: SessionOwner; readonly tsih: number }>()
  readonly #perTarget = new Map<string, number>()
  #lastTsih = 0

  constructor(limits: { readonly sessionsMax: number; readonly sessionsPerTargetMax: number }) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  has(initiatorName: string, tsih: number): boolean {
    return this.#entries.get(tsih)?.initiatorName === initiatorName
  }

  /** Makes room for a session, which `remove` takes away again. */
  admit(claim: SessionClaim): AdmissionVerdict {
    const { targetName, initiatorName } = claim
    const key = keyOf(claim)
    // A session that will be replaced gives its place to its successor.
    const replaced = key !== undefined && this.#owners.has(key) ? 1 : 0
    if (this.#entries.size - replaced >= this.#limits.sessionsMax) return { kind: 'full' }
    if (targetName !== undefined) {
      const count = this.#perTarget.get(targetName) ?? 0
      if (count - replaced >= this.#limits.sessionsPerTargetMax) return { kind: 'full' }
      this.#perTarget.set(targetName, count + 1)
    }
    const tsih = this.#freeTsih()
    this.#entries.set(tsih, { initiatorName, key, targetName })
    return { kind: 'admitted', tsih }
  }

  /** `owner` takes the place of whoever has the same two ports; resolves when that one is gone. */
  async take(claim: SessionClaim & { readonly tsih: number }, owner: SessionOwner): Promise<boolean> {
    const key = keyOf(claim)
    if (key === undefined) return false
    const previous = this.#owners.get(key)
    this.#owners.set(key, { owner, tsih: claim.tsih })
    if (previous === undefined) return false
    await previous.owner.replace()
    return true
  }

  remove(tsih: number): void {
    const entry = this.#entries.get(tsih)
    if (entry === undefined) return
    this.#entries.delete(tsih)
    const { key, targetName } = entry
    if (key !== undefined && this.#owners.get(key)?.tsih === tsih) this.#owners.delete(key)
    if (targetName === undefined) return
    const count = this.#perTarget.get(targetName)! - 1
    if (count === 0) this.#perTarget.delete(targetName)
    else this.#perTarget.set(targetName, count)
  }

  #freeTsih(): number {
    do this.#lastTsih = this.#lastTsih === TSIH_MAX ? 1 : this.#lastTsih + 1
    while (this.#entries.has(this.#lastTsih))
    return this.#lastTsih
  }
}

/** Discovery sessions do not replace each other. */
const keyOf = (claim: SessionClaim): string | undefined =>
  claim.targetName === undefined ? undefined : nexusName(claim)
