/** A TCP link between two servers that can be cut, mended and made slow; it counts what passes. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { formatHostPort, type HostPort } from '../../src/base/address.ts'

/** What a slow direction holds back before it stops reading. */
const HELD_BYTES_MAX = 1 << 20

export class TcpProxy {
  /** Where it listens. */
  readonly address: string
  /** Bytes that went to the server behind it, and came from there. */
  readonly bytes = { in: 0, out: 0 }
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isCut = false
  #delayMs = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    this.address = formatHostPort({ host: '127.0.0.1', port })
  }

  /** Listens on a free port and connects to `to` for each connection that comes. */
  static async open(to: HostPort): Promise<TcpProxy> {
    let proxy: TcpProxy | undefined
    const server = createServer((near) => {
      if (proxy !== undefined) proxy.#accept(near, to)
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const bound = server.address()
    proxy = new TcpProxy(server, typeof bound === 'object' && bound !== null ? bound.port : 0)
    return proxy
  }

  /** Ends all connections, and every new one at once, until `mend`. */
  cut(): void {
    this.#isCut = true
    this.breakAll()
  }

  mend(): void {
    this.#isCut = false
  }

  /** Ends the connections that there are; new ones pass. */
  breakAll(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** Nothing passes and nothing breaks, until `resume`. */
  hang(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  resume(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** What arrives from now on passes so much later, in both directions. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs
  }

  close(): void {
    this.#server.close()
    this.breakAll()
  }

  #accept(near: Socket, to: HostPort): void {
    if (this.#isCut) {
      near.destroy()
      return
    }
    const far = connect(to)
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      // whoever goes takes the other side along
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
    this.#pump(near, far, 'in')
    this.#pump(far, near, 'out')
  }

  #pump(from: Socket, into: Socket, direction: 'in' | 'out'): void {
    let heldBytes = 0
    from.on('data', (chunk: Buffer) => {
      this.bytes[direction] += chunk.byteLength
      if (this.#delayMs === 0 && heldBytes === 0) {
        if (!into.write(chunk)) from.pause()
        return
      }
      heldBytes += chunk.byteLength
      if (heldBytes > HELD_BYTES_MAX) from.pause()
      setTimeout(() => {
        heldBytes -= chunk.byteLength
        if (into.destroyed) return
        if (into.write(chunk) && heldBytes <= HELD_BYTES_MAX) from.resume()
      }, this.#delayMs)
    })
    into.on('drain', () => from.resume())
  }
}
