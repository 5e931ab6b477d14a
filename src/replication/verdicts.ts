/**
 * What follows from the entries that replicas have of one block, all as of one LSN that each has flushed: the greatest LSN is
 * the newest version, and who has less has lost a write. Two contents of one LSN cannot both be right.
 */
import { type BlockEntry, isSameContent } from '../blockvol/compare/page-entries.ts'

export type Verdict =
  | { readonly kind: 'same' }
  /** These sides, by their places, have to become `best`. */
  | { readonly kind: 'behind'; readonly best: BlockEntry; readonly sides: readonly number[] }
  /** Versions of the greatest LSN that differ, each with the sides that have it. */
  | { readonly kind: 'conflict'; readonly variants: readonly Variant[] }

export interface Variant {
  readonly entry: BlockEntry
  readonly sides: readonly number[]
}

const SAME: Verdict = { kind: 'same' }

/** `sides`: the primary's entry is the first. */
export function judge(sides: readonly BlockEntry[]): Verdict {
  const [own] = sides
  // what the primary has now is too new to be held against anything
  if (own === undefined || own.kind === 'newer') return SAME
  if (sides.every((entry) => entry.kind === 'newer' || isSameContent(entry, own))) return SAME
  const known = sides.filter(({ kind }) => kind === 'data' || kind === 'zeros')
  if (known.length === 0) return SAME
  const greatest = known.reduce((most, { lsn }) => Math.max(most, lsn), 0)
  const variants: { entry: BlockEntry; sides: number[] }[] = []
  for (const [i, entry] of sides.entries()) {
    if (entry.lsn !== greatest || (entry.kind !== 'data' && entry.kind !== 'zeros')) continue
    const variant = variants.find((one) => isSameContent(one.entry, entry))
    if (variant === undefined) variants.push({ entry, sides: [i] })
    else variant.sides.push(i)
  }
  if (variants.length > 1) return { kind: 'conflict', variants }
  const best = variants[0]!.entry
  const behind = sides.flatMap((entry, i) =>
    entry.kind === 'newer' || isSameContent(entry, best) ? [] : [i],
  )
  return behind.length === 0 ? SAME : { kind: 'behind', best, sides: behind }
}
