/** A registry that holds nothing and does with each transaction what it is told. */
import type { CommitOutcome, Registry, StoredRecord } from '../../src/master/registry/registry.ts'

export class ScriptedRegistry implements Registry {
  readonly id = 'registry-1'
  readonly seq = 1
  outcome: CommitOutcome = { kind: 'committed', seq: 1 }
  failure: Error | undefined

  async read(): Promise<readonly StoredRecord[]> {
    return []
  }

  async commit(): Promise<CommitOutcome> {
    if (this.failure !== undefined) throw this.failure
    return this.outcome
  }

  async close(): Promise<void> {
    this.failure = new Error('closed')
  }
}
