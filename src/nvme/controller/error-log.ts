/** The error log of a controller (log page 01h): its last failed commands, newest first. */
import { viewOf, writeU64 } from '../../base/binary.ts'
import { SCT } from '../status.ts'
import { ERROR_LOG_ENTRIES } from './capabilities.ts'

const ENTRY_BYTES = 64
const TRTYPE_TCP = 3
const NO_LOCATION = 0xffff

export interface FailedCommand {
  readonly queueId: number
  readonly cid: number
  readonly status: number
  readonly nsid: number
  /** Of the field in the entry that is wrong, if one is. */
  readonly errorLocation: number | undefined
}

export class ErrorLog {
  readonly #entries: (FailedCommand & { readonly count: number })[] = []
  #count = 0
  #mediaErrors = 0

  get count(): number {
    return this.#count
  }

  get mediaErrors(): number {
    return this.#mediaErrors
  }

  add(failed: FailedCommand): void {
    this.#entries.unshift({ ...failed, count: ++this.#count })
    if (this.#entries.length > ERROR_LOG_ENTRIES) this.#entries.pop()
    if (((failed.status >>> 8) & 7) === SCT.MEDIA) this.#mediaErrors++
  }

  page(): Uint8Array {
    const page = new Uint8Array(ERROR_LOG_ENTRIES * ENTRY_BYTES)
    const view = viewOf(page)
    for (const [i, entry] of this.#entries.entries()) {
      const at = i * ENTRY_BYTES
      writeU64(view, at, entry.count)
      view.setUint16(at + 8, entry.queueId, true)
      view.setUint16(at + 10, entry.cid, true)
      view.setUint16(at + 12, entry.status << 1, true)
      view.setUint16(at + 14, entry.errorLocation ?? NO_LOCATION, true)
      view.setUint32(at + 24, entry.nsid, true)
      page[at + 29] = TRTYPE_TCP
    }
    return page
  }
}
