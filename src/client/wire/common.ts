/**
 * What the CLI reads of answers, in pieces. The shapes of this directory are checked when an answer arrives, so that
 * another program on that port, or another version of this one, gives a sentence and not a crash. They name what people
 * are shown; what is not named is passed on to `--json` untouched.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import type { ApiClient } from '../http/api-client.ts'

export const Count = Type.Integer({ minimum: 0 })

export const Nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/**
 * `/block/…` with each part as one segment, whatever it holds. INVALID_ARGUMENT for an empty one and for dots, by which
 * a URL means another place, however they are written.
 */
export function pathOf(...parts: readonly string[]): string {
  const odd = parts.find((part) => /^\.{0,2}$/.test(part))
  if (odd !== undefined) throw new BlockError('INVALID_ARGUMENT', `'${odd}' is not a name`)
  return `/block/${parts.map(encodeURIComponent).join('/')}`
}

/** `path?name=value&…`, without those that are undefined. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

/** Of a list that is fetched whole; a list never takes more requests than this. */
const PAGE_ITEMS = 500
const PAGES_MAX = 1000

/** All items of a paged list, at most `limit`, in the API's order. */
export async function fetchAll<Page extends TSchema, Item>(
  api: ApiClient,
  path: string,
  options: {
    readonly schema: Page
    readonly query?: Readonly<Record<string, string | undefined>>
    readonly limit?: number | undefined
    read(page: Static<Page>): { readonly items: readonly Item[]; readonly next: string | null }
  },
): Promise<Item[]> {
  const { schema, query, limit = Number.POSITIVE_INFINITY, read } = options
  const all: Item[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < PAGES_MAX && all.length < limit; pages++) {
    const asked = Math.min(PAGE_ITEMS, limit - all.length)
    const page = read(await api.get(withQuery(path, { ...query, cursor, limit: asked }), schema))
    all.push(...page.items.slice(0, limit - all.length))
    // A page that leads to itself would never end.
    if (page.next === null || page.next === cursor) break
    cursor = page.next
  }
  return all
}
