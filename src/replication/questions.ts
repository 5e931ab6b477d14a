/**
 * What a primary asks its replicas for a scrub, and waits for: each question has a number, a bound in time, and ends with the
 * connection. The answer is held against what was asked, of whom and in which epoch; what comes too late is dropped.
 */
import type { Clock } from '../base/ports/clock.ts'
import type { Epoch } from '../base/units.ts'
import { type ConnectionId, sameEpoch } from '../v2engine/identity.ts'
import type { PeerLink } from './peer-links.ts'
import type { Compared, Mended, Numbered } from './wire/compare.ts'
import type { FrameKind } from './wire/frame.ts'
import type { Scrubbed } from './wire/scrub.ts'

export type Answer =
  | ({ readonly kind: 'compared' } & Compared)
  | ({ readonly kind: 'mended' } & Mended)
  | ({ readonly kind: 'scrubbed' } & Scrubbed)

interface Waiting {
  readonly connection: ConnectionId
  readonly epoch: Epoch
  readonly kind: Answer['kind']
  done(answer: Answer | undefined): void
}

export class Questions {
  readonly #clock: Clock
  readonly #epoch: () => Epoch
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #isOver = false

  /** `epoch`: the one in which questions count now. */
  constructor(clock: Clock, epoch: () => Epoch) {
    this.#clock = clock
    this.#epoch = epoch
  }

  /** Undefined when there is no answer within `forMs`, or the connection is gone. Never rejects. */
  ask<Kind extends Answer['kind']>(
    { connection, link }: PeerLink,
    question: { readonly kind: FrameKind; readonly answer: Kind; readonly forMs: number },
    encode: (numbered: Numbered) => Uint8Array,
  ): Promise<Extract<Answer, { kind: Kind }> | undefined> {
    if (this.#isOver) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<Extract<Answer, { kind: Kind }> | undefined>()
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1
    const [id, epoch] = [this.#lastId, this.#epoch()]
    const done = (answer: Answer | undefined): void => {
      timer.cancel()
      this.#waiting.delete(id)
      resolve(answer as Extract<Answer, { kind: Kind }> | undefined)
    }
    const timer = this.#clock.after(question.forMs, () => done(undefined))
    this.#waiting.set(id, { connection, epoch, kind: question.answer, done })
    link.send(question.kind, [encode({ epoch, id })])
    return promise
  }

  take({ connection }: PeerLink, answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    if (waiting?.connection !== connection || waiting.kind !== answer.kind) return
    if (sameEpoch(waiting.epoch, answer.epoch)) waiting.done(answer)
  }

  lost(connection: ConnectionId): void {
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.connection === connection) waiting.done(undefined)
    }
  }

  /** Nothing is asked any more. */
  end(): void {
    this.#isOver = true
    for (const waiting of [...this.#waiting.values()]) waiting.done(undefined)
  }
}
