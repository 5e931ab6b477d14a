/**
 * The simulated network: machines by name, addresses that may move between them, TCP connections as byte streams.
 *
 * What it does by chance or on demand: it delays bytes, dribbles them, flips a bit in them or delivers them twice (only on
 * ports whose protocol has checksums), breaks a connection after any number of bytes, and cuts machines off from each other,
 * one way or both. What is sent into a cut waits, as TCP's retransmissions do, and arrives when the cut is over; a new
 * connection is not made meanwhile. A process that dies resets its connections, a machine that loses power says nothing.
 *
 * What it never does: deliver bytes of one connection in another, or out of order.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type { Connection, Listener, Net } from '../../../src/base/ports/net.ts'
import type { Life } from '../clock.ts'
import type { SeededRandom } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import { connectPair } from './stream.ts'

/** Share of the chunks of bytes that are hit. */
export interface NetRates {
  readonly delay: number
  readonly dribble: number
  readonly reset: number
  readonly corrupt: number
  readonly duplicate: number
}
export type NetFaultKind = keyof NetRates
const NO_FAULTS: NetRates = { delay: 0, dribble: 0, reset: 0, corrupt: 0, duplicate: 0 }

export interface NetFault {
  readonly kind: NetFaultKind
  readonly from: string
  readonly to: string
  readonly port: number
}

/** A machine, as the network sees it. */
export interface NetMachine {
  readonly name: string
  readonly isPowered: boolean
}

interface Listening {
  readonly machine: NetMachine
  readonly life: Life
  readonly onConnection: (connection: Connection) => void
}

const SYN_RETRY_MS = 1000
const FIRST_FREE_PORT = 40_000

export class SimNetwork {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  rates: NetRates = NO_FAULTS
  /** Whether what goes to this port has checksums: only such bytes are changed. */
  isChecked: (port: number) => boolean = () => false
  onFault: (fault: NetFault) => void = () => undefined
  readonly #listeners = new Map<string, Listening>()
  readonly #cuts = new Map<string, number>()
  readonly #slow = new Map<string, { untilMs: number; delayMs: number }>()
  #nextPort = FIRST_FREE_PORT

  constructor(scheduler: Scheduler, random: SeededRandom) {
    this.scheduler = scheduler
    this.random = random
  }

  /** Nothing is lost or late from now on, and all cuts are over. */
  calm(): void {
    this.rates = NO_FAULTS
    this.#cuts.clear()
    this.#slow.clear()
  }

  cut(from: string, to: string, forMs: number): void {
    this.#cuts.set(`${from}>${to}`, this.scheduler.nowMs + forMs)
  }

  cutBoth(a: string, b: string, forMs: number): void {
    this.cut(a, b, forMs)
    this.cut(b, a, forMs)
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from}>${to}`) ?? 0) > this.scheduler.nowMs
  }

  /** Everything from one machine to the other takes so much longer, for a time. */
  slow(from: string, to: string, forMs: number, delayMs: number): void {
    this.#slow.set(`${from}>${to}`, { untilMs: this.scheduler.nowMs + forMs, delayMs })
  }

  /** Milliseconds that a chunk takes from here to there. */
  latencyMs(from: string, to: string): number {
    const slow = this.#slow.get(`${from}>${to}`)
    const extraMs = slow !== undefined && slow.untilMs > this.scheduler.nowMs ? slow.delayMs : 0
    return 0.1 + 0.4 * this.random.fraction() + extraMs
  }

  /** The `Net` of a process on that machine. */
  netOf(machine: NetMachine, life: Life): Net {
    return new HostNet(this, machine, life)
  }

  listen(key: string, listening: Listening): void {
    const known = this.#listeners.get(key)
    if (known !== undefined && !known.life.ended) throw new BlockError('IN_USE', `${key}: listened at`)
    this.#listeners.set(key, listening)
  }

  unlisten(key: string, life: Life): void {
    if (this.#listeners.get(key)?.life === life) this.#listeners.delete(key)
  }

  listenerAt(key: string): Listening | undefined {
    return this.#listeners.get(key)
  }

  freePort(): number {
    return this.#nextPort++
  }
}

class HostNet implements Net {
  readonly #network: SimNetwork
  readonly #machine: NetMachine
  readonly #life: Life

  constructor(network: SimNetwork, machine: NetMachine, life: Life) {
    this.#network = network
    this.#machine = machine
    this.#life = life
  }

  async listen(
    address: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const { host } = address
    const port = address.port === 0 ? this.#network.freePort() : address.port
    const key = `${host}:${port}`
    this.#network.listen(key, { machine: this.#machine, life: this.#life, onConnection })
    return { host, port, close: async () => this.#network.unlisten(key, this.#life) }
  }

  connect(address: { host: string; port: number; timeoutMs: number }): Promise<Connection> {
    const { host, port, timeoutMs } = address
    const { scheduler, random } = this.#network
    const deadlineMs = scheduler.nowMs + timeoutMs
    return new Promise((resolve, reject) => {
      const fail = (why: string, afterMs: number): void => {
        scheduler.schedule('net.refused', this.#machine.name, afterMs, () =>
          this.#life.deliver(() => reject(new BlockError('DISCONNECTED', `${host}:${port}: ${why}`))),
        )
      }
      const attempt = (): void => {
        if (this.#life.ended) return
        const there = this.#network.listenerAt(`${host}:${port}`)
        if (there === undefined || !there.machine.isPowered || !this.#hears(there.machine.name)) {
          const leftMs = deadlineMs - scheduler.nowMs
          if (leftMs > SYN_RETRY_MS) scheduler.schedule('net.syn', host, SYN_RETRY_MS, attempt)
          else fail(`no connection within ${timeoutMs} ms`, leftMs)
          return
        }
        if (there.life.ended) {
          fail('refused', 0.1)
          return
        }
        const remote = { name: this.#machine.name, machine: this.#machine, life: this.#life }
        const local = { name: there.machine.name, machine: there.machine, life: there.life }
        const [mine, theirs] = connectPair(this.#network, remote, local, `${host}:${port}`, port)
        there.life.deliver(() => there.onConnection(theirs))
        scheduler.schedule('net.connected', this.#machine.name, 0.1, () =>
          this.#life.deliver(() => resolve(mine)),
        )
      }
      scheduler.schedule('net.syn', host, 0.1 + random.fraction(), attempt)
    })
  }

  #hears(other: string): boolean {
    const { name } = this.#machine
    return !this.#network.isCut(name, other) && !this.#network.isCut(other, name)
  }
}
