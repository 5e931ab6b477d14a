/**
 * What survives the master, and is watched: who leads, at the moment when that is durable and before anybody can hear of
 * it. Whatever the master does, epochs and versions only rise, an epoch names one primary and one opening, and nothing is
 * decided under a lock; no set changes while an epoch is sealed.
 */
import { LEADER_KEY } from '../../../../src/master/core/record-keys.ts'
import { RECORD_KINDS } from '../../../../src/master/core/record-schemas.ts'
import type { ClusterRecord, LeadRecord } from '../../../../src/master/records.ts'
import { MemoryStorage, type RegistrySnapshot } from '../../../../src/master/registry/memory-registry.ts'
import type { CommitOutcome, Transaction } from '../../../../src/master/registry/registry.ts'
import type { PreparedWrite } from '../../../../src/master/registry/transaction-rules.ts'
import { type Registry, registryOf } from '../../../cluster/authority.ts'
import { Violation } from '../../../cluster/checker.ts'
import type { SeededRandom } from '../../random.ts'
import type { WatchedTerms } from './watched-terms.ts'

export interface Watch {
  readonly terms: WatchedTerms
  readonly promoted: (registry: Registry) => void
  readonly locked: (reason: string) => void
  /** A commit that was held up on its way was carried out, or refused. */
  readonly late: (kind: CommitOutcome['kind']) => void
  readonly broken: (error: unknown) => void
}

export class WatchedStorage extends MemoryStorage {
  readonly #key: string
  readonly #watch: Watch
  readonly registry: Registry
  /** As of the last decision: of a registry that is lost or old, until it decides again. */
  epochMade: Registry['epoch']
  #lead: LeadRecord | null = null
  #lock: ClusterRecord['lock'] = null
  /** By the id of an epoch: who may lead it. */
  readonly #leaders = new Map<string, string>()

  /** `first`: what is shown until the volume's record is made. */
  constructor(random: SeededRandom, volume: string, first: LeadRecord, watch: Watch) {
    super(random)
    this.#key = `volume/${volume}`
    this.#watch = watch
    this.registry = registryOf(first)
    this.epochMade = this.registry.epoch
  }

  get terms(): WatchedTerms {
    return this.#watch.terms
  }

  /** The volume's record is there. */
  get isMade(): boolean {
    return this.#lead !== null
  }

  get isLocked(): boolean {
    return this.#lock !== null
  }

  override apply(transaction: Transaction, writes: readonly PreparedWrite[]): CommitOutcome {
    const outcome = super.apply(transaction, writes)
    this.terms.applied(transaction, outcome)
    if (outcome.kind === 'committed') this.#applied(transaction)
    return outcome
  }

  /** What nobody waits for any more. */
  late(transaction: Transaction, writes: readonly PreparedWrite[]): void {
    const { kind } = this.apply(transaction, writes)
    this.#watch.late(kind)
  }

  override restore(snapshot: RegistrySnapshot): void {
    super.restore(snapshot)
    this.#lead = null
    this.#lock = null
    // nobody is known to lead until somebody is promoted
    this.registry.state = 'sealing'
    let term = 0
    for (const { key, value } of this.read('')) {
      this.#look(key, value)
      if (key === LEADER_KEY) term = RECORD_KINDS.leader.parse(key, value).term
    }
    this.terms.restored(term)
    if (this.#lead !== null) Object.assign(this.registry, registryOf(this.#lead))
  }

  #look(key: string, value: unknown): void {
    if (key === this.#key) this.#lead = RECORD_KINDS.volume.parse(key, value).lead
    if (key === 'cluster/cluster') this.#lock = RECORD_KINDS.cluster.parse(key, value).lock
  }

  #applied(transaction: Transaction): void {
    const [before, lockBefore] = [this.#lead, this.#lock]
    for (const { key, value } of transaction.writes) if (value !== null) this.#look(key, value)
    if (lockBefore === null && this.#lock !== null) this.#watch.locked(this.#lock.reason)
    const after = this.#lead
    if (after === null || after === before) return
    if (before !== null && JSON.stringify(before) !== JSON.stringify(after)) {
      if (lockBefore !== null && this.#lock !== null) this.#broken('a locked master decided')
      const [a, b] = [before.epoch, after.epoch]
      if (b.number < a.number || (b.number === a.number && b.id !== a.id)) this.#broken('an epoch fell')
      if (after.set.version < before.set.version) this.#broken('the version of a set fell')
      const isSealing = before.state === 'sealing' && after.state === 'sealing' && a.id === b.id
      if (isSealing && after.set.version !== before.set.version) {
        this.#broken(`a set changed while epoch ${b.number} was sealed`)
      }
    }
    Object.assign(this.registry, registryOf(after))
    this.epochMade = this.registry.epoch
    if (after.state === 'serving') this.#serving(after)
  }

  #serving({ epoch, primary, opening }: LeadRecord): void {
    const leader = `${primary} ${opening}`
    const known = this.#leaders.get(epoch.id)
    if (known !== undefined && known !== leader) {
      this.#broken(`epoch ${epoch.number} was given to ${known} and to ${leader}`)
    }
    this.#leaders.set(epoch.id, leader)
    if (known === undefined) this.#watch.promoted(this.registry)
  }

  #broken(what: string): void {
    this.#watch.broken(new Violation(what))
  }
}
