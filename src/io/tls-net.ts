/**
 * Encrypted connections behind the `Net` port, both sides with a certificate of the cluster's authority (mutual TLS 1.3).
 * Each side asks the other's certificate for the name of what it is meant to be (`TLS_NAME`), whatever address it has.
 *
 * Data takes node:tls's own way, without the system calls and the shared buffer of `RealNet`: what encryption costs is
 * more than these save. A listener that is not yet sure of a peer gives it a bounded time and counts it.
 */
import tls from 'node:tls'
import { BlockError } from '../base/errors.ts'
import { type Logger, silentLogger } from '../base/log.ts'
import type { Connection, Listener, Net } from '../base/ports/net.ts'
import type { TlsIdentity } from '../base/tls.ts'
import { KIB } from '../base/units.ts'
import { formatAddress, SocketConnection } from './connection.ts'
import { listenError } from './net.ts'
import { plainSyscalls } from './syscalls.ts'
import { codeOf, reasonOf } from './system-error.ts'

const QUEUE_BYTES = 256 * KIB
const KEEPALIVE_MS = 10_000
const LINGER_MS = 10_000
const HANDSHAKE_MS = 5_000
/** Handshakes under way at one listener; more are closed at once. */
const HANDSHAKES_MAX = 256

export interface TlsNetOptions {
  readonly identity: TlsIdentity
  /** The name that the certificate of each peer must carry. */
  readonly peerName: string
  /** Told of who was not let in: its address, and why, one of a few stable words and a sentence. */
  readonly refused: (address: string, kind: string, reason: string) => void
  readonly logger?: Logger
  /** How long a closing connection waits for its peer. */
  readonly lingerMs?: number
}

export class TlsNet implements Net {
  readonly #o: TlsNetOptions
  readonly #servers = new Set<tls.Server>()
  #identity: TlsIdentity

  constructor(options: TlsNetOptions) {
    this.#o = options
    this.#identity = options.identity
  }

  /** Shows and believes `identity` from the next handshake on; connections that are there stay. */
  use(identity: TlsIdentity): void {
    this.#identity = identity
    for (const server of this.#servers) server.setSecureContext(contextOf(identity))
  }

  async listen(
    address: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const server = tls.createServer({
      ...contextOf(this.#identity),
      requestCert: true,
      // Node would end the connection without a word of why; #guard looks at it instead.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      highWaterMark: QUEUE_BYTES,
    })
    this.#guard(server, onConnection)
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, address)))
      server.listen({ host: address.host, port: address.port }, resolve)
    })
    server.on('error', (error) =>
      (this.#o.logger ?? silentLogger).warn('net.accept_failed', { ...address }, error),
    )
    this.#servers.add(server)
    const bound = server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
    return {
      host: address.host,
      port,
      close: () =>
        new Promise((resolve) => {
          this.#servers.delete(server)
          server.close()
          setImmediate(resolve)
        }),
    }
  }

  /** Lets in who has shown the right certificate, and counts those who have yet to. */
  #guard(server: tls.Server, onConnection: (connection: Connection) => void): void {
    const { peerName, refused } = this.#o
    let handshakes = 0
    const done = new WeakSet<tls.TLSSocket>()
    const end = (socket: tls.TLSSocket): void => {
      if (!done.has(socket)) handshakes--
      done.add(socket)
    }
    server.on('connection', (socket) => {
      handshakes++
      if (handshakes > HANDSHAKES_MAX) socket.destroy()
    })
    const refuse = (socket: tls.TLSSocket, kind: string, reason: string): void => {
      refused(formatAddress(socket.remoteAddress, socket.remotePort), kind, reason)
      socket.on('error', () => undefined)
      socket.destroy()
    }
    server.on('tlsClientError', (error, socket) => {
      end(socket)
      refuse(socket, codeOf(error) ?? 'handshake', `the handshake failed: ${reasonOf(error)}`)
    })
    server.on('secureConnection', (socket) => {
      end(socket)
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined) {
        refuse(socket, 'noCertificate', 'it shows no certificate')
      } else if (!socket.authorized) {
        const why = String(socket.authorizationError)
        refuse(socket, why, `its certificate is refused: ${why}`)
      } else if (certificate.checkHost(peerName) === undefined) {
        refuse(socket, 'wrongName', `its certificate is not one of ${peerName}`)
      } else {
        onConnection(this.#connectionOver(socket))
      }
    })
  }

  connect(address: { host: string; port: number; timeoutMs: number }): Promise<Connection> {
    const { host, port, timeoutMs } = address
    return new Promise((resolve, reject) => {
      const socket = tls.connect({
        ...contextOf(this.#identity),
        host,
        port,
        servername: this.#o.peerName,
        // whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED)
        rejectUnauthorized: true,
      })
      socket.pause()
      const fail = (cause: unknown, why: string): void => {
        clearTimeout(timer)
        socket.destroy()
        const facts = { host, port, errno: codeOf(cause) }
        reject(new BlockError('DISCONNECTED', `${formatAddress(host, port)}: ${why}`, { facts, cause }))
      }
      const onError = (error: Error): void => fail(error, reasonOf(error))
      const onEarlyClose = (): void => fail(undefined, 'closed during the handshake')
      const timer = setTimeout(() => fail(undefined, `no connection within ${timeoutMs} ms`), timeoutMs)
      socket.on('error', onError)
      socket.once('close', onEarlyClose)
      socket.once('secureConnect', () => {
        clearTimeout(timer)
        const connection = this.#connectionOver(socket)
        socket.off('error', onError)
        socket.off('close', onEarlyClose)
        resolve(connection)
      })
    })
  }

  #connectionOver(socket: tls.TLSSocket): Connection {
    socket.pause()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE_MS)
    const lingerMs = this.#o.lingerMs ?? LINGER_MS
    const connection = new SocketConnection({ socket, lingerMs, syscalls: plainSyscalls })
    socket.on('data', (chunk: Buffer) => connection.deliver(chunk))
    return connection
  }
}

const contextOf = ({ ca, cert, key }: TlsIdentity) => ({ ca, cert, key, minVersion: 'TLSv1.3' as const })
