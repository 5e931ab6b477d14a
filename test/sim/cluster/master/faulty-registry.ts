/** The registry of one life of the master: it may die at one of its calls, and some of them fail. */
import type { MemoryRegistry } from '../../../../src/master/registry/memory-registry.ts'
import type {
  CommitOutcome,
  Registry,
  StoredRecord,
  Transaction,
} from '../../../../src/master/registry/registry.ts'

export class FaultyRegistry implements Registry {
  readonly #registry: MemoryRegistry
  readonly #onCall: (kind: 'read' | 'commit') => void

  constructor(registry: MemoryRegistry, onCall: (kind: 'read' | 'commit') => void) {
    this.#registry = registry
    this.#onCall = onCall
  }

  get id(): string {
    return this.#registry.id
  }

  get seq(): number {
    return this.#registry.seq
  }

  read(prefix: string): Promise<readonly StoredRecord[]> {
    this.#onCall('read')
    return this.#registry.read(prefix)
  }

  commit(transaction: Transaction): Promise<CommitOutcome> {
    this.#onCall('commit')
    return this.#registry.commit(transaction)
  }

  close(): Promise<void> {
    return this.#registry.close()
  }
}
