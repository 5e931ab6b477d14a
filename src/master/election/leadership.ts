/**
 * A master's part in the election: calls and timers around `election.ts`, and the life of what acts in a term. That is begun
 * when the term is this process's and stopped, within the call, when it is not any more; then this process waits again.
 *
 * For registries that several processes share. The embedded store has one process at a time, by its lock, and needs no
 * election: `SOLE_LEADERSHIP`.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import { LEADER_KEYS } from '../core/record-keys.ts'
import type { LeaderRecord } from '../core/record-schemas.ts'
import type { Registry } from '../registry/registry.ts'
import {
  DEFAULT_ELECTION,
  type ElectionBounds,
  type ElectionCall,
  type ElectionEvent,
  type ElectionState,
  electionStep,
  foundIn,
  guardOf,
  leadershipLeftMs,
  type TermGuard,
  WAITING,
} from './election.ts'

/** The greatest number of the registry that servers may have heard of. */
export interface HeardSeq {
  seq: number
}

/** A term of this process, for what acts in it. */
export interface Term {
  readonly number: number
  /** In every transaction. */
  readonly guard: TermGuard
  /**
   * At first what was recorded before the term: masters before it told of no more, and this one tells nobody while it begins.
   * Whoever acts raises it before it tells of more. The same object in all terms of this process.
   */
  readonly heard: HeardSeq
  /** How long it lasts for certain, ms; 0 when that is not known, or it is over. Whatever acts asks first. */
  leadershipMs(): number
  /** Nothing can be recorded any more: it is stopped, and begun anew if the term still is this process's. */
  lost(why: string): void
}

/** What acts in a term. */
export interface Acting {
  /** It does nothing more from the moment of the call on. */
  close(): void
}

export interface LeadershipOptions {
  /** An opening of its own, beside those that terms have. */
  readonly registry: Registry
  readonly clock: Clock
  readonly logger: Logger
  /** `id` of this process: another life has another one. Addresses are for who asks a follower. */
  readonly self: Pick<LeaderRecord, 'id' | 'grpc' | 'http'>
  readonly bounds?: ElectionBounds
  /** Begins to act. What it rejects with by the registry's fault is tried again. */
  readonly begin: (term: Term) => Promise<Acting>
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

/** Of a registry that one process has at a time: it leads as long as it has it. */
export const SOLE_LEADERSHIP = {
  leadershipMs: (): number => Number.POSITIVE_INFINITY,
} as const

const BEGIN_AGAIN_MS = 500

export class Leadership {
  readonly #o: LeadershipOptions
  readonly #bounds: ElectionBounds
  #state: ElectionState = WAITING
  #isCalling = false
  #isClosed = false
  #timer: Timer | undefined
  #term: Term | undefined
  #acting: Acting | undefined
  #found: LeaderRecord | null = null
  readonly #heard: HeardSeq = { seq: 0 }

  constructor(options: LeadershipOptions) {
    this.#o = options
    this.#bounds = options.bounds ?? DEFAULT_ELECTION
  }

  start(): void {
    this.#take({ kind: 'tick' })
  }

  /** Who leads, as far as this process has heard: itself, or whom its last look found; null: nobody yet. */
  get leader(): LeaderRecord | null {
    const { self } = this.#o
    return this.#state.kind === 'leading' ? { ...self, term: this.#state.term } : this.#found
  }

  /** The term of this process; undefined while it waits. */
  get term(): number | undefined {
    return this.#term?.number
  }

  /** Nothing is renewed and nobody acts any more. The registry is closed by whoever opened it. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#stop('this master closes')
    this.#state = WAITING
  }

  #take(event: ElectionEvent): void {
    if (this.#isClosed) return
    const { clock, self, logger } = this.#o
    const nowMs = clock.bootMs()
    const facts = { nowMs, self, bounds: this.#bounds, isCalling: this.#isCalling }
    const { state, stop, isBeginning, call, wakeAtMs } = electionStep(this.#state, event, facts)
    this.#state = state
    if (stop !== null) {
      logger.warn('leadership.over', { why: stop })
      this.#stop(stop)
    }
    this.#timer?.cancel()
    this.#timer = undefined
    if (isBeginning) this.#begin()
    if (call !== null) void this.#call(call)
    else if (wakeAtMs < Number.POSITIVE_INFINITY) {
      this.#timer = clock.after(Math.max(0, wakeAtMs - nowMs), () => this.#take({ kind: 'tick' }))
    }
  }

  async #call(call: ElectionCall): Promise<void> {
    this.#isCalling = true
    let event: ElectionEvent
    try {
      event = await this.#answer(call)
    } catch (error) {
      if (!isBlockError(error)) {
        this.#o.onFatal(error)
        return
      }
      this.#o.logger.warn('leadership.registry_failed', { call: call.kind, code: error.code }, error)
      event = { kind: 'unknown' }
    }
    this.#isCalling = false
    this.#take(event)
  }

  async #answer(call: ElectionCall): Promise<ElectionEvent> {
    const { registry } = this.#o
    if (call.kind === 'read') {
      const found = foundIn(await registry.read(LEADER_KEYS))
      this.#found = found.leader
      return { kind: 'found', found }
    }
    const outcome = await registry.commit(call.transaction)
    return outcome.kind === 'committed' ? { kind: 'committed', seq: outcome.seq } : { kind: 'refused' }
  }

  // ---- what acts

  #begin(): void {
    const { clock, logger } = this.#o
    const state = this.#state
    if (state.kind !== 'leading') return
    const heard = this.#heard
    heard.seq = Math.max(heard.seq, state.revision - 1)
    const term: Term = {
      number: state.term,
      guard: guardOf(state),
      heard,
      leadershipMs: () => (this.#term === term ? leadershipLeftMs(this.#state, clock.bootMs()) : 0),
      lost: (why) => {
        if (this.#term === term) this.#take({ kind: 'lost', why })
      },
    }
    this.#term = term
    logger.info('leadership.begins', { term: term.number })
    void this.#act(term)
  }

  async #act(term: Term): Promise<void> {
    const { begin, clock, logger, onFatal } = this.#o
    while (this.#term === term) {
      try {
        const acting = await begin(term)
        if (this.#term === term) this.#acting = acting
        else acting.close()
        return
      } catch (error) {
        if (!(error instanceof BlockError)) {
          onFatal(error)
          return
        }
        logger.warn('leadership.not_begun', { term: term.number, code: error.code }, error)
      }
      await clock.sleep(BEGIN_AGAIN_MS)
    }
  }

  #stop(why: string): void {
    const acting = this.#acting
    if (this.#term !== undefined) this.#o.logger.info('leadership.stops', { term: this.#term.number, why })
    this.#term = undefined
    this.#acting = undefined
    acting?.close()
  }
}
