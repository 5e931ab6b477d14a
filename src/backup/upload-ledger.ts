/**
 * Packs of a backup on their way: a few at a time, and looked at in a listing before anything is said to be stored, so that an
 * upload which was answered well and is not there, or is shorter, is found before a manifest names it.
 */
import { packName } from './core/names.ts'
import { corrupt, type Objects } from './objects.ts'

const PUTS_AT_ONCE = 4
/** Packs that are looked at together: half a page of a listing, for another attempt may have left some between. */
const CHECKED_TOGETHER = 500

export class UploadLedger {
  readonly #objects: Objects
  readonly #prefix: string
  readonly #pending = new Set<Promise<void>>()
  readonly #expected = new Map<string, number>()
  #failure: { readonly error: unknown } | undefined

  constructor(objects: Objects, options: { readonly volume: string; readonly backup: string }) {
    this.#objects = objects
    this.#prefix = packName(options.volume, `${options.backup}/`)
  }

  /** Resolves when the upload has begun, having waited for an earlier one to end. Throws what an earlier one failed with. */
  async put(name: string, object: Uint8Array): Promise<void> {
    while (this.#pending.size >= PUTS_AT_ONCE) await Promise.race(this.#pending)
    this.#throwFailure()
    const upload: Promise<void> = this.#objects.put(name, object).then(
      () => {
        this.#expected.set(name, object.byteLength)
        this.#pending.delete(upload)
      },
      (error: unknown) => {
        this.#failure ??= { error }
        this.#pending.delete(upload)
      },
    )
    this.#pending.add(upload)
    if (this.#expected.size >= CHECKED_TOGETHER) await this.settle()
  }

  /** Resolves when everything that was put is there, in its length. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending)
    this.#throwFailure()
    const names = [...this.#expected.keys()].sort()
    const first = names[0]
    const last = names.at(-1)
    if (first === undefined || last === undefined) return
    for await (const { name, sizeBytes } of this.#objects.list(this.#prefix, first.slice(0, -1))) {
      if (name > last) break
      const expected = this.#expected.get(name)
      if (expected === undefined) continue
      if (expected !== sizeBytes) {
        throw corrupt(name, `it was stored with ${sizeBytes} bytes, and has ${expected}`)
      }
      this.#expected.delete(name)
    }
    const [missing] = this.#expected.keys()
    if (missing !== undefined) throw corrupt(missing, 'it was stored, and is not there')
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
