/** Where the agents of guests come in: a port of the loopback, and a token for each, which is all that is heard before it is shown. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

const TOKEN_BYTES = 32
const SHOW_MS = 60_000

export class AgentDoor {
  readonly #server: Server
  readonly #expected = new Map<string, (socket: Socket) => void>()
  readonly #sockets = new Set<Socket>()

  static async open(): Promise<AgentDoor> {
    const door = new AgentDoor()
    door.#server.listen(0, '127.0.0.1')
    await once(door.#server, 'listening')
    return door
  }

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#meet(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** A token, and who shows it. */
  expect(): { readonly token: string; readonly came: Promise<Socket> } {
    const token = randomBytes(TOKEN_BYTES / 2).toString('hex')
    const came = new Promise<Socket>((resolve) => this.#expected.set(token, resolve))
    return { token, came }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #meet(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy())
    socket.setTimeout(SHOW_MS, () => socket.destroy())
    let shown = Buffer.alloc(0)
    const hear = (chunk: Buffer): void => {
      shown = Buffer.concat([shown, chunk])
      if (shown.length < TOKEN_BYTES) return
      socket.off('data', hear)
      const taker = this.#take(shown.subarray(0, TOKEN_BYTES))
      if (taker === undefined) {
        socket.destroy()
        return
      }
      socket.pause()
      socket.setTimeout(0)
      socket.unshift(shown.subarray(TOKEN_BYTES))
      taker(socket)
    }
    socket.on('data', hear)
  }

  /** Each token is good once. */
  #take(shown: Buffer): ((socket: Socket) => void) | undefined {
    for (const [token, taker] of this.#expected) {
      if (!timingSafeEqual(Buffer.from(token), shown)) continue
      this.#expected.delete(token)
      return taker
    }
    return undefined
  }
}
