/**
 * The reservations of a volume that another server serves, for a path by which hosts may still ask about them: every
 * question goes to that server, one after the other, and what it cannot or will not answer now is BUSY.
 *
 * Nobody calls from there when something changes: each answer tells the state as it was left, and what it shows to have
 * changed for a registrant of this server's paths since the answer before is told to him then. A registrant who asks
 * nothing learns of it when his path turns active, at the latest: before that he could not do anything with it.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { decodeFrontendState } from '../records-codec.ts'
import type { TaskSignal } from '../task-signal.ts'
import {
  decodeAnswer,
  encodeQuestion,
  type ForwardedAnswer,
  type ForwardedQuestion,
} from './forward-codec.ts'
import type { ReservationOutcome, ReservationPort, ReservationReading } from './port.ts'
import type { NoticeListener } from './reservations.ts'
import type { RegistrantId, ReservationState } from './state.ts'
import type { ReservationCommand, ReservationNotice } from './transition.ts'

/** Questions that wait for their turn; a further one is BUSY. */
const WAITING_MAX = 64
/** A state that changes while it is fetched piece by piece is fetched anew, so many times. */
const ATTEMPTS_MAX = 3
/** Above what the most registrants need. */
const STATE_BYTES_MAX = 1024 * 1024

export class RemoteReservations implements ReservationPort {
  readonly #forward: (bytes: Uint8Array) => Promise<Uint8Array>
  readonly #listeners = new Set<NoticeListener>()
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  /** Questions that failed: those that waited behind one of them fail with it, instead of each waiting as long. */
  #failures = 0
  #seen: ReservationState | undefined

  /** `forward`: asks the server that serves, which answers by `answerForwarded`. */
  constructor(options: { readonly forward: (bytes: Uint8Array) => Promise<Uint8Array> }) {
    this.#forward = options.forward
  }

  read(): Promise<ReservationReading> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const first = await this.#ask({ kind: 'read', offsetBytes: 0 })
        if (first.outcome === 'unit-held') return first.outcome
        const state = await this.#fetch(first)
        if (state === undefined) continue
        this.#learn(state, undefined)
        return state
      }
      throw busy()
    })
  }

  request(
    command: ReservationCommand,
    options: { readonly abort?: TaskSignal | 'all' } = {},
  ): Promise<ReservationOutcome | 'unit-held'> {
    return this.#inTurn(async () => {
      const answer = await this.#ask({ kind: 'request', command, abort: options.abort !== undefined })
      const { outcome } = answer
      const state = await this.#fetch(answer).catch((error: unknown) => {
        // the verdict counts, whether or not the rest of the state can be had
        if (!isBlockError(error)) throw error
        return undefined
      })
      if (state !== undefined) this.#learn(state, command.from)
      if (outcome === 'unit-held') return outcome
      if (outcome === 'busy' || outcome === 'invalid') throw busy()
      return outcome === 'ok' ? { ok: true } : { ok: false, reason: outcome }
    })
  }

  subscribe(listener: NoticeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  caughtUp(state: ReservationState): void {
    this.#learn(state, undefined)
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) return Promise.reject(busy())
    this.#waiting++
    const failuresBefore = this.#failures
    const turn = this.#tail.then(async () => {
      this.#waiting--
      if (this.#failures !== failuresBefore) throw busy()
      return run().catch((error: unknown) => {
        this.#failures++
        throw error
      })
    })
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  /** BUSY also when what came back is no answer. */
  async #ask(question: ForwardedQuestion): Promise<ForwardedAnswer> {
    const answer = decodeAnswer(await this.#forward(encodeQuestion(question)))
    if (answer === undefined || (question.kind === 'read' && !isReading(answer))) throw busy()
    return answer
  }

  /** The state of which `first` brought the beginning; undefined when it changed meanwhile, or was not told. */
  async #fetch(first: ForwardedAnswer): Promise<ReservationState | undefined> {
    const { stateBytes, offsetBytes } = first
    if (stateBytes === 0 || stateBytes > STATE_BYTES_MAX || offsetBytes !== 0) return undefined
    const encoded = new Uint8Array(stateBytes)
    let have = 0
    let answer = first
    for (;;) {
      encoded.set(answer.piece, have)
      have += answer.piece.byteLength
      if (have === stateBytes) break
      if (answer.piece.byteLength === 0) return undefined
      answer = await this.#ask({ kind: 'read', offsetBytes: have })
      if (answer.stateBytes !== stateBytes || answer.offsetBytes !== have) return undefined
    }
    try {
      return decodeFrontendState(encoded).reservations
    } catch (error) {
      // pieces of two states, which the checksum shows
      if (!isBlockError(error)) throw error
      return undefined
    }
  }

  #learn(state: ReservationState, by: RegistrantId | undefined): void {
    const before = this.#seen
    this.#seen = state
    if (before === undefined) return
    const notices = noticesBetween(before, state).filter(({ to }) => to !== by)
    if (notices.length > 0) for (const listener of [...this.#listeners]) listener(notices)
  }
}

const isReading = ({ outcome }: ForwardedAnswer): boolean => outcome === 'ok' || outcome === 'unit-held'

const busy = (): BlockError =>
  new BlockError('BUSY', 'the server that serves the volume does not tell of its reservations now')

/**
 * What registrants of `before` have to be told when the state is `after`, and nothing is known of what lies between
 * (SPC-5, Preempting, Clearing, Releasing): no registrant left is a CLEAR.
 */
function noticesBetween(before: ReservationState, after: ReservationState): ReservationNotice[] {
  const isReleased = wasReleased(before, after)
  const isCleared = after.registrants.size === 0
  const notices: ReservationNotice[] = []
  for (const to of before.registrants.keys()) {
    if (!after.registrants.has(to)) {
      notices.push({ to, what: isCleared ? 'reservation-preempted' : 'registration-preempted' })
    } else if (isReleased) notices.push({ to, what: 'reservation-released' })
  }
  return notices
}

/** The exclusive types of one holder end without a word. */
function wasReleased(
  { reservation: before }: ReservationState,
  { reservation: after }: ReservationState,
): boolean {
  if (before === undefined) return false
  const isSilent = before.type === 'write-exclusive' || before.type === 'exclusive-access'
  return after === undefined ? !isSilent : after.type !== before.type
}
