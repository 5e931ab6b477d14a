/**
 * The process's end of the thread that has the registry's file. Calls are answered in their order. If the thread ends of
 * itself, what was asked is unknown: TIMED_OUT; what is asked after that is CLOSED.
 */
import { Worker } from 'node:worker_threads'
import { BlockError } from '../../base/errors.ts'
import type { SqliteFileOptions } from './sqlite-file.ts'
import { type Call, type Reply, received } from './sqlite-messages.ts'

interface Asked {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: BlockError) => void
}

export class SqliteThread {
  readonly #path: string
  readonly #worker: Worker
  /** Calls without a reply, the oldest first. */
  readonly #asked: Asked[] = []
  readonly #ended: Promise<void>
  #isEnded = false
  #cause: unknown

  private constructor(options: SqliteFileOptions) {
    this.#path = options.path
    this.#worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: options })
    this.#worker.on('message', (reply: Reply) => this.#onReply(reply))
    this.#worker.on('error', (error) => {
      this.#cause = error
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#onEnd()
        resolve()
      })
    })
  }

  /** Opens the file in a thread of its own; errors as of `SqliteFile`. */
  static async open(
    options: SqliteFileOptions,
  ): Promise<{ readonly thread: SqliteThread; readonly opened: Extract<Reply, { kind: 'opened' }> }> {
    const thread = new SqliteThread(options)
    try {
      const opened = await thread.#reply()
      if (opened.kind === 'opened') return { thread, opened }
      throw thread.#misfit(opened)
    } catch (error) {
      thread.#worker.ref()
      await thread.#worker.terminate()
      throw error
    }
  }

  async read(prefix: string): Promise<Extract<Reply, { kind: 'read' }>['records']> {
    const reply = await this.#call({ kind: 'read', prefix })
    if (reply.kind === 'read') return reply.records
    throw this.#misfit(reply)
  }

  async commit(
    transaction: Extract<Call, { kind: 'commit' }>['transaction'],
  ): Promise<Extract<Reply, { kind: 'commit' }>['outcome']> {
    const reply = await this.#call({ kind: 'commit', transaction })
    if (reply.kind === 'commit') return reply.outcome
    throw this.#misfit(reply)
  }

  /** Returns when what was asked before is answered, the file is closed and the thread has ended. */
  async close(): Promise<void> {
    if (!this.#isEnded) await this.#call({ kind: 'close' })
    this.#worker.ref()
    await this.#ended
  }

  #call(call: Call): Promise<Reply> {
    if (this.#isEnded) return Promise.reject(this.#gone('CLOSED'))
    this.#worker.postMessage(call)
    return this.#reply()
  }

  /** While something is asked the thread keeps the process alive. */
  #reply(): Promise<Reply> {
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject })
    })
  }

  #onReply(reply: Reply): void {
    const asked = this.#asked.shift()
    if (this.#asked.length === 0) this.#worker.unref()
    if (reply.kind === 'failed') asked?.reject(received(reply.error))
    else asked?.resolve(reply)
  }

  #onEnd(): void {
    this.#isEnded = true
    for (const { reject } of this.#asked.splice(0)) reject(this.#gone('TIMED_OUT'))
  }

  #gone(code: 'TIMED_OUT' | 'CLOSED'): BlockError {
    return new BlockError(code, `${this.#path}: the thread that had it open has ended`, {
      facts: { path: this.#path },
      cause: this.#cause,
    })
  }

  #misfit(reply: Reply): BlockError {
    return new BlockError('PROTOCOL', `${this.#path}: a reply of kind ${reply.kind} to another call`)
  }
}
