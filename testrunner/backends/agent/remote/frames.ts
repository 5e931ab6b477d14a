/**
 * What an agent and the runner say to each other: frames on one byte stream, many programs at once. All integers big-endian:
 *
 *     u32 length of what follows | u8 kind | u32 channel | payload
 *
 * A `call` and its `answer` share a channel, and a program keeps that of the call that started it. Their payload is
 * `u32 length | JSON | bytes`. Imports nothing but Node: this file is sent to machines that have no more.
 */

export const KIND = {
  call: 1,
  answer: 2,
  stdin: 3,
  /** End of standard input; from the agent, of a program's output, and the channel's last. */
  end: 4,
  stdout: 5,
  stderr: 6,
  /** u32: so many bytes of the other side's stream were taken, which may send as many more. */
  taken: 7,
  /** JSON `{code, signal}`. Output may follow. */
  exited: 8,
  /** The runner lives. */
  beat: 9,
} as const
type Kind = (typeof KIND)[keyof typeof KIND]

export interface Frame {
  readonly kind: Kind
  readonly channel: number
  readonly payload: Buffer
}

/** Content of the largest file in one call. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024
const FRAME_BYTES_MAX = FILE_BYTES_MAX + 1024 * 1024
/** Of each stream of a program, what is under way before the sender waits. */
export const WINDOW_BYTES = 1024 * 1024
const HEADER_BYTES = 9

export function encodeFrame({ kind, channel, payload }: Frame): readonly Buffer[] {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(5 + payload.length, 0)
  header.writeUInt8(kind, 4)
  header.writeUInt32BE(channel, 5)
  return payload.length === 0 ? [header] : [header, payload]
}

/** Cuts a byte stream into frames. Throws for what no agent says. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): readonly Frame[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Frame[] = []
    for (;;) {
      const frame = this.#next()
      if (frame === undefined) return frames
      frames.push(frame)
    }
  }

  #next(): Frame | undefined {
    if (this.#bytes < HEADER_BYTES) return undefined
    const head = this.#joined(HEADER_BYTES)
    const length = head.readUInt32BE(0)
    const kind = head.readUInt8(4)
    if (length < 5 || length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes`)
    if (kind < KIND.call || kind > KIND.beat) throw new Error(`a frame of kind ${kind}`)
    if (this.#bytes < 4 + length) return undefined
    const all = this.#joined(4 + length)
    this.#chunks =
      all.length > 4 + length ? [all.subarray(4 + length), ...this.#chunks.slice(1)] : this.#chunks.slice(1)
    this.#bytes -= 4 + length
    return {
      kind: kind as Kind,
      channel: head.readUInt32BE(5),
      payload: all.subarray(HEADER_BYTES, 4 + length),
    }
  }

  /** The first chunk, made at least so long. */
  #joined(length: number): Buffer {
    let count = 0
    let bytes = 0
    while (bytes < length) bytes += this.#chunks[count++]?.length ?? 0
    if (count > 1) this.#chunks = [Buffer.concat(this.#chunks.slice(0, count)), ...this.#chunks.slice(count)]
    return this.#chunks[0] as Buffer
  }
}

export function encodeMessage(json: unknown, bytes: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(JSON.stringify(json))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, bytes])
}

export function decodeMessage<Json>(payload: Buffer): { readonly json: Json; readonly bytes: Buffer } {
  const end = 4 + payload.readUInt32BE(0)
  return { json: JSON.parse(payload.toString('utf8', 4, end)) as Json, bytes: payload.subarray(end) }
}

export function encodeCount(bytes: number): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(bytes)
  return count
}

/** What the runner asks of an agent. Answers are an object, of `get` the bytes of a file. */
export type Call =
  | { readonly method: 'facts' }
  | {
      readonly method: 'start'
      readonly command: readonly string[]
      readonly environment: Readonly<Record<string, string>>
      /** Its standard error goes there, appended; null: to the runner. */
      readonly logPath: string | null
      readonly asRoot: boolean
    }
  /** To the program of `channel` and what it started. */
  | { readonly method: 'signal'; readonly program: number; readonly name: NodeJS.Signals }
  | { readonly method: 'put'; readonly path: string; readonly mode: number }
  | { readonly method: 'get'; readonly path: string; readonly bytesMax: number }
  | { readonly method: 'remove'; readonly path: string }
  /** Free TCP ports, none of `without`. */
  | { readonly method: 'ports'; readonly count: number; readonly without: readonly number[] }
  /** A shell command that undoes harm, for when the agent ends; by `key`, empty to forget it. */
  | { readonly method: 'undo'; readonly key: string; readonly command: string }
  /** Ends everything. The folder of the machine goes too, unless it is to be kept. */
  | { readonly method: 'close'; readonly keepFiles: boolean }

/** Instead of an answer. */
export interface Refusal {
  readonly error: {
    readonly code: 'NOT_FOUND' | 'ACCESS_DENIED' | 'INVALID_ARGUMENT' | 'DISK'
    readonly message: string
  }
}

export interface AgentFacts {
  readonly kernel: string
  readonly node: string
  readonly isRoot: boolean
  /** Programs run as root when they are to: the agent is root, or may by sudo. */
  readonly mayBeRoot: boolean
  /** Programs of `TOOLS` that are there. */
  readonly tools: readonly string[]
  /** Two agents with the same one share ports, interfaces and rules. */
  readonly networkStack: string
}

/** Looked for on every machine. */
export const TOOLS = [
  ...['iscsiadm', 'nvme', 'multipath', 'nft', 'tc', 'ip', 'fio', 'sqlite3', 'pgbench', 'postgres'],
] as const
