/**
 * A network within the process: connections whose bytes arrive in a later microtask, in order, and never fail by
 * themselves. Fast enough for a hundred thousand connections, and the same each time.
 */
import { BlockError } from '../../src/base/errors.ts'
import type { Connection, ConnectionHandlers, Listener, Net } from '../../src/base/ports/net.ts'

export class MemoryConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly queuedBytes = 0
  #peer: MemoryConnection | undefined
  #handlers: ConnectionHandlers | undefined
  readonly #inbox: Uint8Array[] = []
  #scheduled = false
  #paused = false
  /** The other side has said all. */
  #finished = false
  #isClosed = false

  private constructor(localAddress: string, remoteAddress: string) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  /** Both ends of a connection from `near` to `far`. */
  static pair(near: string, far: string): [MemoryConnection, MemoryConnection] {
    const ends = [new MemoryConnection(near, far), new MemoryConnection(far, near)] as const
    ends[0].#peer = ends[1]
    ends[1].#peer = ends[0]
    return [ends[0], ends[1]]
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.#schedule()
  }

  write(buffers: readonly Uint8Array[], written?: () => void): boolean {
    const peer = this.#peer
    if (!this.#isClosed && peer !== undefined) {
      for (const buffer of buffers) peer.#inbox.push(Uint8Array.from(buffer))
      peer.#schedule()
    }
    if (written !== undefined) queueMicrotask(written)
    return true
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  end(): void {
    const peer = this.#peer
    if (this.#isClosed || peer === undefined) return
    peer.#finished = true
    peer.#schedule()
    this.#close()
  }

  destroy(): void {
    const peer = this.#peer
    if (this.#isClosed) return
    if (peer !== undefined) {
      peer.#inbox.length = 0
      peer.#finished = true
      peer.#schedule()
    }
    this.#close()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    this.#scheduled = false
    while (this.#handlers !== undefined && !this.#paused && !this.#isClosed) {
      const chunk = this.#inbox.shift()
      if (chunk === undefined) break
      this.#handlers.data(chunk)
    }
    if (this.#finished && this.#inbox.length === 0) this.#close()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#inbox.length = 0
    const peer = this.#peer
    if (peer !== undefined) {
      peer.#finished = true
      peer.#schedule()
    }
    queueMicrotask(() => this.#handlers?.closed(undefined))
  }
}

export class MemoryNet implements Net {
  #accept: ((connection: Connection) => void) | undefined
  #count = 0

  async listen(
    address: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    this.#accept = onConnection
    return {
      ...address,
      close: async () => {
        this.#accept = undefined
      },
    }
  }

  async connect(): Promise<Connection> {
    return this.open()
  }

  open(): MemoryConnection {
    if (this.#accept === undefined) throw new BlockError('DISCONNECTED', 'nobody listens')
    const [near, far] = MemoryConnection.pair(`10.0.0.1:${++this.#count % 65536}`, '10.0.0.2:3260')
    this.#accept(far)
    return near
  }
}
