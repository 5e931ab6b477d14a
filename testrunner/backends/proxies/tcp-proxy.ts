/**
 * A port that stands for the port of a machine. Whoever connects is asked for by `caller`; only then is the machine connected to,
 * and only while both directions are open: a connection over a cut link stays silent, as the handshake's packets would be.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '../../../src/base/address.ts'
import { BlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { Flow, type Way } from './flow.ts'

/** Where a connection comes from, as its socket knows it. */
export interface Origin {
  readonly address: string
  readonly port: number
  /** The proxy's own. */
  readonly localPort: number
}

export interface ProxyOptions {
  /** Where it listens; port 0 takes a free one. */
  readonly listen: HostPort
  readonly target: HostPort
  /** Name of the machine that connects; null when it cannot be found, as of one that is gone already: then it is reset. */
  readonly caller: (origin: Origin) => Promise<string | null>
  /** The way from and to who was found. */
  readonly way: (caller: string) => { readonly up: Way; readonly down: Way }
  readonly clock: Clock
}

/** One connection. */
class Relay {
  readonly near: Socket
  far: Socket | undefined
  flows: readonly Flow[] = []
  /** Connects to the target when it may. */
  begin: () => void = () => undefined

  constructor(near: Socket) {
    this.near = near
  }

  pump(): void {
    this.begin()
    for (const flow of this.flows) flow.pump()
  }

  destroy(): void {
    for (const flow of this.flows) flow.stop()
    this.near.destroy()
    this.far?.destroy()
  }
}

export class TcpProxy {
  readonly port: number
  readonly #options: ProxyOptions
  readonly #server: Server
  readonly #relays = new Set<Relay>()

  /** Rejects with IN_USE or INVALID_ARGUMENT when it cannot listen there. */
  static async open(options: ProxyOptions): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) =>
        reject(
          new BlockError(
            cause.code === 'EADDRINUSE' ? 'IN_USE' : 'INVALID_ARGUMENT',
            `cannot listen on ${options.listen.host} for a proxy (${cause.code})`,
            { cause },
          ),
        ),
      )
      server.listen(options.listen.port, options.listen.host, 1024, resolve)
    })
    return new TcpProxy(options, server)
  }

  private constructor(options: ProxyOptions, server: Server) {
    this.#options = options
    this.#server = server
    const bound = server.address()
    this.port = typeof bound === 'object' && bound !== null ? bound.port : 0
    server.on('connection', (near) => void this.#accept(near))
  }

  get connections(): number {
    return this.#relays.size
  }

  /** A rule has changed. */
  pump(): void {
    for (const relay of this.#relays) relay.pump()
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const relay of this.#relays) relay.destroy()
    this.#relays.clear()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  async #accept(near: Socket): Promise<void> {
    const relay = new Relay(near)
    this.#relays.add(relay)
    near.on('error', () => undefined)
    near.on('close', () => this.#isOver(relay))
    const origin = { address: near.remoteAddress ?? '', port: near.remotePort ?? 0, localPort: this.port }
    const caller = await this.#options.caller(origin)
    if (near.destroyed || !this.#relays.has(relay)) return
    if (caller === null) {
      near.resetAndDestroy()
      return
    }
    const { up, down } = this.#options.way(caller)
    relay.begin = () => {
      if (relay.far === undefined && up.isOpen() && down.isOpen()) this.#connect(relay, up, down)
    }
    relay.begin()
  }

  #connect(relay: Relay, up: Way, down: Way): void {
    const { near } = relay
    const far = connect({ ...this.#options.target, allowHalfOpen: true, noDelay: true })
    relay.far = far
    far.on('error', () => undefined)
    far.on('close', () => this.#isOver(relay))
    // both read at once: a refusal is passed on as a reset
    const { clock } = this.#options
    relay.flows = [new Flow(near, far, up, clock), new Flow(far, near, down, clock)]
  }

  /** A connection is forgotten when both of its sockets are gone and nothing is to be told any more. */
  #isOver(relay: Relay): void {
    const { near, far, flows } = relay
    if (far === undefined ? near.destroyed : near.destroyed && far.destroyed) {
      for (const flow of flows) flow.stop()
      this.#relays.delete(relay)
    }
  }
}
