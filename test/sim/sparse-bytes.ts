/**
 * The bytes of one file: 4 KiB pages, absent where nothing was written (a hole reads as zeros). Pages never
 * change once made, so that two views of a file, its unsynced writes and all forks of a disk share them, a
 * fork costs nothing until one side writes, and the hash of a page is computed once.
 */
export const PAGE_BYTES = 4096

export class Page {
  readonly bytes: Uint8Array
  #hash = 0
  #hashHigh = -1

  /** `bytes` are 4096 and must not change afterwards. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** 53 bits of hash over the content; 0 for a page of zeros, which is thus equal to a hole. */
  get hash(): number {
    if (this.#hashHigh < 0) this.#compute()
    return this.#hashHigh * 0x1_0000_0000 + this.#hash
  }

  #compute(): void {
    const words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, PAGE_BYTES / 4)
    let a = 0
    let b = 0
    let any = 0
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!
      any |= word
      a = Math.imul(a ^ word, 0x9e3779b1)
      a ^= a >>> 15
      b = Math.imul(b + word, 0x85ebca77)
      b ^= b >>> 13
    }
    this.#hash = any === 0 ? 0 : a >>> 0
    this.#hashHigh = any === 0 ? 0 : (b >>> 11) & 0x1f_ffff
  }
}

const ZERO_PAGE = new Page(new Uint8Array(PAGE_BYTES))

/** A change of a file's bytes, cut into pages once and applied to as many views as need it. */
export interface Change {
  readonly kind: 'write' | 'punch' | 'allocate' | 'truncate'
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** The data of a write, owned by the change; empty for the other kinds. */
  readonly data: Uint8Array
  /** Whole pages of `data` made so far, by page number. */
  readonly pages: Map<number, Page>
}

/** A change of the given kind. `data` is taken over, not copied. */
export function change(
  kind: Change['kind'],
  offsetBytes: number,
  lengthBytes: number,
  data: Uint8Array = NOTHING,
): Change {
  return { kind, offsetBytes, lengthBytes, data, pages: new Map() }
}

const NOTHING = new Uint8Array(0)

export class SparseBytes {
  #pages: Map<number, Page>
  #shared: boolean
  #sizeBytes: number

  constructor(from?: SparseBytes) {
    this.#pages = from === undefined ? new Map() : from.#share()
    this.#shared = from !== undefined
    this.#sizeBytes = from === undefined ? 0 : from.#sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get allocatedBytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  /** Pages of `[offsetBytes, +lengthBytes)` that take no space yet. */
  missingPages(offsetBytes: number, lengthBytes: number): number {
    let missing = 0
    const end = Math.ceil((offsetBytes + lengthBytes) / PAGE_BYTES)
    for (let i = Math.floor(offsetBytes / PAGE_BYTES); i < end; i++) if (!this.#pages.has(i)) missing++
    return missing
  }

  /** Fills `target`; returns the bytes that lie inside the file. */
  read(target: Uint8Array, offsetBytes: number): number {
    const lengthBytes = Math.max(0, Math.min(target.byteLength, this.#sizeBytes - offsetBytes))
    let done = 0
    while (done < lengthBytes) {
      const at = offsetBytes + done
      const inPage = at % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - inPage, lengthBytes - done)
      const page = this.#pages.get((at - inPage) / PAGE_BYTES)
      if (page === undefined) target.fill(0, done, done + count)
      else target.set(count === PAGE_BYTES ? page.bytes : page.bytes.subarray(inPage, inPage + count), done)
      done += count
    }
    return lengthBytes
  }

  /** The page's object, undefined for a hole. */
  page(index: number): Page | undefined {
    return this.#pages.get(index)
  }

  /** Makes a page the same as `source` has it, the size included where it must grow. */
  copyPage(source: SparseBytes, index: number): void {
    const page = source.#pages.get(index)
    if (page === undefined) this.#own().delete(index)
    else this.#own().set(index, page)
  }

  setSize(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes
  }

  /** Applies the whole of `what`. */
  apply(what: Change): void {
    const end = what.offsetBytes + what.lengthBytes
    switch (what.kind) {
      case 'write':
        this.#write(what, what.offsetBytes, end)
        return
      case 'punch':
        this.#punch(what.offsetBytes, Math.min(end, this.#sizeBytes))
        return
      case 'allocate':
        this.#allocate(what.offsetBytes, end)
        return
      case 'truncate':
        this.#truncate(what.offsetBytes)
    }
  }

  /** Applies bytes `[start, end)` of a write or punch, counted in the file. */
  applyPart(what: Change, start: number, end: number): void {
    if (what.kind === 'write') this.#write(what, start, end)
    else if (what.kind === 'punch') this.#punch(start, Math.min(end, this.#sizeBytes))
  }

  /** Flips one bit. */
  flipBit(offsetBytes: number, bit: number): void {
    const index = Math.floor(offsetBytes / PAGE_BYTES)
    const bytes = Uint8Array.from(this.#pages.get(index)?.bytes ?? ZERO_PAGE.bytes)
    bytes[offsetBytes % PAGE_BYTES]! ^= 1 << bit
    this.#own().set(index, new Page(bytes))
  }

  /** Numbers of the pages that take space, in no order. */
  pageIndexes(): IterableIterator<number> {
    return this.#pages.keys()
  }

  /** Adds size and content to `hash`; holes and pages of zeros count alike. */
  addTo(hash: StateHash): void {
    hash.add(this.#sizeBytes)
    for (const [index, page] of this.#pages) hash.addUnordered(index, page.hash)
    hash.endUnordered()
  }

  #share(): Map<number, Page> {
    this.#shared = true
    return this.#pages
  }

  #own(): Map<number, Page> {
    if (this.#shared) {
      this.#pages = new Map(this.#pages)
      this.#shared = false
    }
    return this.#pages
  }

  #write(what: Change, start: number, end: number): void {
    const pages = this.#own()
    for (let at = start; at < end; ) {
      const inPage = at % PAGE_BYTES
      const index = (at - inPage) / PAGE_BYTES
      const count = Math.min(PAGE_BYTES - inPage, end - at)
      if (count === PAGE_BYTES) {
        pages.set(index, wholePage(what, index))
      } else {
        const bytes = Uint8Array.from(pages.get(index)?.bytes ?? ZERO_PAGE.bytes)
        bytes.set(what.data.subarray(at - what.offsetBytes, at - what.offsetBytes + count), inPage)
        pages.set(index, new Page(bytes))
      }
      at += count
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, end)
  }

  #punch(start: number, end: number): void {
    const pages = this.#own()
    for (let at = start; at < end; ) {
      const inPage = at % PAGE_BYTES
      const index = (at - inPage) / PAGE_BYTES
      const count = Math.min(PAGE_BYTES - inPage, end - at)
      const old = pages.get(index)
      if (count === PAGE_BYTES) {
        pages.delete(index)
      } else if (old !== undefined) {
        const bytes = Uint8Array.from(old.bytes)
        bytes.fill(0, inPage, inPage + count)
        pages.set(index, new Page(bytes))
      }
      at += count
    }
  }

  #allocate(start: number, end: number): void {
    const pages = this.#own()
    for (let index = Math.floor(start / PAGE_BYTES); index * PAGE_BYTES < end; index++) {
      if (!pages.has(index)) pages.set(index, ZERO_PAGE)
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, end)
  }

  #truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      this.#punch(sizeBytes, this.#sizeBytes)
      const pages = this.#own()
      for (const index of pages.keys()) if (index * PAGE_BYTES >= sizeBytes) pages.delete(index)
    }
    this.#sizeBytes = sizeBytes
  }
}

function wholePage(what: Change, index: number): Page {
  let page = what.pages.get(index)
  if (page === undefined) {
    const start = index * PAGE_BYTES - what.offsetBytes
    const view = what.data.subarray(start, start + PAGE_BYTES)
    page = new Page(view.byteOffset % 4 === 0 ? view : Uint8Array.from(view))
    what.pages.set(index, page)
  }
  return page
}

/** Two 32-bit lanes over numbers and strings; `value` is the key under which equal disk states meet. */
export class StateHash {
  #a = 0x9dc5811c | 0
  #b = 0x6a09e667 | 0
  #sumLow = 0
  #sumHigh = 0

  add(value: number): void {
    this.#mix(value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000))
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i), 0x1234567)
    this.#mix(text.length, 0x89abcdef)
  }

  /** Adds a pair in a way that does not depend on the order of such calls. */
  addUnordered(index: number, hash: number): void {
    if (hash === 0) return
    const high = Math.floor(hash / 0x1_0000_0000)
    const low = (hash % 0x1_0000_0000) | 0
    let x = Math.imul(low ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 15) ^ high, 0xc2b2ae35)
    let y = Math.imul(high ^ Math.imul(index + 7, 0x27d4eb2f), 0x165667b1)
    y = Math.imul(y ^ (y >>> 13) ^ low, 0x9e3779b1)
    this.#sumLow = (this.#sumLow + (x ^ (x >>> 16))) | 0
    this.#sumHigh = (this.#sumHigh + (y ^ (y >>> 16))) | 0
  }

  endUnordered(): void {
    this.#mix(this.#sumLow, this.#sumHigh)
    this.#sumLow = 0
    this.#sumHigh = 0
  }

  get value(): string {
    return (this.#a >>> 0).toString(16).padStart(8, '0') + (this.#b >>> 0).toString(16).padStart(8, '0')
  }

  #mix(low: number, high: number): void {
    this.#a = Math.imul(this.#a ^ low, 0x9e3779b1)
    this.#a = Math.imul((this.#a ^ (this.#a >>> 15)) + (high | 0), 0x85ebca6b)
    this.#b = Math.imul((this.#b ^ (high | 0)) + low, 0xc2b2ae35)
    this.#b = Math.imul(this.#b ^ (this.#b >>> 13) ^ low, 0x27d4eb2f)
  }
}
