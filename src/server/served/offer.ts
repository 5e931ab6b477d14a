/**
 * What one protocol offers of one volume at this server, as it follows from two things that change without regard for each
 * other: whether the volume is served here, and which path the server is told to have.
 *
 *            ┌────────── attach ──────────┐
 *     nothing ──path──▶ standby ──attach──▶ serving          serving ──detach──▶ (all connections reset) ──▶ standby, nothing
 *
 * A standby that becomes the one that serves keeps its connections; all other changes end them first, for hosts must not
 * find another port behind a connection. Nothing is offered anew before the end of what was offered before is over.
 */
import type { FrontendVolume } from '../../frontend/volume.ts'

/**
 * The server's own path of the volume: its slot; null: it has none of its own, and where it serves it does so as the only
 * one; undefined: nobody has said.
 */
export type OwnSlot = number | null | undefined

/** The protocol's part; one call at a time is under way, but for `end`. */
export interface OfferDriver {
  /** Serves `volume`; nothing is offered. Hosts may connect when it returns. */
  serve(volume: FrontendVolume, slot: number | null): void
  /** Offers a standby path; nothing is offered. */
  standBy(slot: number): void
  /** The standby serves; hosts may connect at once, those that are connected are served when the promise resolves. */
  activate(volume: FrontendVolume): Promise<void>
  /** Resets all connections at once; resolves when nothing that came by them is under way. */
  end(): Promise<void>
}

type Offered =
  | { readonly role: 'serving'; readonly volume: FrontendVolume; readonly slot: number | null }
  | { readonly role: 'standby'; readonly slot: number }

export class Offer {
  readonly #driver: OfferDriver
  #volume: FrontendVolume | undefined
  #slot: OwnSlot
  #offered: Offered | undefined
  #isClosed = false
  #endings = 0
  /** Of the endings so far. */
  #ended: Promise<unknown> = Promise.resolve()

  constructor(driver: OfferDriver) {
    this.#driver = driver
  }

  get role(): Offered['role'] | undefined {
    return this.#offered?.role
  }

  /** Of the path that is offered; null: it is the only one. */
  get slot(): number | null {
    return this.#offered?.slot ?? null
  }

  /** The volume is served here. Resolves when those who were connected to the standby path are served too. */
  attach(volume: FrontendVolume): Promise<void> {
    this.#volume = volume
    return this.#settle()
  }

  /** It is no longer served here: connections are reset before this returns, and are over when the promise resolves. */
  async detach(): Promise<void> {
    this.#volume = undefined
    if (this.#offered?.role === 'serving') await this.#end()
    else await this.#ended
    await this.#settle()
  }

  /** What is said of this server's own path. */
  setSlot(slot: OwnSlot): Promise<void> {
    this.#slot = slot
    return this.#settle()
  }

  /** Resolves when nothing is under way of what was offered before. */
  async ended(): Promise<void> {
    await this.#ended
  }

  /** Offers nothing from now on. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#volume = undefined
    await this.#settle()
    await this.#ended
  }

  /** At once, but for what has to end before; then it is done when that has ended. */
  async #settle(): Promise<void> {
    if (this.#endings > 0) return
    const wanted = this.#wanted()
    const offered = this.#offered
    if (isSame(offered, wanted)) return
    const isTaken = offered?.role === 'standby' && wanted?.role === 'serving' && offered.slot === wanted.slot
    if (offered !== undefined && !isTaken) {
      await this.#end()
      return this.#settle()
    }
    this.#offered = wanted
    if (wanted === undefined) return
    if (wanted.role === 'standby') this.#driver.standBy(wanted.slot)
    else if (isTaken) await this.#driver.activate(wanted.volume)
    else this.#driver.serve(wanted.volume, wanted.slot)
  }

  #wanted(): Offered | undefined {
    if (this.#isClosed) return undefined
    const volume = this.#volume
    const slot = this.#slot
    if (volume === undefined) return typeof slot === 'number' ? { role: 'standby', slot } : undefined
    // what hosts use stays as it is while nobody says otherwise
    return { role: 'serving', volume, slot: slot === undefined ? this.slot : slot }
  }

  async #end(): Promise<void> {
    this.#offered = undefined
    this.#endings++
    const ended = this.#driver.end()
    this.#ended = Promise.allSettled([this.#ended, ended])
    try {
      await ended
    } finally {
      this.#endings--
    }
  }
}

function isSame(a: Offered | undefined, b: Offered | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.role !== b.role || a.slot !== b.slot) return false
  return a.role === 'standby' || b.role === 'standby' || a.volume === b.volume
}
