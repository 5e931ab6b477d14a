/** All of a list that the master gives page by page. */
import type { Page, PageWish } from './master-port.ts'

const PAGE_ITEMS = 500

/** What is made or deleted meanwhile may be among them, or not. */
export async function* everyItem<T>(fetch: (page: PageWish) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined
  do {
    const page = await fetch({ limit: PAGE_ITEMS, cursor })
    yield* page.items
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
}
