/** A TCP link between a host and a target that can hang: what is sent is kept back, and no connection breaks. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { formatHostPort, type HostPort } from '../../../../src/base/address.ts'

export class Link {
  readonly address: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, port: number, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.address = formatHostPort({ host: '127.0.0.1', port })
  }

  static async open(to: HostPort): Promise<Link> {
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(to)
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from)
        from.pipe(into)
        from.on('error', () => into.destroy())
        from.on('close', () => sockets.delete(from))
      }
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const bound = server.address()
    return new Link(server, typeof bound === 'object' && bound !== null ? bound.port : 0, sockets)
  }

  /** Nothing passes until `resume`. */
  hang(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  resume(): void {
    for (const socket of this.#sockets) socket.resume()
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
