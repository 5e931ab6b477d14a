/**
 * The runner's end of the stream to an agent (remote/agent.ts): calls with answers, and programs with streams. When the
 * stream ends, calls fail with DISCONNECTED and programs count as ended.
 */
import type { Readable, Writable } from 'node:stream'
import { BlockError } from '../../../src/base/errors.ts'
import {
  type AgentFacts,
  type Call,
  decodeMessage,
  encodeCount,
  encodeFrame,
  encodeMessage,
  type Frame,
  FrameReader,
  KIND,
  type Refusal,
} from './remote/frames.ts'
import { RemoteProgram } from './remote-program.ts'

const BEAT_MS = 5_000

export interface AgentStream {
  /** For errors. */
  readonly name: string
  readonly input: Readable
  readonly output: Writable
  /** What the other side said on its way out, for errors. */
  lastWords(): string
}

type Answer = { readonly json: unknown; readonly bytes: Buffer }

export class AgentLink {
  readonly #stream: AgentStream
  readonly #calls = new Map<number, PromiseWithResolvers<Answer>>()
  readonly #programs = new Map<number, RemoteProgram>()
  readonly #reader = new FrameReader()
  readonly #beat: NodeJS.Timeout
  readonly #ended = Promise.withResolvers<void>()
  #channel = 0
  #isOver = false

  constructor(stream: AgentStream) {
    this.#stream = stream
    this.#beat = setInterval(
      () => this.#send({ kind: KIND.beat, channel: 0, payload: Buffer.alloc(0) }),
      BEAT_MS,
    )
    this.#beat.unref()
    // one that was paused to be handed over stays so by itself
    stream.input.on('data', (chunk: Buffer) => this.#read(chunk)).resume()
    for (const name of ['end', 'close', 'error'] as const) stream.input.on(name, () => this.#end())
    stream.output.on('error', () => this.#end()).on('close', () => this.#end())
  }

  /** Resolves when nothing more can be asked. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  facts(): Promise<AgentFacts> {
    return this.call<AgentFacts>({ method: 'facts' })
  }

  /** Rejects with what the agent answers, or DISCONNECTED. */
  async call<Json>(call: Call, bytes?: Uint8Array): Promise<Json> {
    return (await this.#ask(this.#nextChannel(), call, bytes)).json as Json
  }

  async get(path: string, bytesMax: number): Promise<Uint8Array> {
    return (await this.#ask(this.#nextChannel(), { method: 'get', path, bytesMax })).bytes
  }

  async start(request: Omit<Extract<Call, { method: 'start' }>, 'method'>): Promise<RemoteProgram> {
    const channel = this.#nextChannel()
    // known before it is started: its output may come with the answer
    const program = new RemoteProgram({
      stdin: (payload) => this.#send({ kind: KIND.stdin, channel, payload }),
      end: () => this.#send({ kind: KIND.end, channel, payload: Buffer.alloc(0) }),
      taken: (bytes) => this.#send({ kind: KIND.taken, channel, payload: encodeCount(bytes) }),
      signal: async (name) => void (await this.call({ method: 'signal', program: channel, name })),
    })
    this.#programs.set(channel, program)
    try {
      await this.#ask(channel, { ...request, method: 'start' })
    } catch (error) {
      this.#programs.delete(channel)
      throw error
    }
    return program
  }

  /** The agent ends, and with it everything it started. */
  close(): void {
    this.#end()
    this.#stream.output.end()
  }

  #nextChannel(): number {
    this.#channel = (this.#channel + 1) >>> 0
    return this.#channel
  }

  #ask(channel: number, call: Call, bytes?: Uint8Array): Promise<Answer> {
    if (this.#isOver) return Promise.reject(this.#gone())
    const answer = Promise.withResolvers<Answer>()
    this.#calls.set(channel, answer)
    this.#send({ kind: KIND.call, channel, payload: encodeMessage(call, bytes) })
    return answer.promise
  }

  #send(frame: Frame): void {
    if (this.#isOver) return
    for (const part of encodeFrame(frame)) this.#stream.output.write(part)
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame)
    } catch (error) {
      // what speaks otherwise is no agent
      this.#stream.input.destroy(error as Error)
    }
  }

  #take({ kind, channel, payload }: Frame): void {
    if (kind === KIND.answer) this.#answered(channel, payload)
    const program = this.#programs.get(channel)
    if (kind === KIND.stdout) program?.heardStdout(payload)
    else if (kind === KIND.stderr) program?.heardStderr(payload)
    else if (kind === KIND.taken) program?.stdinTaken(payload.readUInt32BE(0))
    else if (kind === KIND.exited)
      program?.over(decodeMessage<{ code: number | null; signal: string | null }>(payload).json)
    else if (kind === KIND.end) {
      this.#programs.delete(channel)
      program?.endStdout()
    }
  }

  #answered(channel: number, payload: Buffer): void {
    const { json, bytes } = decodeMessage<Partial<Refusal>>(payload)
    const call = this.#calls.get(channel)
    this.#calls.delete(channel)
    if (json.error === undefined) call?.resolve({ json, bytes })
    else call?.reject(new BlockError(json.error.code, `${this.#stream.name}: ${json.error.message}`))
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#beat)
    for (const call of this.#calls.values()) call.reject(this.#gone())
    for (const program of this.#programs.values()) {
      program.over({ code: null, signal: null })
      program.endStdout()
    }
    this.#calls.clear()
    this.#programs.clear()
    this.#ended.resolve()
  }

  #gone(): BlockError {
    const words = this.#stream.lastWords().trim()
    return new BlockError('DISCONNECTED', `${this.#stream.name} is gone${words === '' ? '' : `: ${words}`}`)
  }
}
