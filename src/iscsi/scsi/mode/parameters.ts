/** Current mode parameters of a logical unit, shared by all its nexuses. Volatile. */
import { assert } from '../../../base/assert.ts'
import { CONTROL_FIELDS, CONTROL_PAGE, MODE_PAGES, type ModePage } from './pages.ts'

export class ModeParameters {
  readonly #current = new Map<ModePage, Uint8Array>()
  /** D_SENSE: sense data in descriptor format. */
  descriptorSense = false
  /** SWP: every write is refused. */
  softwareWriteProtect = false

  constructor() {
    this.reset()
  }

  /** The page as it is now. The bytes are lent for reading. */
  current(page: ModePage): Uint8Array {
    const bytes = this.#current.get(page)
    assert(bytes !== undefined, 'the page is in the list')
    return bytes
  }

  /** Replaces pages. Each new one differs from the old one in changeable bits only. */
  change(pages: ReadonlyMap<ModePage, Uint8Array>): void {
    for (const [page, bytes] of pages) this.#current.set(page, bytes)
    const control = this.current(CONTROL_PAGE)
    this.descriptorSense = isSet(control, CONTROL_FIELDS.dSense)
    this.softwareWriteProtect = isSet(control, CONTROL_FIELDS.swp)
  }

  reset(): void {
    this.change(new Map(MODE_PAGES.map((page) => [page, Uint8Array.from(page.defaults)])))
  }
}

const isSet = (bytes: Uint8Array, { byte, mask }: { byte: number; mask: number }): boolean =>
  ((bytes[byte] ?? 0) & mask) !== 0
