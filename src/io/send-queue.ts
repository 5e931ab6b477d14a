/**
 * What a connection has to send. Buffers gather for a turn of the event loop, or until there is a good piece, and
 * leave in one `sendmsg` on this thread: the kernel nearly always takes all of it, and then nothing of the stream
 * machinery of node:net is touched, which costs several times as much as the system call. What the kernel does not take
 * goes through the socket, and so does everything behind it until the socket is empty again, so that order is kept.
 *
 * Where the system call cannot be had, or the socket's descriptor is hidden, everything goes through the socket.
 */
import type net from 'node:net'
import { KIB } from '../base/units.ts'
import type { Syscalls } from './syscalls.ts'

/** So much leaves without waiting for the end of the turn: the peer can work on it meanwhile. */
const EAGER_BYTES = 256 * KIB
const NOTHING = new Uint8Array(0)

export class SendQueue {
  readonly #socket: net.Socket
  readonly #syscalls: Syscalls
  /** Of the socket, for as long as the socket is not destroyed; −1 when it is not known. */
  readonly #fd: number
  #buffers: Uint8Array[] = []
  #written: (() => void)[] = []
  #lengthBytes = 0

  constructor(socket: net.Socket, syscalls: Syscalls) {
    this.#socket = socket
    this.#syscalls = syscalls
    this.#fd = syscalls.native ? descriptorOf(socket) : -1
  }

  /** Bytes that the kernel has not taken. */
  get lengthBytes(): number {
    return this.#lengthBytes + this.#socket.writableLength
  }

  /** Whether nothing waits here; something may wait in the socket. */
  get isEmpty(): boolean {
    return this.#buffers.length === 0 && this.#written.length === 0
  }

  add(buffers: readonly Uint8Array[], written: (() => void) | undefined): void {
    for (let i = 0; i < buffers.length; i++) {
      const buffer = buffers[i]!
      if (buffer.byteLength === 0) continue
      this.#buffers.push(buffer)
      this.#lengthBytes += buffer.byteLength
    }
    if (written !== undefined) this.#written.push(written)
    if (this.#lengthBytes >= EAGER_BYTES) this.flush()
  }

  /** Gives everything to the kernel or to the socket. */
  flush(): void {
    if (this.isEmpty) return
    const buffers = this.#buffers
    const written = this.#written
    const lengthBytes = this.#lengthBytes
    this.#reset()
    const socket = this.#socket
    const isDirect = this.#fd >= 0 && socket.writableLength === 0 && !socket.destroyed
    const sentBytes = isDirect ? this.#syscalls.sendNow(this.#fd, buffers) : 0
    if (sentBytes === lengthBytes && isDirect) call(written)
    else throughSocket(socket, buffers, sentBytes, written)
  }

  /** Forgets everything; those who lent buffers are told in another turn. */
  drop(): void {
    const written = this.#written
    this.#reset()
    if (written.length > 0) process.nextTick(call, written)
  }

  #reset(): void {
    this.#buffers = []
    this.#written = []
    this.#lengthBytes = 0
  }
}

function call(written: readonly (() => void)[]): void {
  for (let i = 0; i < written.length; i++) written[i]!()
}

/** Writes `buffers` without their first `skipBytes`. */
function throughSocket(
  socket: net.Socket,
  buffers: readonly Uint8Array[],
  skipBytes: number,
  written: readonly (() => void)[],
): void {
  let skip = skipBytes
  socket.cork()
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i]!
    if (skip < buffer.byteLength) socket.write(skip === 0 ? buffer : buffer.subarray(skip))
    skip = Math.max(0, skip - buffer.byteLength)
  }
  // Called when the bytes are gone and, with an error that is of no interest here, when the socket dies.
  if (written.length > 0) socket.write(NOTHING, () => call(written))
  socket.uncork()
}

/** The file descriptor behind a socket, which Node does not promise to show. */
function descriptorOf(socket: net.Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { readonly fd?: number } | null }
  return handle?.fd ?? -1
}
