/**
 * A simulated TCP connection: two ends and a lane of bytes in each direction. Buffers are copied when the simulated kernel
 * takes them, which is later than `write` returns, and must not have changed by then; a chunk that was delivered is
 * scribbled over. So whoever keeps or reuses what is lent is seen.
 */
import { InvariantError } from '../../../src/base/assert.ts'
import { crc32c } from '../../../src/base/crc32c.ts'
import { BlockError } from '../../../src/base/errors.ts'
import type { Connection, ConnectionHandlers } from '../../../src/base/ports/net.ts'
import { KIB } from '../../../src/base/units.ts'
import type { Life } from '../clock.ts'
import type { NetFaultKind, NetMachine, SimNetwork } from './net.ts'

interface Side {
  readonly name: string
  readonly machine: NetMachine
  readonly life: Life
}

/** Bytes taken by the kernels and not delivered. */
const WINDOW_BYTES = 256 * KIB
const CHUNK_BYTES_MAX = 64 * KIB
const LINGER_MS = 10_000
const RETRANSMIT_MS = 200
const SCRIBBLE = 0xdb

/** The ends of a new connection: of who connected, and of who listens. */
export function connectPair(
  network: SimNetwork,
  connector: Side,
  acceptor: Side,
  address: string,
  port: number,
): [SimConnection, SimConnection] {
  const near = `${connector.name}:${network.freePort()}`
  const mine = new SimConnection(network, connector, acceptor, { local: near, remote: address, port })
  const theirs = new SimConnection(network, acceptor, connector, { local: address, remote: near, port })
  mine.meet(theirs)
  theirs.meet(mine)
  return [mine, theirs]
}

interface Output {
  readonly buffers: readonly Uint8Array[]
  readonly sum: number
  readonly lengthBytes: number
  readonly written: (() => void) | undefined
}

/** Bytes on their way, or the end of the stream. */
interface Flight {
  readonly bytes: Uint8Array | 'end'
  readonly dueMs: number
  /** It has been hit by what it is to be hit by. */
  readonly isDrawn: boolean
}

const sumOf = (buffers: readonly Uint8Array[]): number =>
  buffers.reduce((sum, buffer) => crc32c(buffer, sum), 0)

class SimConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly #network: SimNetwork
  readonly #own: Side
  readonly #other: Side
  readonly #port: number
  #peer: SimConnection | undefined
  #handlers: ConnectionHandlers | undefined
  #unsent: Output[] = []
  queuedBytes = 0
  #mustDrain = false
  #isSendDue = false
  /** What this end sent and the other has not got. */
  #flight: Flight[] = []
  #flightBytes = 0
  #isDeliveryDue = false
  #isPaused = false
  #isEnding = false
  #isEndSent = false
  #isEndReceived = false
  #isClosed = false
  /** Bytes were lost: it is about to be reset. */
  #isBroken = false
  #isTold = false
  #error: Error | undefined

  constructor(
    network: SimNetwork,
    own: Side,
    other: Side,
    names: { local: string; remote: string; port: number },
  ) {
    this.#network = network
    this.#own = own
    this.#other = other
    this.#port = names.port
    this.localAddress = names.local
    this.remoteAddress = names.remote
    own.life.onEnd(() => this.#died())
  }

  meet(peer: SimConnection): void {
    this.#peer = peer
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#isClosed) this.#tellClosed()
    else this.#peer?.arrive()
  }

  write(buffers: readonly Uint8Array[], written?: () => void): boolean {
    if (this.#isEnding || this.#isClosed) {
      if (written !== undefined) this.#later('net.written', written)
      return false
    }
    const lengthBytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0)
    this.#unsent.push({ buffers, sum: sumOf(buffers), lengthBytes, written })
    this.queuedBytes += lengthBytes
    this.#sendSoon()
    this.#mustDrain = this.queuedBytes + this.#flightBytes > WINDOW_BYTES
    return !this.#mustDrain
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#peer?.arrive()
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return
    this.#isEnding = true
    this.#sendSoon()
    this.#network.scheduler.schedule('net.linger', this.#own.name, LINGER_MS, () => this.#close(undefined))
  }

  destroy(): void {
    if (this.#isClosed) return
    this.#resetPeer(this.#network.latencyMs(this.#own.name, this.#other.name))
    this.#close(undefined)
  }

  // ---- sending

  #sendSoon(): void {
    if (this.#isSendDue) return
    this.#isSendDue = true
    this.#network.scheduler.schedule(
      'net.send',
      this.#own.name,
      0.02 * this.#network.random.fraction(),
      () => {
        this.#isSendDue = false
        this.#send()
      },
    )
  }

  #send(): void {
    if (this.#isClosed || this.#isBroken) return
    while (this.#unsent.length > 0 && this.#flightBytes < WINDOW_BYTES) {
      let takenBytes = 0
      const taken: Output[] = []
      while (this.#unsent.length > 0 && takenBytes < CHUNK_BYTES_MAX) {
        const output = this.#unsent.shift()!
        takenBytes += output.lengthBytes
        taken.push(output)
      }
      this.#take(taken, takenBytes)
    }
    if (this.#isEnding && !this.#isEndSent && this.#unsent.length === 0) {
      this.#isEndSent = true
      this.#fly('end')
      this.#closeWhenBothEnded()
    }
    if (this.#mustDrain && this.queuedBytes === 0 && this.#flightBytes < WINDOW_BYTES) {
      this.#mustDrain = false
      this.#own.life.deliver(() => {
        if (!this.#isEnding && !this.#isClosed) this.#handlers?.drain()
      })
    }
  }

  #take(taken: readonly Output[], takenBytes: number): void {
    const bytes = new Uint8Array(takenBytes)
    let at = 0
    for (const { buffers, sum, lengthBytes, written } of taken) {
      if (sumOf(buffers) !== sum)
        throw new InvariantError('a buffer changed while it was lent to a connection')
      for (const buffer of buffers) {
        bytes.set(buffer, at)
        at += buffer.byteLength
      }
      this.queuedBytes -= lengthBytes
      if (written !== undefined) this.#own.life.deliver(written)
    }
    this.#flightBytes += takenBytes
    this.#fly(bytes)
  }

  #fly(bytes: Uint8Array | 'end', isDrawn = false): void {
    const { scheduler } = this.#network
    const delayMs = this.#network.latencyMs(this.#own.name, this.#other.name)
    const lastMs = this.#flight.at(-1)?.dueMs ?? 0
    this.#flight.push({ bytes, dueMs: Math.max(lastMs, scheduler.nowMs + delayMs), isDrawn })
    this.arrive()
  }

  // ---- delivering to the other end

  /** The first chunk in flight is delivered when it is due and the other end takes it. */
  arrive(): void {
    const head = this.#flight[0]
    if (head === undefined || this.#isDeliveryDue) return
    this.#isDeliveryDue = true
    const waitMs = Math.max(0, head.dueMs - this.#network.scheduler.nowMs)
    this.#network.scheduler.schedule('net.deliver', this.#other.name, waitMs, () => {
      this.#isDeliveryDue = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const head = this.#flight[0]
    const peer = this.#peer
    if (head === undefined || peer === undefined) return
    if (this.#network.isCut(this.#own.name, this.#other.name) || !this.#other.machine.isPowered) {
      if (this.#isClosed && this.#own.life.ended) return
      this.#postpone(RETRANSMIT_MS * (1 + this.#network.random.fraction()))
      return
    }
    if (peer.#isClosed) {
      // nobody has this connection there any more
      this.#flight = []
      if (!this.#isClosed) this.#reset(this.#network.latencyMs(this.#other.name, this.#own.name))
      return
    }
    if (peer.#handlers === undefined || (peer.#isPaused && head.bytes !== 'end')) return
    if (!head.isDrawn && head.bytes !== 'end' && this.#isHit(head.bytes)) return
    this.#flight.shift()
    if (head.bytes === 'end') peer.#receiveEnd()
    else {
      this.#flightBytes -= head.bytes.byteLength
      peer.#receive(head.bytes)
      this.#sendSoon()
    }
    this.arrive()
  }

  #postpone(forMs: number): void {
    const dueMs = this.#network.scheduler.nowMs + forMs
    this.#flight = this.#flight.map((one) => (one.dueMs < dueMs ? { ...one, dueMs } : one))
    this.arrive()
  }

  /** Whether chance changed the course of the chunk at the head, which is looked at again. */
  #isHit(bytes: Uint8Array): boolean {
    const { rates, random, isChecked } = this.#network
    const replaceHead = (...chunks: Uint8Array[]): void => {
      const { nowMs } = this.#network.scheduler
      this.#flightBytes += chunks.reduce((sum, chunk) => sum + chunk.byteLength, -bytes.byteLength)
      const flights = chunks.map((chunk, i) => ({
        bytes: chunk,
        dueMs: nowMs + i * 2 * random.fraction(),
        isDrawn: true,
      }))
      this.#flight.splice(0, 1, ...flights)
      this.arrive()
    }
    const draw = random.fraction()
    let limit = rates.delay
    if (draw < limit) {
      this.#hit('delay')
      replaceHead(bytes)
      this.#postpone(random.integer(800))
      return true
    }
    limit += rates.dribble
    if (draw < limit) {
      this.#hit('dribble')
      const pieces: Uint8Array[] = []
      let at = 0
      while (at < bytes.byteLength && pieces.length < 30) {
        const end = at + 1 + random.integer(64)
        pieces.push(bytes.subarray(at, end))
        at = end
      }
      if (at < bytes.byteLength) pieces.push(bytes.subarray(at))
      replaceHead(...pieces)
      return true
    }
    limit += rates.reset
    if (draw < limit) {
      this.#hit('reset')
      const part = bytes.subarray(0, random.integer(bytes.byteLength))
      if (part.byteLength > 0 && this.#peer !== undefined) this.#peer.#receive(part)
      // what comes behind the gap is never delivered
      this.#isBroken = true
      this.#flight = []
      this.#reset(random.fraction())
      this.#resetPeer(random.fraction())
      return true
    }
    if (!isChecked(this.#port)) return false
    limit += rates.corrupt
    if (draw < limit) {
      this.#hit('corrupt')
      const at = random.integer(bytes.byteLength)
      bytes[at] = bytes[at]! ^ (1 << random.integer(8))
      replaceHead(bytes)
      return true
    }
    if (draw < limit + rates.duplicate) {
      this.#hit('duplicate')
      const from = random.integer(bytes.byteLength)
      replaceHead(bytes, bytes.slice(from, from + 1 + random.integer(bytes.byteLength - from)))
      return true
    }
    return false
  }

  #hit(kind: NetFaultKind): void {
    this.#network.onFault({ kind, from: this.#own.name, to: this.#other.name, port: this.#port })
  }

  // ---- receiving

  #receive(bytes: Uint8Array): void {
    const chunk = bytes.slice()
    this.#own.life.deliver(() => {
      if (!this.#isClosed && !this.#isEnding) this.#handlers?.data(chunk)
      chunk.fill(SCRIBBLE)
    })
  }

  #receiveEnd(): void {
    this.#own.life.deliver(() => {
      this.#isEndReceived = true
      this.end()
      this.#closeWhenBothEnded()
    })
  }

  #closeWhenBothEnded(): void {
    if (this.#isEndReceived && this.#isEndSent) this.#close(undefined)
  }

  // ---- the end

  /** The kernel of a machine with power resets what a dead process had; a cut keeps that from the other side. */
  #died(): void {
    this.#isClosed = true
    if (!this.#own.machine.isPowered || this.#network.isCut(this.#own.name, this.#other.name)) {
      // nobody sends it again
      this.#flight = []
      return
    }
    this.#resetPeer(this.#network.latencyMs(this.#own.name, this.#other.name))
  }

  #resetPeer(afterMs: number): void {
    if (this.#network.isCut(this.#own.name, this.#other.name)) return
    if (this.#peer !== undefined) this.#peer.#reset(afterMs)
  }

  #reset(afterMs: number): void {
    const error = new BlockError('DISCONNECTED', `${this.remoteAddress}: reset`)
    this.#network.scheduler.schedule('net.reset', this.#own.name, afterMs, () => this.#close(error))
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#error = error
    for (const { written } of this.#unsent.splice(0))
      if (written !== undefined) this.#own.life.deliver(written)
    this.queuedBytes = 0
    if (this.#handlers !== undefined) this.#tellClosed()
  }

  #tellClosed(): void {
    if (this.#isTold) return
    this.#isTold = true
    const handlers = this.#handlers
    this.#later('net.closed', () => handlers?.closed(this.#error))
  }

  #later(label: string, run: () => void): void {
    this.#network.scheduler.schedule(label, this.#own.name, 0, () => this.#own.life.deliver(run))
  }
}
