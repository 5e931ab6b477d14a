/** Several lists of records as one: of those that tell of a block, the newest is right. */

/** A list of records, at one of them; `start` to `hash` are undefined before the first `advance` and after its last. */
export interface SegmentSource {
  readonly start: number
  readonly end: number
  readonly isHole: boolean
  /** Of data: where it is. */
  readonly pack: string
  readonly frame: number
  readonly slot: number
  /** Lent until the next `advance`. */
  readonly hash: Uint8Array
  /** Goes to the next record; false: there is none. A promise only where something must be waited for. */
  advance(): boolean | Promise<boolean>
}

export class MergedSegments implements SegmentSource {
  readonly #sources: readonly SegmentSource[]
  readonly #isOver: boolean[]
  #isBegun = false
  #current: SegmentSource | undefined
  #start = 0
  #end = 0

  /** Newest first. */
  constructor(sources: readonly SegmentSource[]) {
    this.#sources = sources
    this.#isOver = sources.map(() => false)
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get isHole(): boolean {
    return this.#current!.isHole
  }

  get pack(): string {
    return this.#current!.pack
  }

  get frame(): number {
    return this.#current!.frame
  }

  get slot(): number {
    return this.#current!.slot
  }

  get hash(): Uint8Array {
    return this.#current!.hash
  }

  advance(): boolean | Promise<boolean> {
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources[i]!
      while (!this.#isOver[i] && (!this.#isBegun || source.end <= this.#end)) {
        const moved = source.advance()
        if (typeof moved !== 'boolean') return this.#resume(i, moved)
        if (!moved) this.#isOver[i] = true
        else if (!this.#isBegun) break
      }
    }
    this.#isBegun = true
    return this.#choose()
  }

  /** Waits for source `i`, then goes on with the sources behind it. */
  async #resume(i: number, moving: Promise<boolean>): Promise<boolean> {
    let moved: boolean | Promise<boolean> = moving
    for (let at = i; at < this.#sources.length; at++) {
      const source = this.#sources[at]!
      if (at > i) {
        if (this.#isOver[at] || (this.#isBegun && source.end > this.#end)) continue
        moved = source.advance()
      }
      for (;;) {
        if (!(await moved)) {
          this.#isOver[at] = true
          break
        }
        if (!this.#isBegun || source.end > this.#end) break
        moved = source.advance()
      }
    }
    this.#isBegun = true
    return this.#choose()
  }

  /** The next segment: of what begins first, the newest, up to where a newer one begins. */
  #choose(): boolean {
    let chosen: SegmentSource | undefined
    let start = Number.POSITIVE_INFINITY
    let end = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#sources.length; i++) {
      if (this.#isOver[i]) continue
      const source = this.#sources[i]!
      const from = Math.max(source.start, this.#end)
      if (from < start) {
        // begins before all newer ones, the first of which ends it
        end = Math.min(source.end, start)
        start = from
        chosen = source
      }
    }
    this.#current = chosen
    if (chosen === undefined) return false
    this.#start = start
    this.#end = end
    return true
  }
}
