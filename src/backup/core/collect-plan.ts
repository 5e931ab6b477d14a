/** Which packs a prune deletes or writes anew, given what the backups that stay use of them. */
import type { PackOfName } from './names.ts'

export interface PackObject {
  readonly name: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly pack: PackOfName
}

/** A pack in all the generations that there are. */
export interface PackUse {
  readonly objects: readonly PackObject[]
  /** Blocks of it that some backup has. */
  readonly liveBlocks: number
  /** Nodes of it that some backup's index has. */
  readonly liveNodes: number
}

export type PackFate =
  | { readonly kind: 'keep'; readonly superseded: readonly PackObject[] }
  | { readonly kind: 'delete'; readonly objects: readonly PackObject[] }
  | { readonly kind: 'rewrite'; readonly objects: readonly PackObject[] }

/**
 * What becomes of a pack. One of an upload under way stays whole, and so does one that is young: its backup may be about to
 * name it. One that nobody uses goes; one of which less than half is used is written anew without the rest; of one that was
 * written anew, the older generations go.
 */
export function fateOf(
  { objects, liveBlocks, liveNodes }: PackUse,
  rules: { readonly isUnderWay: boolean; readonly youngFromMs: number },
): PackFate {
  const newest = newestOf(objects)
  const isYoung = objects.some(({ modifiedMs }) => modifiedMs > rules.youngFromMs)
  if (rules.isUnderWay || isYoung || newest === undefined) return { kind: 'keep', superseded: [] }
  if (liveBlocks === 0 && liveNodes === 0) return { kind: 'delete', objects }
  if (newest.pack.span !== null && 2 * liveBlocks < newest.pack.blocks) return { kind: 'rewrite', objects }
  return { kind: 'keep', superseded: objects.filter((object) => object !== newest) }
}

/** The generation that is read. */
export function newestOf(objects: readonly PackObject[]): PackObject | undefined {
  return objects.reduce<PackObject | undefined>(
    (best, object) =>
      best === undefined ||
      object.pack.generation > best.pack.generation ||
      (object.pack.generation === best.pack.generation && object.name > best.name)
        ? object
        : best,
    undefined,
  )
}
