/**
 * What the CLI reads of answers, in pieces. The shapes of this directory are checked when an answer arrives, so that
 * another program on that port, or another version of this one, gives a sentence and not a crash. They name what people
 * are shown; what is not named is passed on to `--json` untouched.
 */
import { type Static, type TSchema, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'

export const Count = Type.Integer({ minimum: 0 })

export const Nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** `/block/…` with each part as one segment, whatever it holds. */
export const pathOf = (...parts: readonly string[]): string =>
  `/block/${parts.map((part) => (part === '.' || part === '..' ? `%2e${part.slice(1)}` : encodeURIComponent(part))).join('/')}`

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
