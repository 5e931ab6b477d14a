/**
 * From a disk at one moment to the disks that a crash at this moment may leave: with the page cache, and without
 * it in every subset of what was unsynced while there is little of it, else in the shapes that have found bugs
 * elsewhere (nothing, all, one missing, one alone, prefixes); and with the last write torn in every way that its
 * sectors allow to be told apart.
 */

import type { CrashKind } from '../sim/model.ts'
import { PAGE_BYTES } from '../sim/sparse-bytes.ts'
import type { Kept, Storage, UnsyncedChange } from '../sim/storage.ts'

export interface CrashState {
  /** What was kept, readable: the state's name within its snapshot. */
  readonly label: string
  readonly kind: CrashKind
  /** Builds the disk. */
  readonly build: () => Storage
}

/** Up to so many unsynced units every subset is tried. */
export interface StateLimits {
  readonly subsetsOf: number
  /** Whether single missing and single kept units and prefixes are tried where there are more. */
  readonly singles: boolean
  readonly tornShapes: readonly TornShape[]
}

type TornShape = 'first' | 'first-half' | 'all-but-last' | 'last' | 'all-but-first'

export const FULL_LIMITS: StateLimits = {
  subsetsOf: 6,
  singles: true,
  tornShapes: ['first', 'first-half', 'all-but-last', 'last', 'all-but-first'],
}

/** For crashes inside recovery, where the states multiply. */
export const REDUCED_LIMITS: StateLimits = {
  subsetsOf: 2,
  singles: false,
  tornShapes: ['first', 'all-but-first'],
}

const SECTOR_BYTES = 512

/**
 * All crash states of `storage`. `next` is the disk after the next effect: if that is a write, the process may have
 * died inside it.
 */
export function crashStates(storage: Storage, next: Storage | undefined, limits: StateLimits): CrashState[] {
  const unsynced = storage.unsynced()
  const states: CrashState[] = [
    { label: 'process', kind: 'process', build: () => storage.afterProcessCrash() },
    ...cutWrites(storage, next),
  ]
  for (const [label, kept] of subsets(unsynced.length, limits)) {
    states.push({
      label: `power ${label}`,
      kind: 'power',
      build: () => storage.afterPowerLoss((one) => (kept(unsynced.indexOf(one)) ? 'all' : 'none')),
    })
  }
  const last = unsynced[unsynced.length - 1]
  if (last?.kind !== 'content' || last.change.kind !== 'write') return states
  for (const shape of limits.tornShapes) {
    const part = tornPart(last, shape)
    if (part === undefined) continue
    for (const others of ['all', 'none'] as const) {
      states.push({
        label: `power others ${others}, last write torn: ${shape}`,
        kind: 'power',
        build: () => storage.afterPowerLoss((one) => (one === last ? part : others)),
      })
    }
  }
  return states
}

/** The process died inside the next write: a prefix of its pages is in the page cache. */
function cutWrites(storage: Storage, next: Storage | undefined): CrashState[] {
  const write = next?.unsynced().findLast((one) => one.order === storage.nextOrder)
  if (write?.kind !== 'content' || write.change.kind !== 'write') return []
  const { change, fileId, path } = write
  const pages = Math.floor(change.lengthBytes / PAGE_BYTES)
  return [...new Set([1, Math.floor(pages / 2), pages - 1])]
    .filter((count) => count > 0 && count < pages)
    .map((count) => ({
      label: `process, next write cut after ${count} pages`,
      kind: 'process',
      build: () => {
        const cut = storage.afterProcessCrash()
        const lengthBytes = count * PAGE_BYTES
        const data = change.data.subarray(0, lengthBytes)
        cut.apply(fileId, path, { ...change, lengthBytes, data, pages: new Map() })
        return cut
      },
    }))
}

type Selection = readonly [label: string, kept: (index: number) => boolean]

function* subsets(count: number, { subsetsOf, singles }: StateLimits): Generator<Selection> {
  if (count <= subsetsOf) {
    for (let mask = 0; mask < 2 ** count; mask++) {
      const names = [...Array(count).keys()].filter((i) => (mask >> i) & 1)
      yield [`keeps ${names.join(',') || 'nothing'} of ${count}`, (i) => ((mask >> i) & 1) === 1]
    }
    return
  }
  yield [`keeps nothing of ${count}`, () => false]
  yield [`keeps all of ${count}`, () => true]
  if (!singles) {
    yield [`keeps all but the last of ${count}`, (i) => i !== count - 1]
    yield [`keeps the last of ${count}`, (i) => i === count - 1]
    return
  }
  for (let one = 0; one < count; one++) {
    yield [`keeps all but ${one} of ${count}`, (i) => i !== one]
    yield [`keeps only ${one} of ${count}`, (i) => i === one]
    if (one > 0) yield [`keeps the first ${one} of ${count}`, (i) => i < one]
  }
}

function tornPart({ change }: UnsyncedChange, shape: TornShape): Kept | undefined {
  const start = change.offsetBytes
  const end = start + change.lengthBytes
  const sectors = Math.ceil(change.lengthBytes / SECTOR_BYTES)
  if (sectors < 2) return undefined
  const first = Math.min(end, start - (start % SECTOR_BYTES) + SECTOR_BYTES)
  switch (shape) {
    case 'first':
      return [[start, first]]
    case 'first-half':
      return [[start, start + Math.ceil(sectors / 2) * SECTOR_BYTES]]
    case 'all-but-last':
      return [[start, start + (sectors - 1) * SECTOR_BYTES]]
    case 'last':
      return [[start + (sectors - 1) * SECTOR_BYTES, end]]
    case 'all-but-first':
      return [[first, end]]
  }
}
