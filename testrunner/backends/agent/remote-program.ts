/** A program at the other end of an agent's stream. */
import { Readable, Writable } from 'node:stream'
import type { Program } from '../backend.ts'
import { WINDOW_BYTES } from './remote/frames.ts'

const STDERR_BYTES = 64 * 1024
const STDIN_CHUNK_BYTES = 64 * 1024

export interface ProgramLine {
  stdin(bytes: Buffer): void
  end(): void
  /** Of standard output. */
  taken(bytes: number): void
  signal(name: NodeJS.Signals): Promise<void>
}

interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export class RemoteProgram implements Program {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly exited: Promise<Exit>
  readonly #line: ProgramLine
  readonly #exit = Promise.withResolvers<Exit>()
  #isOver = false
  #stderr = Buffer.alloc(0)
  /** Of standard input: sent and not yet taken. */
  #sentBytes = 0
  #waiting: (() => void) | null = null
  /** Of standard output: held by the stream and not yet told as taken. */
  #heldBytes = 0

  constructor(line: ProgramLine) {
    this.#line = line
    this.exited = this.#exit.promise
    this.stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => this.#write(chunk, done),
      final: (done) => {
        line.end()
        done()
      },
    })
    this.stdout = new Readable({ read: () => this.#taken() })
  }

  stderrTail(): string {
    return this.#stderr.toString('utf8')
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    if (!this.#isOver) await this.#line.signal(name)
  }

  heardStdout(bytes: Buffer): void {
    // nobody reads what a destroyed stream gets
    this.#heldBytes += bytes.length
    if (this.stdout.destroyed || this.stdout.push(bytes)) this.#taken()
  }

  heardStderr(bytes: Buffer): void {
    this.#stderr = Buffer.concat([this.#stderr, bytes]).subarray(-STDERR_BYTES)
  }

  stdinTaken(bytes: number): void {
    this.#sentBytes -= bytes
    if (this.#sentBytes < WINDOW_BYTES) this.#goOn()
  }

  over(exit: Exit): void {
    this.#isOver = true
    this.#goOn()
    this.#exit.resolve(exit)
  }

  endStdout(): void {
    if (!this.stdout.destroyed) this.stdout.push(null)
  }

  #write(chunk: Buffer, done: () => void): void {
    for (let at = 0; at < chunk.length; at += STDIN_CHUNK_BYTES)
      this.#line.stdin(chunk.subarray(at, at + STDIN_CHUNK_BYTES))
    this.#sentBytes += chunk.length
    if (this.#isOver || this.#sentBytes < WINDOW_BYTES) done()
    else this.#waiting = done
  }

  #goOn(): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.()
  }

  #taken(): void {
    if (this.#heldBytes === 0) return
    this.#line.taken(this.#heldBytes)
    this.#heldBytes = 0
  }
}
