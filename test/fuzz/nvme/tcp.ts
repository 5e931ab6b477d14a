/** The same hostile streams over TCP, several at a time, and connections in numbers that say nothing. */

import { MIB } from '../../../src/base/units.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealNet } from '../../../src/io/net.ts'
import { plainSyscalls } from '../../../src/io/syscalls.ts'
import { SeededRandom } from '../../sim/random.ts'
import type { Witness } from '../support/witness.ts'
import { FUZZED, FuzzedTarget, HOSTILE } from './fixture.ts'
import { StrictListener } from './listener.ts'
import { hostileStream } from './stream.ts'

const LIMITS = {
  bytesMax: 16 * MIB,
  handshakesMax: 1024,
  handshakeTimeoutMs: 1500,
  dataTimeoutSeconds: 2,
  idleSecondsMax: 3,
}
const PATIENCE_MS = 20_000
/** The longest that the host beside may wait for one write and read while others misbehave. */
const WITNESS_WAIT_MS_MAX = 2_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class TcpFuzz {
  readonly totals = { streams: 0, answers: 0, refusals: 0, termReqs: 0, verified: 0, slowestMs: 0 }
  readonly #net = new RealNet()
  readonly #fuzzed: FuzzedTarget
  readonly #witnessing: Promise<void>
  #isOver = false

  private constructor(fuzzed: FuzzedTarget, witness: Witness) {
    this.#fuzzed = fuzzed
    this.#witnessing = this.#watch(witness)
    // Looked at by `close`.
    this.#witnessing.catch(() => undefined)
  }

  static async start(seed: number): Promise<TcpFuzz> {
    const ports = { net: new RealNet(), clock: new RealClock({ syscalls: plainSyscalls }) }
    const address = { host: '127.0.0.1', port: 0 }
    const fuzzed = await FuzzedTarget.start({ ...ports, seed, address, limits: LIMITS })
    return new TcpFuzz(fuzzed, await fuzzed.witness(new SeededRandom(seed, 3)))
  }

  /** One stream; the peer goes when it has sent all and had time for an answer. */
  async run(seed: number): Promise<void> {
    const controllerId = await this.#fuzzed.hostileController()
    const stream = hostileStream(seed, { ...HOSTILE, subsystemNqn: FUZZED, controllerId })
    const connection = await this.#net.connect({ ...this.#fuzzed.portal, timeoutMs: PATIENCE_MS })
    const { readable } = stream
    const listener = readable && new StrictListener(readable, () => undefined)
    const closed = Promise.withResolvers<void>()
    let isClosed = false
    let complaint: unknown
    connection.start({
      data: (chunk) => {
        try {
          listener?.push(chunk)
        } catch (error) {
          complaint ??= error
        }
      },
      drain: () => undefined,
      closed: () => {
        isClosed = true
        closed.resolve()
      },
    })
    for (const chunk of stream.chunks) connection.write([chunk])
    for (let turns = 0; turns < 8 && !isClosed; turns++) await turn()
    connection.destroy()
    await closed.promise
    this.totals.streams++
    this.totals.answers += listener?.pdus ?? 0
    this.totals.refusals += listener?.refusals ?? 0
    this.totals.termReqs += listener?.termReqs ?? 0
    if (complaint !== undefined) throw complaint
  }

  /** Many connections at once that never connect a queue, each of which the target has to end by itself. */
  async flood(count: number, speech: 'nothing' | 'a byte at a time'): Promise<void> {
    const gone = Array.from({ length: count }, async () => {
      const connection = await this.#net.connect({ ...this.#fuzzed.portal, timeoutMs: PATIENCE_MS })
      const closed = Promise.withResolvers<void>()
      connection.start({ data: () => undefined, drain: () => undefined, closed: () => closed.resolve() })
      const dribble =
        speech === 'nothing' ? undefined : setInterval(() => connection.write([Uint8Array.of(0)]), 50)
      const late = setTimeout(
        () => closed.reject(new Error(`a connection that says ${speech} stays`)),
        PATIENCE_MS,
      )
      try {
        await closed.promise
      } finally {
        clearInterval(dribble)
        clearTimeout(late)
      }
    })
    await Promise.all(gone)
  }

  /** Ends all; throws when the host beside noticed anything, or something is left. */
  async close(): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS
    while (this.#fuzzed.target.sessions().length > FuzzedTarget.CONTROLLERS_KEPT) {
      if (performance.now() > endMs) throw new Error('controllers of hostile hosts are left')
      await turn()
    }
    this.#isOver = true
    await this.#witnessing
    await this.#fuzzed.close()
    if (this.totals.slowestMs > WITNESS_WAIT_MS_MAX) {
      throw new Error(`the host beside waited ${this.totals.slowestMs.toFixed(0)} ms`)
    }
  }

  async #watch(witness: Witness): Promise<void> {
    while (!this.#isOver) {
      const startMs = performance.now()
      await witness.step()
      this.totals.slowestMs = Math.max(this.totals.slowestMs, performance.now() - startMs)
      this.totals.verified = witness.operations
      await turn()
    }
  }
}
