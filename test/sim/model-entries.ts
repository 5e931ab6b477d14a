/** What the oracle's histories consist of: operations of clients, and the entries that they become. */

/** What changes a run of sectors. */
export type OperationKind = 'write' | 'zero' | 'pattern'
/** What changes a volume as a whole. */
export type WholeKind = 'snapshot' | 'snapshotDelete' | 'restore' | 'resize'

/** One mutation that a client asked for. */
export interface Operation {
  readonly id: number
  readonly kind: OperationKind | WholeKind
  readonly firstSector: number
  readonly sectors: number
  readonly fua: boolean
  /** Runs of sectors that become entries, in the order in which they will be admitted. */
  readonly parts: readonly Run[]
  /** Of a change of the whole volume: what it gives which cell, as of the moment of its admission. */
  readonly values?: () => ReadonlyMap<number, number>
  readonly entries: Entry[]
  readonly begunAt: number
  acknowledgedAt: number
  failedAt: number
}

interface Run {
  readonly firstSector: number
  readonly endSector: number
}

export interface Entry extends Run {
  /** Place in the order of entries, from 0. */
  readonly index: number
  /** Of every sector of the run, unless `values` says what each cell gets. */
  readonly value: number
  readonly values: ReadonlyMap<number, number> | undefined
  /** It zeroes what holds zeros: the device need not write an entry for it. */
  readonly isVoid: boolean
  readonly operation: Operation
  readonly admittedAt: number
  /** Acknowledged, or seen by a read. */
  knownAt: number
  durableAt: number
}

/** Stands for the content of a sector that cannot be read: it may be any that the sector ever had. */
export const UNREADABLE = -1

/** What a look at the volume broke. */
export class ModelViolation extends Error {
  override readonly name = 'ModelViolation'
}

export const NEVER = Number.POSITIVE_INFINITY
const BLOCK_SECTORS = 8

/** Visits what the entry changes: sectors, and below 0 what stands for the size, and the existence of a snapshot each. */
export function eachCell(entry: Entry, visit: (cell: number, value: number) => void): void {
  const { firstSector, endSector, value, values } = entry
  if (values === undefined) for (let sector = firstSector; sector < endSector; sector++) visit(sector, value)
  else for (const [cell, one] of values) visit(cell, one)
}

/** What the entry gives one of its cells. */
export const valueIn = ({ value, values }: Entry, cell: number): number =>
  values === undefined ? value : (values.get(cell) ?? 0)

/** Data is split at the greatest entry; a write that begins or ends inside a block makes whole blocks of it. */
export function writeParts(firstSector: number, sectors: number, entryBlocksMax: number): Run[] {
  const end = firstSector + sectors
  const runs: Run[] = []
  const step = entryBlocksMax * BLOCK_SECTORS
  const firstBlockSector = firstSector - (firstSector % BLOCK_SECTORS)
  for (let at = firstBlockSector; at < end; at += step) {
    runs.push({ firstSector: Math.max(at, firstSector), endSector: Math.min(at + step, end) })
  }
  return runs
}

/** Ranges are split into the part of a first block, whole blocks, and the part of a last block. */
export function rangeParts(firstSector: number, sectors: number): Run[] {
  const end = firstSector + sectors
  const first = Math.ceil(firstSector / BLOCK_SECTORS) * BLOCK_SECTORS
  const last = end - (end % BLOCK_SECTORS)
  if (first > last || (first === last && sectors < BLOCK_SECTORS)) return [{ firstSector, endSector: end }]
  const runs = [
    { firstSector, endSector: first },
    { firstSector: first, endSector: last },
    { firstSector: last, endSector: end },
  ]
  return runs.filter((run) => run.firstSector < run.endSector)
}

export function describeEntry({ operation, ...entry }: Entry): string {
  const { id, kind, firstSector, sectors, parts } = operation
  const part = operation.entries.findIndex((one) => one.index === entry.index) + 1
  return `operation ${id} (${kind} of ${sectors} sectors at ${firstSector}, part ${part} of ${parts.length})`
}
