/**
 * What every store asks of keys, values and transactions, so that one store accepts what another does. Values are
 * kept as JSON text: a record that was read is never the object that was written.
 */
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import type { Transaction } from './registry.ts'

const KEY_BYTES_MAX = 512
const VALUE_BYTES_MAX = 1024 * 1024

/** A transaction's writes as the store keeps them. */
export interface PreparedWrite {
  readonly key: string
  /** JSON text; null removes the key. */
  readonly text: string | null
}

/** The writes in the form in which they are kept; INVALID_ARGUMENT for a transaction that no store takes. */
export function prepare(transaction: Transaction): PreparedWrite[] {
  const written = new Set<string>()
  for (const { key, revision } of transaction.checks) {
    checkKey(key)
    if (!Number.isSafeInteger(revision) || revision < 0) {
      throw new BlockError('INVALID_ARGUMENT', `${printable(key)}: ${revision} is not a revision`)
    }
  }
  const { seqAbove } = transaction
  if (seqAbove !== undefined && (!Number.isSafeInteger(seqAbove) || seqAbove < 0)) {
    throw new BlockError('INVALID_ARGUMENT', `${seqAbove} is not a sequence number`)
  }
  return transaction.writes.map(({ key, value }) => {
    checkKey(key)
    if (written.has(key)) {
      throw new BlockError('INVALID_ARGUMENT', `${printable(key)} stands twice in a transaction`)
    }
    written.add(key)
    return { key, text: value === null ? null : encode(key, value) }
  })
}

/** The order of keys: that of their bytes in UTF-8, as etcd and SQLite have it. */
export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function checkKey(key: string): void {
  if (key.length > 0 && key.isWellFormed() && Buffer.byteLength(key) <= KEY_BYTES_MAX) return
  throw new BlockError(
    'INVALID_ARGUMENT',
    `'${printable(key)}' is not a key; use 1 to ${KEY_BYTES_MAX} bytes of UTF-8`,
  )
}

function encode(key: string, value: unknown): string {
  const text = JSON.stringify(value)
  const lengthBytes = Buffer.byteLength(text)
  if (lengthBytes <= VALUE_BYTES_MAX) return text
  throw new BlockError(
    'INVALID_ARGUMENT',
    `${printable(key)}: a value of ${lengthBytes} bytes; at most ${VALUE_BYTES_MAX}`,
    { facts: { key, lengthBytes } },
  )
}
