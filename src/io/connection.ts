/**
 * One TCP connection over a socket of node:net.
 *
 * Sending: what is written in one turn of the event loop waits in the corked socket until the turn's check phase
 * and leaves in one writev, also when the answers come one by one from the thread pool. Receiving: every
 * connection reads into one shared buffer, so that bytes are touched while they are in the CPU's cache and idle
 * connections hold no memory. No promise and no closure is made per buffer.
 *
 * A connection ends in one of three ways: the peer closes, `end`, or `destroy` (or an error, the same). The first
 * two wait a bounded time for the other side and then reset. `closed` comes after every `written`.
 */
import type net from 'node:net'
import { BlockError } from '../base/errors.ts'
import type { Connection, ConnectionHandlers } from '../base/ports/net.ts'
import { isSystemError } from './system-error.ts'

const NOTHING = new Uint8Array(0)

export class SocketConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly #socket: net.Socket
  readonly #lingerMs: number
  #handlers: ConnectionHandlers | undefined
  #corked = false
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
  constructor(options: { socket: net.Socket; lingerMs: number }) {
    const { socket } = options
    this.#socket = socket
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
      this.#tellClosed()
    })
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#isClosed) process.nextTick(() => this.#tellClosed())
    else if (!this.#ending) this.#socket.resume()
  }

  /** Takes bytes that the socket read. */
  deliver(chunk: Uint8Array): void {
    if (!this.#ending) this.#handlers?.data(chunk)
  }

  write(buffers: readonly Uint8Array[], written?: () => void): boolean {
    const socket = this.#socket
    if (this.#ending) {
      if (written !== undefined) process.nextTick(written)
      return false
    }
    if (!this.#corked) {
      this.#corked = true
      socket.cork()
      setImmediate(this.#uncork)
    }
    if (written === undefined) {
      for (let i = 0; i < buffers.length; i++) socket.write(buffers[i]!)
    } else {
      const last = buffers.length - 1
      for (let i = 0; i < last; i++) socket.write(buffers[i]!)
      // Called when the bytes are gone and, with an error that is of no interest here, when the socket dies.
      socket.write(buffers[last] ?? NOTHING, written)
    }
    return !socket.writableNeedDrain
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
    // A socket that is shutting down cannot be reset any more: libuv refuses and it would never close.
    const canReset = !this.#ending
    this.#ending = true
    if (canReset) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#socket.uncork()
  }

  #startEnding(): void {
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
    if (!isSystemError(error)) return error
    return new BlockError('DISCONNECTED', `${this.remoteAddress}: ${error.message}`, {
      facts: { remoteAddress: this.remoteAddress, errno: error.code },
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
