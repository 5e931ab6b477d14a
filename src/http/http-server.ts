/** The HTTP server of a daemon on its socket. What it answers is in `app.ts`, which routes there are is the daemon's. */
import type { FastifyInstance } from 'fastify'
import type { HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import { buildHttpApp, type HttpAppOptions } from './app.ts'

export interface HttpServerOptions extends HttpAppOptions {
  readonly listen: HostPort
  /** The flag that said so, for errors. */
  readonly flag: string
}

export class HttpServer {
  readonly #app: FastifyInstance
  readonly address: HostPort

  private constructor(app: FastifyInstance, address: HostPort) {
    this.#app = app
    this.address = address
  }

  /** Listens; IN_USE when the address is taken, INVALID_ARGUMENT when it is not one of this machine. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const { listen, flag } = options
    const app = await buildHttpApp(options)
    try {
      await app.listen({ host: listen.host, port: listen.port })
    } catch (cause) {
      await app.close()
      throw listenError(cause, listen, flag)
    }
    const bound = app.server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port
    return new HttpServer(app, { host: listen.host, port })
  }

  /** Answers what is under way, then closes. */
  close(): Promise<void> {
    return this.#app.close()
  }
}

function listenError(cause: unknown, { host, port }: HostPort, flag: string): BlockError {
  const { code } = cause as NodeJS.ErrnoException
  const where = `${flag} ${host}:${port}`
  if (code === 'EADDRINUSE') {
    return new BlockError('IN_USE', `${where}: another process listens there; give another port, or 0`, {
      cause,
    })
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new BlockError('INVALID_ARGUMENT', `${where}: this machine has no such address`, { cause })
  }
  if (code === 'EACCES') {
    return new BlockError('INVALID_ARGUMENT', `${where}: not allowed to listen on this port`, { cause })
  }
  return new BlockError('DISK', `${where}: cannot listen (${code})`, { cause })
}
