/** One replica's stored content, read on its machine. */
import { createHash } from 'node:crypto'
import { BLOCK_BYTES, MIB } from '../../../src/base/units.ts'
import type { ReplicaFolder } from './replica-folder.ts'
import { isWhole, placeOf, readMap, type StoredBlock, windowsOf } from './stored-blocks.ts'

/** Of one reading; files are a multiple of it. */
const WINDOW_BLOCKS = (4 * MIB) / BLOCK_BYTES

export interface StoredReplica {
  /** SHA-1 of the content of each block that has some. */
  readonly sums: ReadonlyMap<number, string>
  /** Blocks whose content is not what their map entry says, or not known. */
  readonly damaged: readonly number[]
}

export async function storedBlocks(
  folder: ReplicaFolder,
): Promise<{ blocks: readonly StoredBlock[]; unknown: readonly number[] }> {
  const maps = []
  for (const segment of await folder.segments()) {
    const path = `${folder.extentsPath(segment)}.map`
    maps.push(readMap(await folder.read(path, 0, await folder.sizeBytes(path)), segment))
  }
  return { blocks: maps.flatMap(({ blocks }) => blocks), unknown: maps.flatMap(({ unknown }) => unknown) }
}

export async function readContent(
  folder: ReplicaFolder,
  blocks: readonly StoredBlock[],
  each: (block: StoredBlock, content: Uint8Array) => void,
): Promise<void> {
  for (const window of windowsOf(blocks, WINDOW_BLOCKS)) {
    const first = window[0]!.block
    const count = window.at(-1)!.block - first + 1
    const { segment, offsetBytes } = placeOf(first)
    const bytes = await folder.read(folder.extentsPath(segment), offsetBytes, count * BLOCK_BYTES)
    for (const one of window) {
      const at = (one.block - first) * BLOCK_BYTES
      each(one, bytes.subarray(at, at + BLOCK_BYTES))
    }
  }
}

export async function readReplica(folder: ReplicaFolder): Promise<StoredReplica> {
  const { blocks, unknown } = await storedBlocks(folder)
  const sums = new Map<number, string>()
  const damaged = [...unknown]
  await readContent(folder, blocks, (block, content) => {
    if (!isWhole(block, content)) damaged.push(block.block)
    sums.set(block.block, createHash('sha1').update(content).digest('hex'))
  })
  return { sums, damaged }
}

/** A sentence for each block that differs, at most `max`, and how many blocks were compared. */
export function compareStored(
  replicas: readonly { readonly name: string; readonly stored: StoredReplica }[],
  max: number,
): { readonly blocks: number; readonly differences: readonly string[] } {
  const differences: string[] = []
  const all = new Set<number>()
  const zeros = createHash('sha1').update(new Uint8Array(BLOCK_BYTES)).digest('hex')
  for (const { name, stored } of replicas) {
    for (const block of stored.sums.keys()) all.add(block)
    for (const block of stored.damaged)
      differences.push(`byte ${block * BLOCK_BYTES} of ${name} is not what its checksum says`)
  }
  const [first, ...others] = replicas
  for (const block of all) {
    const sum = first?.stored.sums.get(block) ?? zeros
    for (const { name, stored } of others) {
      if ((stored.sums.get(block) ?? zeros) === sum) continue
      differences.push(`byte ${block * BLOCK_BYTES} of ${name} is not that of ${first?.name}`)
    }
  }
  return { blocks: all.size, differences: differences.slice(0, max) }
}
