/**
 * The side of a scrub that a replica has: it says where its block map differs from the primary's, gets what it lacks, and
 * verifies all its copies when the primary wants it to. A bounded number of questions is under way; a pass that nobody asks
 * after any more ends.
 */
import { isBlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Epoch } from '../base/units.ts'
import type { ScrubStatus } from '../blockvol/api.ts'
import { hashOf } from '../blockvol/compare/page-entries.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { type ConnectionId, sameEpoch } from '../v2engine/identity.ts'
import { mendBlock } from './comparison.ts'
import type { Fetching } from './fetching.ts'
import type { PeerLink } from './peer-links.ts'
import {
  type Compare,
  encodeCompared,
  encodeMended,
  type MendFrame,
  type Numbered,
  type PageEntries,
} from './wire/compare.ts'
import { FRAME } from './wire/frame.ts'
import { encodeScrubbed, type Scrub, type Scrubbed } from './wire/scrub.ts'

/** Comparisons and mends under way: a primary has one, and one more that it gave up. */
const ANSWERING_MAX = 2
const FORGOTTEN_MS = 30_000

interface Pass {
  readonly connection: ConnectionId
  readonly number: number
  readonly abort: AbortController
  state: Scrubbed['state']
  status: ScrubStatus
}

export interface ScrubAnswersOptions {
  readonly clock: Clock
  readonly storage: Pick<ReplicaVolume, 'comparer' | 'device'>
  readonly fetching: Pick<Fetching, 'fetch'>
  /** The epoch in which this replica follows in a session, on this connection; undefined while it does not. */
  readonly following: (connection: ConnectionId) => Epoch | undefined
}

export class ScrubAnswers {
  readonly #o: ScrubAnswersOptions
  #answering = 0
  #pass: Pass | undefined
  #forgotten: Timer | undefined
  #isOver = false

  constructor(options: ScrubAnswersOptions) {
    this.#o = options
  }

  #isAsked({ connection }: PeerLink, { epoch }: Numbered): boolean {
    const following = this.#o.following(connection)
    return !this.#isOver && following !== undefined && sameEpoch(following, epoch)
  }

  /** Undefined when it is busy, or not asked by its primary. */
  async #answer<T>(
    peer: PeerLink,
    numbered: Numbered,
    work: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (this.#answering >= ANSWERING_MAX || !this.#isAsked(peer, numbered)) return undefined
    this.#answering++
    try {
      return await work()
    } catch (error) {
      // a flush that cannot get through, a page that cannot be read, a log that is being cut
      if (!isBlockError(error)) throw error
      return undefined
    } finally {
      this.#answering--
    }
  }

  async compare(peer: PeerLink, compare: Compare): Promise<void> {
    const { epoch, id, asOfLsn, pages } = compare
    const differing = await this.#answer(peer, compare, async () => {
      const { comparer } = this.#o.storage
      if (!(await comparer.flushed(asOfLsn))) return undefined
      const endPage = comparer.sizeBlocks
      const differing: PageEntries[] = []
      for (const { page, hash } of pages) {
        if (page >= endPage) continue
        const entries = await comparer.entries(page, asOfLsn)
        if (hashOf(entries) !== hash) differing.push({ page, entries })
      }
      return differing
    })
    peer.link.send(FRAME.compared, [encodeCompared({ epoch, id, differing })])
  }

  async mend(peer: PeerLink, mend: MendFrame): Promise<void> {
    const { epoch, id, blocks } = mend
    const areMended = await this.#answer(peer, mend, async () => {
      const done: boolean[] = []
      for (const one of blocks) done.push(this.#isAsked(peer, mend) && (await mendBlock(this.#o, one)))
      return done
    })
    peer.link.send(FRAME.mended, [encodeMended({ epoch, id, areMended })])
  }

  scrub(peer: PeerLink, scrub: Scrub): void {
    const { epoch, id, pass, isCancelled } = scrub
    const { connection, link } = peer
    if (this.#isAsked(peer, scrub)) {
      const isNew = this.#pass?.connection !== connection || this.#pass.number < pass
      if (isNew && !isCancelled) this.#begin(connection, scrub)
      if (isCancelled) this.#pass?.abort.abort()
      this.#forgotten?.cancel()
      this.#forgotten = this.#o.clock.after(FORGOTTEN_MS, () => this.#pass?.abort.abort())
    }
    const own = this.#pass?.connection === connection && this.#pass.number === pass ? this.#pass : undefined
    const { verifiedBytes, errors, repaired, found } = own?.status ?? NOTHING
    const state = own?.state ?? 'failed'
    const shown = state === 'ended' ? found : []
    link.send(FRAME.scrubbed, [
      encodeScrubbed({ epoch, id, state, verifiedBytes, errors, repaired, found: shown }),
    ])
  }

  #begin(connection: ConnectionId, { pass, repair }: Scrub): void {
    this.#pass?.abort.abort()
    const { device } = this.#o.storage
    const abort = new AbortController()
    const begun: Pass = { connection, number: pass, abort, state: 'running', status: device.status().scrub }
    this.#pass = begun
    const show = (): void => {
      begun.status = device.status().scrub
    }
    device.scrub({ repair, signal: abort.signal, onProgress: show }).then(
      (status) => {
        begun.status = status
        begun.state = abort.signal.aborted ? 'failed' : 'ended'
      },
      (error: unknown) => {
        begun.state = 'failed'
        if (!isBlockError(error)) throw error
      },
    )
  }

  lost(connection: ConnectionId): void {
    if (this.#pass?.connection === connection) this.#pass.abort.abort()
  }

  /** Nothing is answered any more. */
  end(): void {
    this.#isOver = true
    this.#forgotten?.cancel()
    this.#pass?.abort.abort()
  }
}

const NOTHING = { verifiedBytes: 0, errors: 0, repaired: 0, found: [] } as const
