/**
 * The paths of the cluster's volumes as the master told them last, by the volumes' UUIDs and names. Pure. It may be old, and
 * that does no harm: what is served here is certain whatever it says, and a host that is sent to a server which no longer
 * serves is sent on from there.
 *
 * A new whole table takes the place of the old one volume by volume: what it does not name goes when it has ended, so that
 * a new stream to the master is not felt by hosts on paths that have not changed.
 */
import { isDeepStrictEqual } from 'node:util'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { ToServer } from '../../master/links.ts'

type PathsMessage = Extract<ToServer, { readonly kind: 'paths' }>

interface PathChange {
  readonly name: string
  /** What is known of that name now; undefined: nothing any more. */
  readonly paths: VolumePaths | undefined
}

export interface PathListener {
  readonly changed: (change: PathChange) => void
  /** `isWhole` is another now. */
  readonly whole: (isWhole: boolean) => void
}

export class PathTable {
  readonly #byVolume = new Map<string, VolumePaths>()
  readonly #byName = new Map<string, VolumePaths>()
  readonly #listeners = new Set<PathListener>()
  /** Volumes that the whole table under way has named; undefined while none is under way. */
  #named: Set<string> | undefined
  #isWhole = false

  /** Every volume of the cluster is here: another name is that of no volume. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  get(name: string): VolumePaths | undefined {
    return this.#byName.get(name)
  }

  all(): Iterable<VolumePaths> {
    return this.#byVolume.values()
  }

  apply({ isFirst, isLast, volumes, removed }: Omit<PathsMessage, 'kind'>): void {
    if (isFirst) {
      this.#named = new Set()
      this.#setWhole(false)
    }
    // a name may be another volume's in the same message
    const before = new Map<string, VolumePaths | undefined>()
    for (const volume of removed) this.#forget(volume, before)
    for (const paths of volumes) this.#learn(paths, before)
    const named = isLast ? this.#named : undefined
    if (named !== undefined) {
      for (const volume of [...this.#byVolume.keys()]) {
        if (!named.has(volume)) this.#forget(volume, before)
      }
      this.#named = undefined
    }
    for (const [name, was] of before) {
      const paths = this.#byName.get(name)
      if (!isDeepStrictEqual(was, paths)) this.#tell(({ changed }) => changed({ name, paths }))
    }
    if (named !== undefined) this.#setWhole(true)
  }

  /** The master is not heard any more: volumes may be made that are not told here. What is known stays. */
  interrupted(): void {
    this.#named = undefined
    this.#setWhole(false)
  }

  /** Returns the call that ends it. */
  subscribe(listener: PathListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #learn(paths: VolumePaths, before: Map<string, VolumePaths | undefined>): void {
    const { volume, name } = paths
    this.#named?.add(volume)
    const namesake = this.#byName.get(name)
    const known = this.#byVolume.get(volume)
    // the newer word counts: a name has one volume, and a volume one name
    if (namesake !== undefined && namesake.volume !== volume) this.#forget(namesake.volume, before)
    if (known !== undefined && known.name !== name) this.#forget(volume, before)
    if (!before.has(name)) before.set(name, this.#byName.get(name))
    this.#byVolume.set(volume, paths)
    this.#byName.set(name, paths)
  }

  #forget(volume: string, before: Map<string, VolumePaths | undefined>): void {
    const known = this.#byVolume.get(volume)
    if (known === undefined) return
    if (!before.has(known.name)) before.set(known.name, known)
    this.#byVolume.delete(volume)
    this.#byName.delete(known.name)
  }

  #setWhole(isWhole: boolean): void {
    if (this.#isWhole === isWhole) return
    this.#isWhole = isWhole
    this.#tell((listener) => listener.whole(isWhole))
  }

  #tell(tell: (listener: PathListener) => void): void {
    for (const listener of [...this.#listeners]) tell(listener)
  }
}
