/**
 * Hostile connections against the whole target in one process, over a network and a clock of the test's own. After each:
 * the connection is over, by the target when the peer says no more; what it said was by the book; memory and places are
 * given back; and somebody else's data is right.
 */
import { MIB } from '../../../src/base/units.ts'
import { ManualClock } from '../../e2e/iscsi/manual-clock.ts'
import { SeededRandom } from '../../sim/random.ts'
import { MemoryNet } from '../../support/memory-net.ts'
import type { Witness } from '../support/witness.ts'
import { FUZZED, FuzzedTarget, HOSTILE } from './fixture.ts'
import { StrictListener } from './listener.ts'
import { dataDraft, wire } from './pdus.ts'
import { type HostileStream, hostileStream } from './stream.ts'

/** Longer than every wait of the limits together: the handshake, owed data, a controller that is never enabled. */
const PATIENCE_SECONDS = 200
const TURNS_MAX = 1000
/** A host with a connected queue may be silent for ever, and so this one asks for no keep alive. */
const LIMITS = { bytesMax: 4 * MIB, connectionBytesMax: MIB }

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class InProcessFuzz {
  readonly totals = {
    streams: 0,
    bytes: 0,
    answers: 0,
    refusals: 0,
    termReqs: 0,
    endedByTarget: 0,
    verified: 0,
  }
  readonly #net: MemoryNet
  readonly #clock: ManualClock
  readonly #fuzzed: FuzzedTarget
  readonly #witness: Witness

  private constructor(net: MemoryNet, clock: ManualClock, fuzzed: FuzzedTarget, witness: Witness) {
    this.#net = net
    this.#clock = clock
    this.#fuzzed = fuzzed
    this.#witness = witness
  }

  static async start(seed: number): Promise<InProcessFuzz> {
    const net = new MemoryNet()
    const clock = new ManualClock()
    const address = { host: '10.0.0.2', port: 4420 }
    const fuzzed = await FuzzedTarget.start({ net, clock, seed, address, limits: LIMITS })
    const witness = await fuzzed.witness(new SeededRandom(seed, 3))
    return new InProcessFuzz(net, clock, fuzzed, witness)
  }

  /** Runs streams beside each other, to their end. Throws what was not by the book. */
  async run(...seeds: number[]): Promise<void> {
    const controllerId = await this.#fuzzed.hostileController()
    const host = { ...HOSTILE, subsystemNqn: FUZZED, controllerId }
    const beside = this.#witness.step()
    const attacks = await Promise.allSettled(seeds.map((seed) => this.#attack(hostileStream(seed, host))))
    const failed = attacks.find((attack) => attack.status === 'rejected')
    if (failed !== undefined) {
      beside.catch(() => undefined)
      throw failed.reason
    }
    await beside
    await this.#settled()
    this.totals.streams += seeds.length
    this.totals.verified = this.#witness.operations
  }

  async close(): Promise<void> {
    await this.#fuzzed.close()
  }

  async #attack({ seed, chunks, ending, readable, holds, solicitedShare }: HostileStream): Promise<void> {
    const connection = this.#net.open()
    const random = new SeededRandom(seed, 1)
    const listener =
      readable &&
      new StrictListener(readable, (r2t) => {
        if (random.chance(solicitedShare)) connection.write([wire(dataDraft(random, r2t), readable)])
      })
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
      closed: () => undefined,
    })
    if (holds) this.#fuzzed.device.hold()
    for (const chunk of chunks) {
      if (connection.isClosed) break
      this.totals.bytes += chunk.byteLength
      connection.write([chunk])
      if (random.chance(0.3)) await turn()
    }
    await turn()
    if (holds) this.#fuzzed.device.letGo()
    // A controller that is connected and asks for no keep alive may be silent; one within its handshake may not.
    for (
      let second = 0;
      ending === 'silent' && !connection.isClosed && second < PATIENCE_SECONDS;
      second += 10
    ) {
      this.#clock.advance(10_000)
      await turn()
    }
    if ((listener?.termReqs ?? 0) > 0 && !connection.isClosed) {
      for (let turns = 0; !connection.isClosed; turns++) {
        if (turns > TURNS_MAX) throw new Error('the connection stays behind a TermReq')
        await turn()
      }
    }
    if (connection.isClosed) this.totals.endedByTarget++
    connection.destroy()
    this.totals.answers += listener?.pdus ?? 0
    this.totals.termReqs += listener?.termReqs ?? 0
    this.totals.refusals += listener?.refusals ?? 0
    if (complaint !== undefined) throw complaint
  }

  /** Waits until only those that belong here are left, with nothing lent. */
  async #settled(): Promise<void> {
    const left = (): string => {
      const { target, pool } = this.#fuzzed
      const hosts = target.sessions().length
      const isAsItWas =
        hosts <= FuzzedTarget.CONTROLLERS_KEPT && pool.lentBytes === 0 && target.bytesInFlight === 0
      return isAsItWas
        ? ''
        : `${hosts} controllers, ${pool.lentBytes} bytes lent, ${target.bytesInFlight} reserved`
    }
    for (let turns = 0; left() !== ''; turns++) {
      if (turns > TURNS_MAX) throw new Error(`not all was given back: ${left()}`)
      await turn()
    }
  }
}
