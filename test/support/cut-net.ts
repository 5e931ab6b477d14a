/** A network whose connections hold back what this side sends: cut anywhere, late, or never. */
import type { HostPort } from '../../src/base/address.ts'
import type { Connection, ConnectionHandlers, Listener, Net } from '../../src/base/ports/net.ts'

/** What a host sends, held until some of it is let go: a PDU may end anywhere, and go on later. */
export class CutConnection implements Connection {
  readonly #inner: Connection
  #held = Buffer.alloc(0)
  isCutting = false

  constructor(inner: Connection) {
    this.#inner = inner
  }

  get localAddress(): string {
    return this.#inner.localAddress
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes
  }

  start(handlers: ConnectionHandlers): void {
    this.#inner.start(handlers)
  }

  write(buffers: readonly Uint8Array[], written?: () => void): boolean {
    this.#held = Buffer.concat([this.#held, ...buffers])
    written?.()
    if (!this.isCutting) this.letGo(this.#held.byteLength)
    return true
  }

  get heldBytes(): number {
    return this.#held.byteLength
  }

  letGo(bytes: number): void {
    const part = Uint8Array.from(this.#held.subarray(0, bytes))
    this.#held = this.#held.subarray(bytes)
    if (part.byteLength > 0) this.#inner.write([part])
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  end(): void {
    this.#inner.end()
  }

  destroy(): void {
    this.#inner.destroy()
  }
}

export class CutNet implements Net {
  readonly #inner: Net
  /** Those that were made from this side, in order. */
  readonly connections: CutConnection[] = []

  constructor(inner: Net) {
    this.#inner = inner
  }

  listen(address: HostPort, onConnection: (connection: Connection) => void): Promise<Listener> {
    return this.#inner.listen(address, onConnection)
  }

  async connect(address: HostPort & { timeoutMs: number }): Promise<CutConnection> {
    const connection = new CutConnection(await this.#inner.connect(address))
    this.connections.push(connection)
    return connection
  }
}
