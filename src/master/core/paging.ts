/**
 * Pages of a list that changes. A cursor holds the key of the last item, not its place, so that what is made or removed
 * meanwhile makes no item come twice and none be left out. It is opaque: base64url of the key.
 */
import type { Page } from '../master-api.ts'
import { refusal } from './lookup.ts'

const PAGE_MAX = 1000

export interface PageRequest {
  readonly after?: string
  readonly limit: number
}

const encode = (key: string): string => Buffer.from(key, 'utf8').toString('base64url')

function decode(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  if (cursor.length <= 2000 && key.length > 0 && encode(key) === cursor) return key
  throw refusal(
    'INVALID_ARGUMENT',
    'invalid_cursor',
    'after: this is not a cursor; give the `next` of a page',
  )
}

/**
 * The page after the cursor. `items` are sorted by `keyOf`, rising; `viewOf` is called for the items of the page only, and
 * returns undefined for what the caller did not ask for. INVALID_ARGUMENT for a cursor or a limit that is none.
 */
export function pageOf<Item, View>(
  items: readonly Item[],
  { after, limit }: PageRequest,
  keyOf: (item: Item) => string,
  viewOf: (item: Item) => View | undefined,
): Page<View> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > PAGE_MAX) {
    throw refusal('INVALID_ARGUMENT', 'invalid_limit', `limit: give a whole number from 1 to ${PAGE_MAX}`)
  }
  const views: View[] = []
  let last: Item | undefined
  for (let at = after === undefined ? 0 : firstAfter(items, decode(after), keyOf); at < items.length; at++) {
    const item = items[at]!
    const view = viewOf(item)
    if (view === undefined) continue
    // one more than the page: there is a next one
    if (last !== undefined && views.length === limit) return { items: views, next: encode(keyOf(last)) }
    views.push(view)
    last = item
  }
  return { items: views, next: null }
}

function firstAfter<Item>(items: readonly Item[], key: string, keyOf: (item: Item) => string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keyOf(items[middle]!) <= key) low = middle + 1
    else high = middle
  }
  return low
}
