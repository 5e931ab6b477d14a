/**
 * The frames of a resync at the replica, one after the other in their order: the state is installed, offers are answered,
 * content is put in. What waits is bounded by the sender, which gets its next answer when what came before is applied.
 */
import type { BaseBlock } from '../../blockvol/resync/offer.ts'
import type { ResyncSink } from '../../blockvol/resync/sink.ts'
import type { SessionRef } from '../../v2engine/identity.ts'
import type { FrameKind } from '../wire/frame.ts'
import {
  type BlocksFrame,
  type CopiedFrame,
  encodeResync,
  type OfferFrame,
  type StateFrame,
} from '../wire/resync.ts'

/** Content that goes to the disk in one step, in blocks: each step waits for the disk more than once. */
const PUT_BLOCKS = 1024

export interface ResyncReceiverOptions {
  readonly session: SessionRef
  readonly sink: ResyncSink
  /** The volume's state; a view that is lent for the call. */
  readonly install: (state: Uint8Array) => void
  /** Everything has come, and is durable. */
  readonly whole: () => void
  readonly send: (kind: FrameKind, payload: readonly Uint8Array[]) => void
  /** What came cannot be applied. Called at most once; what comes later is dropped. */
  readonly onFailed: (error: unknown) => void
}

type FromPrimary = StateFrame | OfferFrame | BlocksFrame | CopiedFrame
interface Arrived {
  readonly frame: FromPrimary
  readonly release: () => void
}

export class ResyncReceiver {
  readonly #o: ResyncReceiverOptions
  readonly #queue: Arrived[] = []
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isEnded = false
  /** The primary has sent everything. */
  isCopied = false

  constructor(options: ResyncReceiverOptions) {
    this.#o = options
  }

  /** A frame of this session. `release` gives its payload back, and is called once. */
  take(frame: FromPrimary, release: () => void): void {
    if (this.#isEnded || this.#failure !== undefined) {
      release()
      return
    }
    this.#queue.push({ frame, release })
    this.#running ??= this.#run()
  }

  /** Resolves when everything that has come is applied (durable after `ResyncSink.settle`); rejects when it cannot be. */
  async settled(): Promise<void> {
    await this.#running
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** The session is over: what waits is dropped. Resolves when nothing is being applied any more. */
  async end(): Promise<void> {
    this.#isEnded = true
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#isEnded) await this.#next()
    } catch (error) {
      this.#failure = { error }
    }
    for (const { release } of this.#queue.splice(0)) release()
    this.#running = undefined
    if (this.#failure !== undefined && !this.#isEnded) this.#o.onFailed(this.#failure.error)
  }

  async #next(): Promise<void> {
    const arrived = this.#queue.shift()!
    const { frame, release } = arrived
    if (frame.kind === 'blocks') {
      await this.#put(arrived, frame.blocks)
      return
    }
    try {
      if (frame.kind === 'state') this.#o.install(frame.state)
      else if (frame.kind === 'copied') await this.#copied()
      else await this.#answer(frame)
    } finally {
      release()
    }
  }

  /** All of the base is here: what needs it may go on before the session is over. */
  async #copied(): Promise<void> {
    await this.#o.sink.settle()
    this.isCopied = true
    this.#o.whole()
  }

  async #answer({ session, number, offers }: OfferFrame): Promise<void> {
    const wanted = await this.#o.sink.offered(offers)
    if (this.#isEnded) return
    const { kind, payload } = encodeResync({ kind: 'want', session, number, wanted })
    this.#o.send(kind, payload)
  }

  /** Content, with that which has come right behind it. */
  async #put(first: Arrived, its: readonly BaseBlock[]): Promise<void> {
    const taken = [first]
    const blocks = [...its]
    for (let next = this.#queue[0]; next?.frame.kind === 'blocks'; next = this.#queue[0]) {
      if (blocks.length + next.frame.blocks.length > PUT_BLOCKS) break
      taken.push(next)
      blocks.push(...next.frame.blocks)
      this.#queue.shift()
    }
    try {
      await this.#o.sink.put(blocks)
    } finally {
      for (const { release } of taken) release()
    }
  }
}
