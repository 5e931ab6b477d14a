/**
 * A registry that ends its process at a commit of the test's choice: before the commit is carried out, or after it and
 * before the answer. Commits are counted over all lives.
 */
import { MemoryRegistry, type MemoryRegistryOptions } from '../../../src/master/registry/memory-registry.ts'
import type {
  CommitOutcome,
  Registry,
  StoredRecord,
  Transaction,
} from '../../../src/master/registry/registry.ts'

export interface CrashPoint {
  readonly commit: number
  readonly side: 'before' | 'after'
}

export interface CommitCount {
  commits: number
  /** Null: nothing more happens. */
  crashAt: CrashPoint | null
}

export class CrashingRegistry implements Registry {
  readonly #inner: MemoryRegistry
  readonly #count: CommitCount
  readonly #crash: () => void
  #isOver = false

  /** `crash` ends the process; what it calls afterwards never settles. */
  constructor(options: MemoryRegistryOptions, count: CommitCount, crash: () => void) {
    this.#inner = new MemoryRegistry(options)
    this.#count = count
    this.#crash = crash
  }

  get id(): string {
    return this.#inner.id
  }

  get seq(): number {
    return this.#inner.seq
  }

  read(prefix: string): Promise<readonly StoredRecord[]> {
    return this.#inner.read(prefix)
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    const count = this.#count
    count.commits += 1
    const point = count.crashAt?.commit === count.commits ? count.crashAt : null
    if (this.#isOver || point?.side === 'before') return await this.#end(point)
    const outcome = await this.#inner.commit(transaction)
    return point === null ? outcome : await this.#end(point)
  }

  /** The process is gone. */
  end(): void {
    this.#isOver = true
    this.#inner.crash()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #end(point: CrashPoint | null): Promise<never> {
    if (point !== null) {
      this.#count.crashAt = null
      this.end()
      this.#crash()
    }
    return await new Promise<never>(() => undefined)
  }
}
