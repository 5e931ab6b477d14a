/**
 * TCP behind the `Net` port: TCP_NODELAY and keepalive on, receiving into one buffer that all connections share
 * (`onread`), which costs a third to two thirds less CPU per byte than fresh chunks.
 *
 * node:net offers `onread` to sockets that connect, not to those that a server accepts. An accepted socket's
 * handle is therefore moved into a new socket at once. Should a version of Node hide the handle, accepted
 * sockets fall back to fresh chunks; a test watches that.
 */
import net from 'node:net'
import { BlockError } from '../base/errors.ts'
import { type Logger, silentLogger } from '../base/log.ts'
import type { Connection, Listener, Net } from '../base/ports/net.ts'
import { KIB } from '../base/units.ts'
import type { BusyPoll } from './busy-poll.ts'
import { formatAddress, SocketConnection } from './connection.ts'
import { plainSyscalls, type Syscalls } from './syscalls.ts'
import { isSystemError } from './system-error.ts'

/** Bytes queued on a connection from which `write` says to stop. */
const QUEUE_BYTES = 256 * KIB
const RECEIVE_BYTES = 64 * KIB
/** Silence after which the kernel asks whether the peer is still there. */
const KEEPALIVE_MS = 10_000
const LINGER_MS = 10_000

export class RealNet implements Net {
  readonly #logger: Logger
  readonly #syscalls: Syscalls
  readonly #lingerMs: number
  readonly #busyPoll: BusyPoll | undefined
  /** Valid during one `deliver` only. */
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES)

  /**
   * `busyPoll` is told of what comes in on accepted connections. `lingerMs` bounds how long a closing connection waits for its peer; then it is reset.
   */
  constructor(
    options: { logger?: Logger; lingerMs?: number; syscalls?: Syscalls; busyPoll?: BusyPoll } = {},
  ) {
    this.#busyPoll = options.busyPoll

    this.#logger = options.logger ?? silentLogger
    this.#syscalls = options.syscalls ?? plainSyscalls
    this.#lingerMs = options.lingerMs ?? LINGER_MS
  }

  async listen(
    address: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const server = net.createServer({ pauseOnConnect: true, highWaterMark: QUEUE_BYTES }, (accepted) => {
      onConnection(this.#adopt(accepted))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, address)))
      server.listen({ host: address.host, port: address.port }, resolve)
    })
    // Such as no file descriptor left for one connection: the next one may do.
    server.on('error', (error) => this.#logger.warn('net.accept_failed', { ...address }, error))
    const bound = server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
    return {
      host: address.host,
      port,
      close: () =>
        new Promise((resolve) => {
          // The port is free at once; the server's own callback waits for the end of its connections.
          server.close()
          setImmediate(resolve)
        }),
    }
  }

  connect(address: { host: string; port: number; timeoutMs: number }): Promise<Connection> {
    const { host, port, timeoutMs } = address
    const receiver = new Receiver()
    const socket = new net.Socket(this.#socketOptions(receiver))
    // Reading starts with `start`, not with the connection.
    socket.pause()
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown, why: string): void => {
        clearTimeout(timer)
        socket.destroy()
        const facts = { host, port, errno: isSystemError(cause) ? cause.code : undefined }
        reject(new BlockError('DISCONNECTED', `${formatAddress(host, port)}: ${why}`, { facts, cause }))
      }
      const onError = (error: Error): void => fail(error, error.message)
      const timer = setTimeout(() => fail(undefined, `no connection within ${timeoutMs} ms`), timeoutMs)
      socket.on('error', onError)
      socket.connect({ host, port }, () => {
        clearTimeout(timer)
        receiver.connection = this.#connectionOver(socket)
        socket.off('error', onError)
        resolve(receiver.connection)
      })
    })
  }

  /** Moves an accepted socket's handle into a socket that reads into the shared buffer. */
  #adopt(accepted: net.Socket): Connection {
    const inner = accepted as unknown as { _handle?: object | null }
    const handle = inner._handle
    if (handle === undefined || handle === null) {
      const connection = this.#connectionOver(accepted)
      accepted.on('data', (chunk: Buffer) => connection.deliver(chunk))
      return connection
    }
    inner._handle = null
    accepted.destroy()
    const receiver = new Receiver()
    const socket = new net.Socket({ ...this.#socketOptions(receiver), handle, pauseOnCreate: true } as object)
    receiver.connection = this.#connectionOver(socket)
    receiver.busyPoll = this.#busyPoll
    return receiver.connection
  }

  #connectionOver(socket: net.Socket): SocketConnection {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE_MS)
    return new SocketConnection({ socket, lingerMs: this.#lingerMs, syscalls: this.#syscalls })
  }

  #socketOptions(receiver: Receiver): net.SocketConstructorOpts {
    const buffer = this.#receiveBuffer
    return {
      highWaterMark: QUEUE_BYTES,
      onread: {
        buffer,
        callback: (lengthBytes: number) => {
          receiver.busyPoll?.touch()
          receiver.connection?.deliver(buffer.subarray(0, lengthBytes))
          return true
        },
      },
    } as net.SocketConstructorOpts
  }
}

/** Ties a socket's read callback, which is given before the socket exists, to its connection. */
class Receiver {
  connection: SocketConnection | undefined
  busyPoll: BusyPoll | undefined
}

/** What a failed `listen` is called by: IN_USE or INVALID_ARGUMENT, naming the address. */
export function listenError(error: unknown, address: { host: string; port: number }): unknown {
  if (!isSystemError(error)) return error
  const where = formatAddress(address.host, address.port)
  const facts = { ...address, errno: error.code }
  if (error.code === 'EADDRINUSE') {
    return new BlockError('IN_USE', `${where}: another program listens here`, { facts, cause: error })
  }
  return new BlockError('INVALID_ARGUMENT', `${where}: cannot listen here: ${error.message}`, {
    facts,
    cause: error,
  })
}
