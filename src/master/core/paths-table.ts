/**
 * The paths of all volumes as servers were told them, and what each is to be told next. Always true: a server that was
 * told the whole table, and every change since, has this table. Pure: who has the streams sends what comes out, in order.
 */
import type { VolumePaths } from '../../frontend/paths.ts'
import type { ToServer } from '../links.ts'
import { isSamePaths } from './volume-paths.ts'

export type PathsMessage = Extract<ToServer, { readonly kind: 'paths' }>

const VOLUMES_MAX = 256
/** Of names in one message, far below what a message may have: a volume may name thousands. */
const TEXT_MAX = 256 * 1024

export class PathsTable {
  readonly #told = new Map<string, VolumePaths>()
  readonly #changed = new Map<string, VolumePaths | null>()

  /** What is true of a volume now; null: hosts cannot have it. Nothing comes of it when it was told so. */
  note(volume: string, paths: VolumePaths | null): void {
    const told = this.#told.get(volume)
    const isKnown = paths === null ? told === undefined : told !== undefined && isSamePaths(told, paths)
    if (isKnown) this.#changed.delete(volume)
    else this.#changed.set(volume, paths)
  }

  /** Volumes that were told, or are about to be. */
  volumes(): Iterable<string> {
    return new Set([...this.#told.keys(), ...this.#changed.keys()])
  }

  /** What changed since the last call, for everybody who has the whole table; empty when nothing did. */
  takeChanges(): readonly PathsMessage[] {
    if (this.#changed.size === 0) return []
    const volumes: VolumePaths[] = []
    const removed: string[] = []
    for (const [volume, paths] of this.#changed) {
      if (paths === null) {
        this.#told.delete(volume)
        removed.push(volume)
      } else {
        this.#told.set(volume, paths)
        volumes.push(paths)
      }
    }
    this.#changed.clear()
    const messages: PathsMessage[] = []
    // the name of one that is gone may be that of a new one
    for (let at = 0; at < removed.length; at += VOLUMES_MAX) {
      messages.push({ ...message([]), removed: removed.slice(at, at + VOLUMES_MAX) })
    }
    return [...messages, ...chunksOf(volumes).map(message)]
  }

  /** All of it, for one who has nothing. Changes that were not taken yet are not in it, and follow. */
  whole(): readonly PathsMessage[] {
    const chunks = chunksOf([...this.#told.values()])
    if (chunks.length === 0) chunks.push([])
    return chunks.map((chunk, at) => ({
      ...message(chunk),
      isFirst: at === 0,
      isLast: at === chunks.length - 1,
    }))
  }
}

const message = (volumes: readonly VolumePaths[]): PathsMessage => ({
  kind: 'paths',
  isFirst: false,
  isLast: false,
  volumes,
  removed: [],
})

function chunksOf(all: readonly VolumePaths[]): VolumePaths[][] {
  const chunks: VolumePaths[][] = []
  let chunk: VolumePaths[] = []
  let text = 0
  for (const paths of all) {
    const more = lengthOf(paths.initiators) + lengthOf(paths.hosts)
    if (chunk.length === VOLUMES_MAX || (chunk.length > 0 && text + more > TEXT_MAX)) {
      chunks.push(chunk)
      chunk = []
      text = 0
    }
    chunk.push(paths)
    text += more
  }
  if (chunk.length > 0) chunks.push(chunk)
  return chunks
}

const lengthOf = (names: readonly string[] | null): number =>
  names === null ? 0 : names.reduce((sum, { length }) => sum + length, 0)
