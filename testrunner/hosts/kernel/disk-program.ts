/**
 * The program that gives a host's disk its commands on the machine where the disk is: one process for all of them, past the
 * page cache, many at once. It speaks frames over its standard input and output, ends when its input does, and imports
 * nothing but Node, for it runs wherever the product can be put.
 *
 *     request   0 id u32, 4 kind u8, 5 zero, 8 offset u64, 16 length u32, 20 zero; then the data of a write
 *     answer    0 id u32, 4 errno u32, 8 value u64, 16 length u32, 20 logical block u32; then the data of a read, or the error's words
 *
 * Little-endian, 24 bytes each. Answers come as commands end, in any order. `value` and the logical block are of `size`.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { constants } from 'node:os'
import { basename } from 'node:path'

/** Memory of WebAssembly is the one that a program can have page-aligned without knowing addresses. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

export const FRAME_BYTES = 24
/** Of a read or a write. */
export const DATA_BYTES_MAX = 2 ** 20
export const DISK_COMMANDS = { read: 1, write: 2, flush: 3, trim: 4, size: 5 } as const
export type DiskCommand = keyof typeof DISK_COMMANDS

export interface DiskRequest {
  readonly id: number
  readonly kind: number
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** Of a write. */
  readonly data: Uint8Array
}

export interface DiskAnswer {
  readonly id: number
  /** 0 when it was carried out. */
  readonly errno: number
  readonly value: number
  readonly logicalBlockBytes: number
  readonly data: Uint8Array
}

const NOTHING = new Uint8Array(0)
const WASM_PAGE_BYTES = 65_536

export function encodeRequest(request: Omit<DiskRequest, 'data'>): Uint8Array {
  const view = new DataView(new ArrayBuffer(FRAME_BYTES))
  view.setUint32(0, request.id, true)
  view.setUint8(4, request.kind)
  view.setBigUint64(8, BigInt(request.offsetBytes), true)
  view.setUint32(16, request.lengthBytes, true)
  return new Uint8Array(view.buffer)
}

export function encodeAnswer(answer: DiskAnswer): Uint8Array {
  const view = new DataView(new ArrayBuffer(FRAME_BYTES))
  view.setUint32(0, answer.id, true)
  view.setUint32(4, answer.errno, true)
  view.setBigUint64(8, BigInt(answer.value), true)
  view.setUint32(16, answer.data.byteLength, true)
  view.setUint32(20, answer.logicalBlockBytes, true)
  return new Uint8Array(view.buffer)
}

/** Bytes in chunks of any size in, whole frames out. Throws when they are not of this protocol. */
class FrameReader {
  #pending: Uint8Array[] = []
  #pendingBytes = 0

  /** `lengthOf`: bytes behind the header. The frame's bytes are its taker's own. */
  push(chunk: Uint8Array, lengthOf: (header: DataView) => number, take: (frame: Uint8Array) => void): void {
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.byteLength
    while (this.#pendingBytes >= FRAME_BYTES) {
      const head = this.#joined(FRAME_BYTES)
      const wanted = FRAME_BYTES + lengthOf(new DataView(head.buffer, head.byteOffset, FRAME_BYTES))
      if (this.#pendingBytes < wanted) return
      const all = this.#joined(wanted)
      const rest = all.subarray(wanted)
      this.#pending = rest.byteLength === 0 ? this.#pending.slice(1) : [rest, ...this.#pending.slice(1)]
      this.#pendingBytes -= wanted
      take(new Uint8Array(all.subarray(0, wanted)))
    }
  }

  /** The first piece that is pending, made so long at least by those behind it. */
  #joined(bytes: number): Uint8Array {
    let count = 0
    for (let has = 0; has < bytes; count++) has += this.#pending[count]!.byteLength
    if (count > 1) this.#pending.splice(0, count, Buffer.concat(this.#pending.slice(0, count)))
    return this.#pending[0]!
  }
}

/** What comes in at the program. */
export function requestReader(take: (request: DiskRequest) => void): (chunk: Uint8Array) => void {
  const reader = new FrameReader()
  const lengthOf = (header: DataView): number => {
    const length = header.getUint32(16, true)
    const kind = header.getUint8(4)
    if (kind < DISK_COMMANDS.read || kind > DISK_COMMANDS.size) throw new Error(`there is no command ${kind}`)
    const hasData = kind === DISK_COMMANDS.read || kind === DISK_COMMANDS.write
    if (hasData && length > DATA_BYTES_MAX) throw new Error(`a command of ${length} bytes is too long`)
    return kind === DISK_COMMANDS.write ? length : 0
  }
  return (chunk) =>
    reader.push(chunk, lengthOf, (frame) => {
      const view = new DataView(frame.buffer, frame.byteOffset, FRAME_BYTES)
      take({
        id: view.getUint32(0, true),
        kind: view.getUint8(4),
        offsetBytes: Number(view.getBigUint64(8, true)),
        lengthBytes: view.getUint32(16, true),
        data: frame.subarray(FRAME_BYTES),
      })
    })
}

/** What comes back at the host. */
export function answerReader(take: (answer: DiskAnswer) => void): (chunk: Uint8Array) => void {
  const reader = new FrameReader()
  const lengthOf = (header: DataView): number => {
    const length = header.getUint32(16, true)
    if (length > DATA_BYTES_MAX) throw new Error(`an answer of ${length} bytes is too long`)
    return length
  }
  return (chunk) =>
    reader.push(chunk, lengthOf, (frame) => {
      const view = new DataView(frame.buffer, frame.byteOffset, FRAME_BYTES)
      take({
        id: view.getUint32(0, true),
        errno: view.getUint32(4, true),
        value: Number(view.getBigUint64(8, true)),
        logicalBlockBytes: view.getUint32(20, true),
        data: frame.subarray(FRAME_BYTES),
      })
    })
}

/** Serves `path`, a block device or a plain file, until `input` ends. Rejects when it cannot be opened, or at nonsense. */
export async function runDiskProgram(
  path: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<void> {
  const device = openDevice(path)
  const free: Uint8Array[] = []
  const running = new Set<Promise<void>>()
  const serve = async (request: DiskRequest): Promise<void> => {
    const buffer = free.pop() ?? alignedBuffer()
    let answer: DiskAnswer
    try {
      const done = await carryOut(device, request, buffer)
      answer = { id: request.id, errno: 0, value: 0, logicalBlockBytes: 0, data: NOTHING, ...done }
    } catch (error) {
      const data = new TextEncoder().encode(error instanceof Error ? error.message : String(error))
      answer = { id: request.id, errno: errnoOf(error), value: 0, logicalBlockBytes: 0, data }
    }
    output.write(encodeAnswer(answer))
    // copied: the stream may hold it for longer than the buffer is free
    if (answer.data.byteLength > 0) output.write(new Uint8Array(answer.data))
    free.push(buffer)
  }
  const read = requestReader((request) => {
    const one = serve(request).finally(() => running.delete(one))
    running.add(one)
  })
  try {
    for await (const chunk of input) read(chunk as unknown as Uint8Array)
    await Promise.all(running)
  } finally {
    fs.closeSync(device.fd)
  }
}

interface Device {
  readonly path: string
  readonly fd: number
  readonly isBlock: boolean
}

function openDevice(path: string): Device {
  const isBlock = fs.statSync(path).isBlockDevice()
  const { O_DIRECT, O_RDWR, O_RDONLY } = fs.constants
  // read-only disks, and plain files on file systems that have no direct I/O
  const modes = isBlock ? [O_RDWR | O_DIRECT, O_RDONLY | O_DIRECT] : [O_RDWR | O_DIRECT, O_RDWR]
  let refused: unknown
  for (const mode of modes) {
    try {
      return { path, fd: fs.openSync(path, mode), isBlock }
    } catch (error) {
      refused = error
    }
  }
  throw refused
}

async function carryOut(
  device: Device,
  { kind, offsetBytes, lengthBytes, data }: DiskRequest,
  buffer: Uint8Array,
): Promise<Partial<DiskAnswer>> {
  const { fd } = device
  switch (kind) {
    case DISK_COMMANDS.read: {
      const target = buffer.subarray(0, lengthBytes)
      const got = await new Promise<number>((resolve, reject) => {
        fs.read(fd, target, 0, lengthBytes, offsetBytes, (error, bytes) =>
          error ? reject(error) : resolve(bytes),
        )
      })
      if (got !== lengthBytes) throw new Error(`${got} bytes were read instead of ${lengthBytes}`)
      return { data: target }
    }
    case DISK_COMMANDS.write: {
      buffer.set(data)
      const wrote = await new Promise<number>((resolve, reject) => {
        fs.write(fd, buffer, 0, lengthBytes, offsetBytes, (error, bytes) =>
          error ? reject(error) : resolve(bytes),
        )
      })
      if (wrote !== lengthBytes) throw new Error(`${wrote} bytes were written instead of ${lengthBytes}`)
      return {}
    }
    case DISK_COMMANDS.flush:
      await new Promise<void>((resolve, reject) => {
        fs.fsync(fd, (error) => (error ? reject(error) : resolve()))
      })
      return {}
    case DISK_COMMANDS.trim:
      await trim(device, offsetBytes, lengthBytes)
      return {}
    default:
      return sizeOf(device)
  }
}

/** No system call of Node's does it. */
function trim({ path, isBlock }: Device, offsetBytes: number, lengthBytes: number): Promise<void> {
  const [tool, args] = isBlock ? ['blkdiscard', []] : ['fallocate', ['--punch-hole']]
  return new Promise((resolve, reject) => {
    execFile(tool, [...args, '-o', `${offsetBytes}`, '-l', `${lengthBytes}`, path], (error) =>
      error === null ? resolve() : reject(error),
    )
  })
}

function sizeOf({ path, fd, isBlock }: Device): Partial<DiskAnswer> {
  if (!isBlock) return { value: fs.fstatSync(fd).size, logicalBlockBytes: 512 }
  const folder = `/sys/class/block/${basename(fs.realpathSync(path))}`
  const number = (file: string): number => Number(fs.readFileSync(`${folder}/${file}`, 'latin1'))
  return { value: number('size') * 512, logicalBlockBytes: number('queue/logical_block_size') }
}

function alignedBuffer(): Uint8Array {
  const pages = DATA_BYTES_MAX / WASM_PAGE_BYTES
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
}

/** EIO for what is no error of the system. */
function errnoOf(error: unknown): number {
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined
  return typeof errno === 'number' && errno < 0 ? -errno : constants.errno.EIO
}
