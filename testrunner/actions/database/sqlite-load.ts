/** A program that inserts rows, one transaction after the other, and the record of those that it said are committed. */
import { createInterface } from 'node:readline'
import type { Program } from '../../backends/backend.ts'
import { StepFailure } from '../../model/failure.ts'
import type { Mount } from '../files/mounts.ts'
import { committedIn, transaction } from './rows.ts'

/** Durable with each commit, in the log that is beside the database. */
export const PRAGMAS = ['PRAGMA journal_mode=WAL;', 'PRAGMA synchronous=FULL;']

export class SqliteLoad {
  readonly database: string
  readonly seed: string
  readonly batch: number
  readonly #program: Program
  #committed: number
  #isEnding = false
  readonly #watchers = new Set<() => void>()
  #end: string | undefined

  private constructor(
    program: Program,
    options: { database: string; seed: string; batch: number; from: number },
  ) {
    this.#program = program
    this.database = options.database
    this.seed = options.seed
    this.batch = options.batch
    this.#committed = options.from
    createInterface({ input: program.stdout }).on('line', (line) => this.#heard(line))
    // a program that is gone takes nothing more; its exit says why
    program.stdin.on('error', () => undefined)
    program.exited.then(({ code, signal }) => {
      this.#end = `sqlite3 ended with ${code ?? signal}: ${program.stderrTail().trim()}`
      this.#tell()
    }, this.#tell)
  }

  static async start(
    { machine }: Pick<Mount, 'machine'>,
    options: {
      readonly database: string
      readonly seed: string
      readonly batch: number
      readonly from: number
    },
  ): Promise<SqliteLoad> {
    const command = ['stdbuf', '-oL', 'sqlite3', '-batch', '-bail', options.database]
    const load = new SqliteLoad(await machine.spawn(command, { asRoot: true }), options)
    load.#program.stdin.write(`.timeout 60000\n${PRAGMAS.join('\n')}\n`)
    load.#next()
    return load
  }

  /** The last row that the database said is committed; all before it are, too. */
  get committed(): number {
    return this.#committed
  }

  /** Resolves when `rows` more are committed, or with false when the signal comes first. ACTION when the program ends. */
  async progress(rows: number, signal: AbortSignal): Promise<boolean> {
    const goal = this.#committed + rows
    while (this.#committed < goal) {
      if (signal.aborted) return false
      if (this.#end !== undefined) throw new StepFailure('ACTION', this.#end)
      await this.#change(signal)
    }
    return true
  }

  /** After the transaction under way. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#isEnding = true
    const end = (): void => void this.#program.signal('SIGKILL')
    signal.addEventListener('abort', end, { once: true })
    this.#program.stdin.end('.quit\n')
    await this.#program.exited
    signal.removeEventListener('abort', end)
  }

  /** In the middle of whatever it does, as a crash of its host would. */
  async kill(): Promise<void> {
    this.#isEnding = true
    await this.#program.signal('SIGKILL')
    await this.#program.exited
  }

  #next(): void {
    if (!this.#isEnding) this.#program.stdin.write(transaction(this.seed, this.#committed + 1, this.batch))
  }

  #heard(line: string): void {
    const committed = committedIn(line)
    if (committed === undefined) return
    this.#committed = committed
    this.#next()
    this.#tell()
  }

  readonly #tell = (): void => {
    for (const watcher of this.#watchers) watcher()
  }

  #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const changed = (): void => resolve()
    this.#watchers.add(changed)
    signal.addEventListener('abort', changed)
    return promise.finally(() => {
      this.#watchers.delete(changed)
      signal.removeEventListener('abort', changed)
    })
  }
}
