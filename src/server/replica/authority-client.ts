/**
 * What one replica tells its authority: a heartbeat at every beat, and the engine's messages beside it as soon as there
 * are some. One request at a time. Of each kind of message only the newest waits, for it replaces the ones before, so an
 * authority that is away costs no memory; it is asked again with growing pauses, and told everything when it is back.
 */
import { Value } from 'typebox/value'
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { AuthorityMessage, ToAuthority } from '../../v2engine/messages.ts'
import { messageOf, ReportAnswer, toJson } from './assignment.ts'
import type { AuthorityLink, Heartbeat } from './authority-link.ts'
import { Outbox } from './outbox.ts'

export interface AuthorityClientOptions {
  readonly server: string
  readonly volume: string
  /** Where the authority is now; undefined when none was heard of. */
  readonly url: () => string | undefined
  /** Posts JSON text, resolves with the answer's value; rejects with operating errors. */
  readonly post: (url: string, text: string, signal: AbortSignal) => Promise<unknown>
  /** Undefined while the replica is not open. */
  readonly beat: () => Heartbeat | undefined
  readonly deliver: (message: AuthorityMessage) => void
  readonly clock: Clock
  readonly logger: Logger
}

const BEAT_MS = 500
const BACKOFF_MS = { FIRST: 250, LAST: 2000 } as const

export class AuthorityClient implements AuthorityLink {
  readonly #o: AuthorityClientOptions
  readonly #outbox = new Outbox()
  readonly #end = new AbortController()
  #wake: () => void = () => undefined
  #failures = 0
  /** A beat is due now, whenever the last one was. */
  #isHurried = false
  /** Id of the epoch that it was last told to lead: assignments are repeated with each beat until it does. */
  #assigned: bigint | undefined
  #running: Promise<void> | undefined

  constructor(options: AuthorityClientOptions) {
    this.#o = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  send(message: ToAuthority): void {
    this.#outbox.add(message)
    if (this.#failures === 0) this.#wake()
  }

  /** The authority is there, or somewhere else: it is told at once. */
  hurry(): void {
    this.#failures = 0
    this.#isHurried = true
    this.#wake()
  }

  clear(): void {
    this.#outbox.clear()
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#o
    let nextBeatMs = clock.monotonicMs()
    while (!this.#end.signal.aborted) {
      const nowMs = clock.monotonicMs()
      let isTold = false
      if (this.#isHurried || nowMs >= nextBeatMs || !this.#outbox.isEmpty) {
        this.#isHurried = false
        nextBeatMs = nowMs + BEAT_MS
        isTold = await this.#report()
      }
      if (this.#end.signal.aborted) return
      const backoffMs = Math.min(BACKOFF_MS.LAST, BACKOFF_MS.FIRST * 2 ** Math.min(this.#failures - 1, 20))
      if (this.#failures > 0) await this.#wait(backoffMs)
      else if (this.#isHurried) continue
      else if (this.#outbox.isEmpty || !isTold) await this.#wait(nextBeatMs - clock.monotonicMs())
    }
  }

  /** False when there was nothing to say or nobody to say it to. */
  async #report(): Promise<boolean> {
    const { server, volume, url, post, beat, logger } = this.#o
    const heartbeat = beat()
    const address = url()
    if (heartbeat === undefined || address === undefined) return false
    const messages = this.#outbox.list()
    try {
      const report = toJson({ server, volume, heartbeat, messages })
      const answer = await post(`${address}/replica`, report, this.#end.signal)
      this.#outbox.told(messages)
      if (this.#failures > 0) logger.info('authority.reached', { volume, address })
      this.#failures = 0
      this.#take(answer)
      return true
    } catch (error) {
      if (!isBlockError(error)) throw error
      if (this.#end.signal.aborted) return false
      if (this.#failures++ === 0) logger.warn('authority.away', { volume, address }, error)
      return false
    }
  }

  /** An answer that is none counts for nothing, and does not make the authority away. */
  #take(answer: unknown): void {
    const { volume, logger, deliver } = this.#o
    if (!Value.Check(ReportAnswer, answer)) {
      logger.warn('authority.answer_unreadable', { volume })
      return
    }
    for (const json of answer.messages) {
      try {
        const message = messageOf(json)
        deliver(message)
        // its first grant is the answer to a beat that says that it leads
        if (message.kind === 'assign' && message.epoch.id !== this.#assigned) {
          this.#assigned = message.epoch.id
          this.#isHurried = true
        }
      } catch (error) {
        if (!isBlockError(error, 'INVALID_ARGUMENT')) throw error
        logger.warn('authority.message_refused', { volume }, error)
      }
    }
  }

  async #wait(delayMs: number): Promise<void> {
    if (delayMs <= 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#o.clock.after(delayMs, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = () => undefined
  }
}
