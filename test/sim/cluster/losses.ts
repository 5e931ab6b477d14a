/** What each promotion may have lost by the rules, for the oracle of the epoch that it begins. */
import type { Epoch } from '../../../src/base/units.ts'
import type { ServerId } from '../../../src/v2engine/identity.ts'
import type { Registry } from '../../cluster/authority.ts'
import { type Loss, NO_LOSS } from '../../cluster/checker.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'

export class Losses {
  readonly #profile: ClusterProfile
  readonly #servers: ReadonlyMap<ServerId, SimServer>
  readonly #losses = new Map<bigint, Loss>()
  #open: Loss = NO_LOSS

  constructor(profile: ClusterProfile, servers: ReadonlyMap<ServerId, SimServer>) {
    this.#profile = profile
    this.#servers = servers
  }

  promoted(registry: Registry): void {
    this.#losses.set(registry.epoch.id, this.#lossOf(registry))
  }

  /** An operator took the loss of what nobody could tell any more: with a budget of faults there is none. */
  forced(): void {
    if (!this.#profile.isBudgeted) this.#open = { entriesMax: Number.POSITIVE_INFINITY, keepsFlushed: false }
  }

  /** Of the epoch that begins to serve; `isNewest`: it is the registry's. */
  take(epoch: Epoch, isNewest: boolean): Loss {
    const loss = this.#losses.get(epoch.id) ?? NO_LOSS
    if (isNewest) this.#open = NO_LOSS
    return loss
  }

  #lossOf(registry: Registry): Loss {
    const { policy, isBudgeted } = this.#profile
    let { entriesMax, keepsFlushed } = this.#open
    if (policy.mode.kind === 'best_effort') {
      const isWinnerSound = this.#servers.get(registry.primary)?.isSound ?? false
      entriesMax = Math.max(entriesMax, isWinnerSound ? policy.mode.maxLagEntries : Number.POSITIVE_INFINITY)
      keepsFlushed = false
    } else if (registry.mayHaveLost && !isBudgeted) entriesMax = Number.POSITIVE_INFINITY
    // a loss that no primary has come to serve after is still open when the next one is promoted
    this.#open = { entriesMax, keepsFlushed }
    return this.#open
  }
}
