/** An opening of the registry in one life of a master: that may die at one of its calls, and be cut off. */
import type { MemoryFailure, MemoryRegistry } from '../../../../src/master/registry/memory-registry.ts'
import type {
  CommitOutcome,
  Registry,
  StoredRecord,
  Transaction,
} from '../../../../src/master/registry/registry.ts'
import type { Life } from '../../clock.ts'
import type { RegistryLink } from './registry-link.ts'

export interface FaultyRegistryOptions {
  readonly registry: MemoryRegistry
  readonly life: Life
  /** Undefined: it is in the master's own machine. */
  readonly link: RegistryLink | undefined
  readonly onCall: (kind: 'read' | 'commit') => void
  /** Carries out what was on its way when nobody waited for it any more. */
  readonly late: (transaction: Transaction) => void
}

export class FaultyRegistry implements Registry {
  readonly #o: FaultyRegistryOptions

  constructor(options: FaultyRegistryOptions) {
    this.#o = options
  }

  get id(): string {
    return this.#o.registry.id
  }

  get seq(): number {
    return this.#o.registry.seq
  }

  async read(prefix: string): Promise<readonly StoredRecord[]> {
    const { registry, link, life, onCall } = this.#o
    onCall('read')
    if (link === undefined) return registry.read(prefix)
    await link.pass(life)
    const records = await registry.read(prefix)
    await link.pass(life)
    return records
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    const { registry, link, life, onCall, late } = this.#o
    onCall('commit')
    if (link === undefined) return registry.commit(transaction)
    await link.pass(life, () => late(transaction))
    const outcome = await registry.commit(transaction)
    await link.pass(life)
    return outcome
  }

  close(): Promise<void> {
    return this.#o.registry.close()
  }

  failNext(failure: MemoryFailure): void {
    this.#o.registry.failNext(failure)
  }

  /** The process is gone. */
  crash(): void {
    this.#o.registry.crash()
  }
}
