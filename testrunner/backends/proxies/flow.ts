/**
 * One direction of a proxied connection: what comes from one socket goes to the other in order, never before it is due, and not
 * while the way is cut. Ends and resets travel the same way, so nobody learns over a cut link that its peer is gone.
 *
 * At most `HELD_BYTES_MAX` and one chunk are held; then the sender is no longer read, and its kernel holds it back. Only one
 * chunk at a time is given to the receiver's socket, so that a cut stops what was in flight.
 */
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'

const HELD_BYTES_MAX = 1024 * 1024

/** The way between two machines, as the rules have it now. */
export interface Way {
  isOpen(): boolean
  arrivalMs(lengthBytes: number): number
}

type Item =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly dueMs: number }
  | { readonly kind: 'end' | 'reset'; readonly dueMs: number }

export class Flow {
  readonly #from: Socket
  readonly #into: Socket
  readonly #way: Way
  readonly #clock: Clock
  readonly #items: Item[] = []
  #heldBytes = 0
  #lastDueMs = 0
  #isWriting = false
  #timer: Timer | undefined

  /** Reads `from` from now on. */
  constructor(from: Socket, into: Socket, way: Way, clock: Clock) {
    this.#from = from
    this.#into = into
    this.#way = way
    this.#clock = clock
    from.on('data', (bytes: Buffer) => this.#took(bytes))
    from.on('end', () => this.#push({ kind: 'end', dueMs: this.#due(0) }))
    from.on('close', (hadError) => {
      if (hadError) this.#push({ kind: 'reset', dueMs: this.#due(0) })
    })
    from.resume()
  }

  /** Passes on what may pass: called when a rule has changed. */
  pump(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    while (!this.#isWriting) {
      const item = this.#items[0]
      if (item === undefined || !this.#way.isOpen()) return
      const leftMs = item.dueMs - this.#clock.monotonicMs()
      if (leftMs > 0) {
        this.#timer = this.#clock.after(leftMs, () => this.pump())
        return
      }
      this.#items.shift()
      this.#pass(item)
    }
  }

  /** Nothing is passed on from now on. */
  stop(): void {
    this.#timer?.cancel()
    this.#items.length = 0
    this.#heldBytes = 0
  }

  #took(bytes: Buffer): void {
    this.#heldBytes += bytes.byteLength
    if (this.#heldBytes > HELD_BYTES_MAX) this.#from.pause()
    this.#push({ kind: 'bytes', bytes, dueMs: this.#due(bytes.byteLength) })
  }

  /** TCP keeps the order: what comes later is not there sooner. */
  #due(lengthBytes: number): number {
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#way.arrivalMs(lengthBytes))
    return this.#lastDueMs
  }

  #push(item: Item): void {
    this.#items.push(item)
    if (this.#items.length === 1) this.pump()
  }

  #pass(item: Item): void {
    if (item.kind === 'bytes') {
      this.#write(item.bytes)
    } else if (this.#into.destroyed) {
      return
    } else if (item.kind === 'end') {
      this.#into.end()
    } else {
      this.#into.resetAndDestroy()
    }
  }

  #write(bytes: Buffer): void {
    const isPassed = (): void => {
      this.#isWriting = false
      this.#heldBytes -= bytes.byteLength
      if (this.#heldBytes <= HELD_BYTES_MAX) this.#from.resume()
      this.pump()
    }
    if (!this.#into.writable) {
      this.#heldBytes -= bytes.byteLength
      if (this.#heldBytes <= HELD_BYTES_MAX) this.#from.resume()
      return
    }
    this.#isWriting = true
    // an error of the receiver ends the connection by its `close`
    this.#into.write(bytes, isPassed)
  }
}
