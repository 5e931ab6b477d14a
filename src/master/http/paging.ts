/**
 * Pages of lists. A cursor is the key of the last entry of the page before, in base64url: opaque, so that nobody builds
 * one, and stable, so that entries that come and go meanwhile neither repeat nor hide others.
 */
import { BlockError } from '../../base/errors.ts'
import type { Page } from '../master-api.ts'
import { PAGE_DEFAULT } from './schemas.ts'

export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}

/** For calls that page by themselves. INVALID_ARGUMENT for a cursor that was not made here. */
export function pageOf({ limit = PAGE_DEFAULT, cursor }: PageQuery): { limit: number; after?: string } {
  return cursor === undefined ? { limit } : { limit, after: decodeCursor(cursor) }
}

/** One page of a whole list. */
export function slicePage<T>(items: readonly T[], keyOf: (item: T) => string, query: PageQuery): Page<T> {
  const { limit, after } = pageOf(query)
  const sorted = [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const rest = after === undefined ? sorted : sorted.filter((item) => keyOf(item) > after)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return { items: page, next: rest.length > limit && last !== undefined ? keyOf(last) : null }
}

/** `next` of a page, for `next_cursor`. */
export const nextCursor = (next: string | null): string | null =>
  next === null ? null : Buffer.from(next, 'utf8').toString('base64url')

function decodeCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  if (nextCursor(key) === cursor && /^[\x20-\x7e]+$/.test(key)) return key
  throw new BlockError(
    'INVALID_ARGUMENT',
    "'cursor' is to be the 'next_cursor' of the answer before; leave it out for the first page",
    { facts: { reason: 'bad_cursor' } },
  )
}
