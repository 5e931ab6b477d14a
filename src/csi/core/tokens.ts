/**
 * Tokens of pages: what the master calls a cursor, with a mark of ours, so that a token that was made by nobody is told from one
 * that the master no longer takes.
 */
import { CsiError } from '../server/csi-error.ts'

const MARK = 'p1.'
const CURSOR = /^[A-Za-z0-9_-]{1,512}$/
/** Of an answer without a wish: what fits well into a message. */
const ENTRIES_DEFAULT = 500
/** Of any answer: gRPC messages are bounded. */
const ENTRIES_MAX = 1000

export const formatToken = (cursor: string | null): string => (cursor === null ? '' : `${MARK}${cursor}`)

/** The cursor; undefined: from the beginning. ABORTED, as the specification has it, for what was never given. */
export function parseToken(token: string): string | undefined {
  if (token === '') return undefined
  const cursor = token.startsWith(MARK) ? token.slice(MARK.length) : ''
  if (CURSOR.test(cursor)) return cursor
  throw badToken()
}

export const badToken = (): CsiError =>
  new CsiError('ABORTED', 'starting_token: it is not the next_token of an answer; begin again without one')

/** How many entries an answer may have. INVALID_ARGUMENT when negative. */
export function entriesOf(maxEntries: number): number {
  if (maxEntries < 0) throw new CsiError('INVALID_ARGUMENT', 'max_entries: it is negative')
  return maxEntries === 0 ? ENTRIES_DEFAULT : Math.min(maxEntries, ENTRIES_MAX)
}
