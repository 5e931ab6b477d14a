/**
 * Between the process and the thread that has the registry's file. Each call gets one reply, in the order of the calls;
 * the first reply, to no call, says whether the file could be opened.
 */
import { BlockError, type BlockErrorCode, type ErrorFacts } from '../../base/errors.ts'
import type { CommitOutcome } from './registry.ts'
import type { PreparedTransaction, StoredText } from './sqlite-file.ts'

export type Call =
  | { readonly kind: 'read'; readonly prefix: string }
  | { readonly kind: 'commit'; readonly transaction: PreparedTransaction }
  | { readonly kind: 'close' }

export type Reply =
  | { readonly kind: 'opened'; readonly id: string; readonly seq: number }
  | { readonly kind: 'read'; readonly records: readonly StoredText[] }
  | { readonly kind: 'commit'; readonly outcome: CommitOutcome }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: SentError }

/** A `BlockError` on its way between threads, which would arrive as a plain `Error`. */
interface SentError {
  readonly code: BlockErrorCode
  readonly message: string
  readonly facts: ErrorFacts
}

export const failed = ({ code, message, facts }: BlockError): Reply => ({
  kind: 'failed',
  error: { code, message, facts },
})

export const received = ({ code, message, facts }: SentError): BlockError =>
  new BlockError(code, message, { facts })
