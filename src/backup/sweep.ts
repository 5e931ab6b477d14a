/** Walks several images at once, which share most of their runs, and tells of each stored block that is seen in any of them. */
import type { NodeReference } from './core/directory-node.ts'
import type { Run } from './core/manifest.ts'
import type { PackReader } from './pack-reader.ts'
import type { FrameCodec } from './ports.ts'
import { RunCursor } from './run-cursor.ts'

/** Runs of an image, oldest first. */
export type Image = readonly Run[]

export interface SweepOptions {
  readonly reader: PackReader
  readonly codec: FrameCodec
  readonly images: readonly Image[]
  /** Called for each version of each block that an image has, ascending by block, once whatever the number of images. */
  readonly onBlock: (at: RunCursor) => void
  /** Called for each node of each run. */
  readonly onNode?: (node: NodeReference) => void
}

export async function sweep({ reader, codec, images, onBlock, onNode }: SweepOptions): Promise<void> {
  const numbers = new Map<string, number>()
  const cursors: RunCursor[] = []
  const visitor = { node: (node: NodeReference) => onNode?.(node) }
  const numbered = images.map((runs) =>
    runs.map((run) => {
      const key = `${run.root.pack} ${run.root.frame}`
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, cursors.length)
      return cursors.push(new RunCursor({ reader, codec, run, visitor })) - 1
    }),
  )
  // newest first
  for (const list of numbered) list.reverse()
  const starts = new Float64Array(cursors.length)
  const ends = new Float64Array(cursors.length)
  const advance = async (i: number): Promise<void> => {
    const cursor = cursors[i]!
    const moved = cursor.advance()
    const isThere = typeof moved === 'boolean' ? moved : await moved
    starts[i] = isThere ? cursor.start : Number.POSITIVE_INFINITY
    ends[i] = isThere ? cursor.end : Number.POSITIVE_INFINITY
  }
  for (let i = 0; i < cursors.length; i++) await advance(i)
  const seen = new Uint8Array(cursors.length)
  const told: RunCursor[] = []
  let position = 0
  for (;;) {
    let block = Number.POSITIVE_INFINITY
    for (let i = 0; i < starts.length; i++) block = Math.min(block, Math.max(starts[i]!, position))
    if (block === Number.POSITIVE_INFINITY) return
    seen.fill(0)
    for (const list of numbered) {
      // the newest run of an image that tells of the block hides the others
      const newest = list.find((i) => starts[i]! <= block)
      if (newest !== undefined) seen[newest] = 1
    }
    position = Number.POSITIVE_INFINITY
    told.length = 0
    for (let i = 0; i < starts.length; i++) {
      if (starts[i]! > block) {
        position = Math.min(position, starts[i]!)
        continue
      }
      const cursor = cursors[i]!
      position = Math.min(position, ends[i]!)
      if (seen[i] !== 1 || cursor.isHole) continue
      // a run that others were merged into has the same record as they
      const isTold = told.some(
        (other) => other.pack === cursor.pack && other.frame === cursor.frame && other.slot === cursor.slot,
      )
      if (isTold) continue
      told.push(cursor)
      onBlock(cursor)
    }
    for (let i = 0; i < starts.length; i++)
      while (ends[i]! <= position && starts[i]! < Number.POSITIVE_INFINITY) await advance(i)
  }
}
