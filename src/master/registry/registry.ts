/**
 * The registry port: records under keys, changed by compare-and-set transactions, each numbered. What a transaction
 * wrote is durable before its promise resolves, all of it or nothing. The model is that of etcd, so that several
 * masters can share one later; the embedded store is SQLite, and the simulator has one in memory that crashes.
 *
 * Keys are `kind/id` (records.ts lists the kinds). Every value is a JSON object.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

export interface StoredRecord {
  readonly key: string
  readonly value: JsonObject
  /** Sequence number of the transaction that wrote it; at least 1. */
  readonly revision: number
}

export interface Transaction {
  /** All must hold, or nothing is written. Revision 0: the key is not there. */
  readonly checks: readonly { readonly key: string; readonly revision: number }[]
  /** Null removes the key. A key stands at most once. */
  readonly writes: readonly { readonly key: string; readonly value: JsonObject | null }[]
  /** The transaction gets a sequence number above this one: for a registry that is older than what servers have seen. */
  readonly seqAbove?: number
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly seq: number }
  /** `key` is not at the revision that was checked. */
  | { readonly kind: 'conflict'; readonly key: string }

export interface Registry {
  /** Random UUID given when the registry was made. Another id is another registry. */
  readonly id: string
  /** Sequence number of the last committed transaction; 0 for a new registry. Rises by at least 1 with each. */
  readonly seq: number
  /** All records whose key begins with `prefix`, in the order of their keys. */
  read(prefix: string): Promise<readonly StoredRecord[]>
  /**
   * Commits. DISK or NO_SPACE when the store failed and nothing was written; TIMED_OUT when that is not known (the
   * caller reads before it goes on); CLOSED after `close` or when another process has taken the registry over.
   */
  commit(transaction: Transaction): Promise<CommitOutcome>
  close(): Promise<void>
}
