/**
 * What must be true of a cluster whatever happens to it. Told of every acknowledgement, read and start of an epoch, it
 * compares lineages: what was acknowledged is a prefix of everything that is acknowledged later.
 *
 * 1. No acknowledged write is lost while the mode promises it; no flushed one ever (in the sync modes).
 * 2. Each epoch has one writer, and nobody acknowledges in an epoch after an answer in a later one.
 * 3. Replicas are equal at equal (epoch, LSN).
 * 4. What a host reads contains everything acknowledged before.
 */
import type { Epoch } from '../../src/base/units.ts'
import type { Opening, ServerId } from '../../src/v2engine/identity.ts'
import { type Lineage, lineageAt } from './storage.ts'

/** What a promotion recorded as possibly lost. */
export interface Loss {
  readonly entriesMax: number
  readonly keepsFlushed: boolean
}
export const NO_LOSS: Loss = { entriesMax: 0, keepsFlushed: true }

export class Violation extends Error {}

export class Checker {
  /** The newest entry that a host was told of, with all before it. */
  acknowledged: Lineage | null = null
  flushed: Lineage | null = null
  #epochAnswered = 0
  readonly #writers = new Map<bigint, string>()
  readonly #entries = new Map<string, number>()

  writes(server: ServerId, opening: Opening, epoch: Epoch): void {
    const writer = `${server} ${opening}`
    const known = this.#writers.get(epoch.id)
    if (known !== undefined) fail(`epoch ${epoch.number} has two writers: ${known} and ${writer}`)
    this.#writers.set(epoch.id, writer)
  }

  /** A replica reports this end of its log. */
  holds(epoch: number, lineage: Lineage): void {
    const key = `${epoch}/${lineage.lsn}`
    const known = this.#entries.get(key)
    if (known !== undefined && known !== lineage.hash)
      fail(`two contents at epoch ${epoch}, LSN ${lineage.lsn}`)
    this.#entries.set(key, lineage.hash)
  }

  acknowledges(epoch: Epoch, lineage: Lineage): void {
    this.#answers(epoch, 'acknowledgement')
    this.#contains(lineage, this.acknowledged, 'acknowledged')
    if (this.acknowledged === null || lineage.lsn > this.acknowledged.lsn) this.acknowledged = lineage
  }

  flushes(epoch: Epoch, lineage: Lineage): void {
    this.#answers(epoch, 'flush')
    if (this.flushed === null || lineage.lsn > this.flushed.lsn) this.flushed = lineage
  }

  reads(epoch: Epoch, lineage: Lineage | null): void {
    this.#answers(epoch, 'read')
    this.#contains(lineage, this.acknowledged, 'acknowledged before a read')
  }

  /** A primary's start entry is committed: from here on its history is the volume's. */
  starts(lineage: Lineage, loss: Loss): void {
    if (loss.keepsFlushed) this.#contains(lineage, this.flushed, 'flushed')
    if (contains(lineage, this.acknowledged)) return
    let common = this.acknowledged
    while (common !== null && lineageAt(lineage, common.lsn)?.hash !== common.hash) common = common.before
    const lost = (this.acknowledged?.lsn ?? 0) - (common?.lsn ?? 0)
    if (lost > loss.entriesMax) fail(`acknowledged write lost: ${lost} of them, ${loss.entriesMax} allowed`)
    this.acknowledged = lineage
    if (!contains(lineage, this.flushed)) this.flushed = null
  }

  #answers(epoch: Epoch, what: string): void {
    if (epoch.number < this.#epochAnswered) {
      fail(`${what} in epoch ${epoch.number} after an answer in epoch ${this.#epochAnswered}`)
    }
    this.#epochAnswered = epoch.number
  }

  #contains(lineage: Lineage | null, part: Lineage | null, what: string): void {
    if (!contains(lineage, part))
      fail(`${what} write lost: LSN ${part?.lsn} is not in ${lineage?.lsn ?? 'nothing'}`)
  }
}

const contains = (lineage: Lineage | null, part: Lineage | null): boolean =>
  part === null || lineageAt(lineage, part.lsn)?.hash === part.hash

export function fail(what: string): never {
  throw new Violation(what)
}
