/** Pages of lists that were used last. */
import type { RecordPage } from '../format/version-pages.ts'

const PAGES_MAX = 512
/** More pages than a list can have. */
const LIST_STRIDE = 2 ** 24

export class PageCache {
  /** In the order of their last use. */
  readonly #pages = new Map<number, RecordPage>()

  get(list: number, index: number): RecordPage | undefined {
    const key = list * LIST_STRIDE + index
    const page = this.#pages.get(key)
    if (page === undefined) return undefined
    this.#pages.delete(key)
    this.#pages.set(key, page)
    return page
  }

  put(list: number, index: number, page: RecordPage): void {
    this.#pages.set(list * LIST_STRIDE + index, page)
    if (this.#pages.size <= PAGES_MAX) return
    for (const oldest of this.#pages.keys()) {
      this.#pages.delete(oldest)
      return
    }
  }
}
