/**
 * One TCP connection over a socket of node:net.
 *
 * Sending: what is written while a chunk is delivered leaves in one system call when the handler is done with the
 * chunk; what is written otherwise leaves in the turn's check phase, also when the answers come one by one from the
 * thread pool. Receiving: every connection reads into one shared buffer, so that bytes are touched while they are in
 * the CPU's cache and idle connections hold no memory. No promise and no closure is made per buffer.
 *
 * A connection ends in one of three ways: the peer closes, `end`, or `destroy` (or an error, the same). The first
 * two wait a bounded time for the other side and then reset. `closed` comes after every `written`.
 */
import type net from 'node:net'
import { TLSSocket } from 'node:tls'
import { BlockError } from '../base/errors.ts'
import type { Connection, ConnectionHandlers } from '../base/ports/net.ts'
import { SendQueue } from './send-queue.ts'
import type { Syscalls } from './syscalls.ts'
import { codeOf, isSystemError, reasonOf } from './system-error.ts'

export class SocketConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly #socket: net.Socket
  readonly #lingerMs: number
  readonly #output: SendQueue
  #handlers: ConnectionHandlers | undefined
  /** A flush is sure to come in this turn. */
  #isFlushDue = false
  /** No more writes are taken and no more data is delivered. */
  #ending = false
  #destroyed = false
  #isClosed = false
  #error: Error | undefined
  #linger: NodeJS.Timeout | undefined

  /**
   * `socket` is connected and paused. Whoever made it calls `deliver` with what it reads. A connection that
   * closes gets `lingerMs` to hand over what is queued and to see the peer close.
   */
  constructor(options: { socket: net.Socket; lingerMs: number; syscalls: Syscalls }) {
    const { socket } = options
    this.#socket = socket
    this.#output = new SendQueue(socket, options.syscalls)
    this.#lingerMs = options.lingerMs
    this.localAddress = formatAddress(socket.localAddress, socket.localPort)
    this.remoteAddress = formatAddress(socket.remoteAddress, socket.remotePort)
    socket.on('error', (error) => {
      this.#error ??= error
      this.#ending = true
    })
    socket.on('drain', () => {
      if (!this.#ending) this.#handlers?.drain()
    })
    socket.on('end', () => this.#startEnding())
    socket.on('close', () => {
      clearTimeout(this.#linger)
      this.#isClosed = true
      this.#ending = true
      this.#output.drop()
      process.nextTick(() => this.#tellClosed())
    })
  }

  get queuedBytes(): number {
    return this.#output.lengthBytes
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#isClosed) process.nextTick(() => this.#tellClosed())
    else if (!this.#ending) this.#socket.resume()
  }

  /** Takes bytes that the socket read. */
  deliver(chunk: Uint8Array): void {
    if (this.#ending) return
    const wasFlushDue = this.#isFlushDue
    this.#isFlushDue = true
    this.#handlers?.data(chunk)
    this.#isFlushDue = wasFlushDue
    if (!this.#ending) this.#output.flush()
  }

  write(buffers: readonly Uint8Array[], written?: () => void): boolean {
    if (this.#ending) {
      if (written !== undefined) process.nextTick(written)
      return false
    }
    this.#output.add(buffers, written)
    if (!this.#isFlushDue && !this.#output.isEmpty) {
      this.#isFlushDue = true
      setImmediate(this.#flush)
    }
    return !this.#socket.writableNeedDrain
  }

  pause(): void {
    if (!this.#ending) this.#socket.pause()
  }

  resume(): void {
    if (!this.#ending && this.#handlers !== undefined) this.#socket.resume()
  }

  end(): void {
    if (this.#ending) return
    this.#startEnding()
    this.#socket.end()
    // Data is dropped from now on; reading goes on to see the peer close.
    this.#socket.resume()
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    // A socket that is shutting down cannot be reset any more: libuv refuses and it would never close. One under TLS
    // cannot be reset at all.
    const canReset = !this.#ending && !(this.#socket instanceof TLSSocket)
    this.#ending = true
    this.#output.drop()
    if (canReset) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  readonly #flush = (): void => {
    this.#isFlushDue = false
    if (!this.#ending) this.#output.flush()
  }

  #startEnding(): void {
    if (!this.#ending) this.#output.flush()
    this.#ending = true
    this.#linger ??= setTimeout(() => {
      const error = new BlockError('DISCONNECTED', `${this.remoteAddress} did not close the connection`)
      this.#socket.destroy(error)
    }, this.#lingerMs).unref()
  }

  #tellClosed(): void {
    const handlers = this.#handlers
    this.#handlers = undefined
    handlers?.closed(this.#destroyed ? undefined : this.#closingError())
  }

  #closingError(): Error | undefined {
    const error = this.#error
    const isFromPeer = isSystemError(error) || this.#socket instanceof TLSSocket
    if (error === undefined || error instanceof BlockError || !isFromPeer) return error
    return new BlockError('DISCONNECTED', `${this.remoteAddress}: ${reasonOf(error)}`, {
      facts: { remoteAddress: this.remoteAddress, errno: codeOf(error) },
      cause: error,
    })
  }
}

/**
 * `host:port`, an IPv6 host in brackets. IPv4 addresses mapped into IPv6 are shown as IPv4. A peer that went away
 * before it was asked has no address.
 */
export function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return 'unknown'
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}
