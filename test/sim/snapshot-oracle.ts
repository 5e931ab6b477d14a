/**
 * The oracle of a volume's snapshots.
 *
 * A snapshot is an entry like a write: where it is admitted it takes all that was admitted before, whole, and nothing later. From
 * then on its content never changes, whatever is written, trimmed, flushed, crashed, or deleted beside it. A crash keeps it or
 * loses it in its place among the entries: with all before it, and not without; once its making was acknowledged it stays. The
 * same for its deletion, and for the volume's return to it, which is one change of every sector.
 *
 * One id may be made more than once: who got no answer asks again, and where the end of a history was lost, that is done at
 * another place of another history, with other content; and a later loss may bring the first one back. So each making has a
 * number, and a snapshot that is found must have the place in the history, epoch and LSN, of one of them: it is that one.
 *
 * For the model, which making of a snapshot exists is one more cell that entries change: numbers below 0 have the number of
 * the making, 0 when there is none.
 */
import type { ImageIdentity } from '../../src/base/ports/image.ts'
import type { SnapshotInfo } from '../../src/base/ports/snapshots.ts'
import { placeOf } from './content.ts'
import { type Entry, ModelViolation, type Operation, UNREADABLE, type WholeKind } from './model-entries.ts'

const BLOCK_SECTORS = 8
/** By how many bytes the volume has grown. */
const GROWTH_CELL = -1

/** The model, as far as snapshots go. */
interface Entries {
  readonly now: number
  readonly touchedSectors: number[]
  beginWhole(kind: WholeKind, values: () => ReadonlyMap<number, number>): Operation
  acknowledged(operation: Operation): void
  shown(entry: Entry, isDurable: boolean): void
  settled(): Map<number, number>
  settledValue(sector: number): number
  isTouched(sector: number): boolean
  wasEver(sector: number, value: number): boolean
  describe(sector: number): string
}

/** Where in all histories a snapshot was made. */
export type SnapshotPlace = Pick<ImageIdentity, 'epochId' | 'lsn'>

/** A snapshot as it is found after an opening. */
export interface FoundSnapshot {
  readonly info: SnapshotInfo
  readonly place: SnapshotPlace
}

/** One that was admitted. */
interface Known {
  readonly id: bigint
  readonly name: string
  readonly cell: number
  /** Of the making, from 1 on for each id. */
  readonly number: number
  readonly place: SnapshotPlace
  /** Moment of the admission: their order. */
  readonly madeAt: number
  /** What each sector holds; those that are missing hold zeros. */
  content: ReadonlyMap<number, number>
  /** Undefined when it was there when the history began. */
  making: Operation | undefined
  deletion: Operation | undefined
  /** As it was first seen. */
  info: SnapshotInfo | undefined
}

export class SnapshotOracle {
  readonly #model: Entries
  /** Each id that was ever asked for, and what was admitted for it, in this history and in those before. */
  readonly #ever: Map<bigint, { readonly cell: number; readonly made: Known[] }>
  readonly #known: Map<bigint, Known>

  /** `after`: of the history that this one goes on from, to be rebased. */
  constructor(model: Entries, after: SnapshotOracle | undefined) {
    this.#model = model
    this.#ever = after === undefined ? new Map() : after.#ever
    this.#known = new Map()
    if (after !== undefined) for (const [id, known] of after.#known) this.#known.set(id, { ...known })
  }

  /** Those that somebody may ask for. */
  get ids(): bigint[] {
    return [...this.#known.values()].filter(({ deletion }) => deletion === undefined).map(({ id }) => id)
  }

  /** Its making was acknowledged, and its deletion was not begun. */
  mustBe(id: bigint): boolean {
    const known = this.#known.get(id)
    if (known === undefined || known.deletion !== undefined) return false
    return known.making === undefined || isOver(known.making)
  }

  /** A client is about to ask for a snapshot. `placeOfNext`: of the entry that is being admitted. */
  beginMaking(id: bigint, name: string, placeOfNext: () => SnapshotPlace): Operation {
    const { cell, made } = this.#everOf(id)
    const making: Operation = this.#model.beginWhole('snapshot', () => {
      const known: Known = {
        ...{ id, name, cell, number: made.length + 1, place: placeOfNext(), madeAt: this.#model.now },
        ...{ content: this.#model.settled(), making, deletion: undefined, info: undefined },
      }
      this.#known.set(id, known)
      made.push(known)
      return new Map([[cell, known.number]])
    })
    return making
  }

  beginDeletion(id: bigint): Operation {
    const { cell } = this.#everOf(id)
    const deletion: Operation = this.#model.beginWhole('snapshotDelete', () => {
      const known = this.#known.get(id)
      if (known !== undefined) known.deletion ??= deletion
      return new Map([[cell, 0]])
    })
    return deletion
  }

  /** The volume is to be as the snapshot. */
  beginRestore(id: bigint): Operation {
    return this.#model.beginWhole('restore', () => {
      const { content } = this.#expectKnown(id, 'was restored')
      const values = new Map<number, number>()
      for (const sector of this.#model.touchedSectors) {
        const value = content.get(sector) ?? 0
        const isSame = !this.#model.isTouched(sector) && this.#model.settledValue(sector) === value
        if (!isSame) values.set(sector, value)
      }
      return values
    })
  }

  /** The volume is to be as much larger than it was at first. */
  beginGrowth(growthBytes: number): Operation {
    return this.#model.beginWhole('resize', () => new Map([[GROWTH_CELL, growthBytes]]))
  }

  /** The client was told that this is what was made. */
  judgeMade(info: SnapshotInfo): void {
    const known = this.#ever.get(info.id)?.made.findLast(({ place }) => place.lsn === info.lsn)
    if (known === undefined)
      throw new ModelViolation(`${info.name} is told as made at LSN ${info.lsn}, and was not`)
    this.#judgeInfo(known, info)
  }

  /** The client was told that it is so; nothing was admitted when it was so already. */
  acknowledged(operation: Operation, id: bigint): void {
    if (operation.entries.length > 0) {
      this.#model.acknowledged(operation)
      return
    }
    const known = this.#known.get(id)
    // what was done since it was asked for says nothing of how it was then
    const isSince = (other: Operation | undefined): boolean =>
      (other?.entries[0]?.admittedAt ?? 0) > operation.begunAt
    const isGone = known === undefined || (known.deletion !== undefined && !isSince(known.deletion))
    if (operation.kind === 'snapshot' && isGone)
      throw new ModelViolation(`the making of ${nameOf(id)} was acknowledged, and nothing was done`)
    const isThere = known !== undefined && known.deletion === undefined && !isSince(known.making)
    if (operation.kind === 'snapshotDelete' && isThere)
      throw new ModelViolation(`the deletion of ${known.name} was acknowledged, and nothing was done`)
    if (operation.kind === 'restore')
      throw new ModelViolation(`a return to ${nameOf(id)} was acknowledged, and nothing was done`)
    const earlier = operation.kind === 'snapshot' ? known?.making : known?.deletion
    const entry = earlier?.entries[0]
    if (entry !== undefined) this.#model.shown(entry, true)
  }

  /** Judges a list that a volume gives while it serves. */
  judgeList(list: readonly SnapshotInfo[]): void {
    const listed = new Set(list.map(({ id }) => id))
    let before: Known | undefined
    for (const info of list) {
      const known = this.#expectKnown(info.id, 'is listed')
      if (isOver(known.deletion)) throw new ModelViolation(`${known.name} is listed, and was deleted`)
      this.#judgeInfo(known, info)
      const isInOrder =
        before === undefined || (before.madeAt < known.madeAt && before.info!.lsn < known.info!.lsn)
      if (!isInOrder) throw new ModelViolation(`${before?.name} is listed before ${known.name}`)
      before = known
    }
    for (const { id, name } of this.#known.values()) {
      if (this.mustBe(id) && !listed.has(id)) throw new ModelViolation(`${name} is not listed`)
    }
  }

  /** `values` with the cells of snapshots as this list has them, and that of the size, for `judgeCrash` and `rebase`. */
  found(
    list: readonly FoundSnapshot[],
    values: (sector: number) => number,
    growthBytes = 0,
  ): (cell: number) => number {
    const cells = new Map<number, number>()
    for (const { info, place } of list) {
      const ever = this.#ever.get(info.id)
      if (ever === undefined) throw new ModelViolation(`${info.name} is listed, and nobody asked for it`)
      const known = ever.made.find((one) => isSamePlace(one.place, place))
      if (known === undefined)
        throw new ModelViolation(`${info.name} is listed, and nobody made it at ${show(place)}`)
      this.#judgeInfo(known, info)
      cells.set(known.cell, known.number)
    }
    return (cell) => {
      if (cell >= 0) return values(cell)
      return cell === GROWTH_CELL ? growthBytes : (cells.get(cell) ?? 0)
    }
  }

  /**
   * Judges sectors that were read of a snapshot. `isAny`: what it holds cannot be known any more, but no sector has what it never
   * had.
   */
  judgeRead(id: bigint, firstSector: number, values: ArrayLike<number>, isAny = false): void {
    const known = this.#expectKnown(id, 'was read')
    for (let i = 0; i < values.length; i++) {
      const sector = firstSector + i
      const held = known.content.get(sector) ?? 0
      const value = values[i]!
      const isOpen = isAny || held === UNREADABLE
      if (value === held || value === UNREADABLE || (isOpen && this.#model.wasEver(sector, value))) continue
      throw new ModelViolation(
        `${known.name} has operation ${value} at ${placeOf(sector)}, and was made when there was operation ${held}; its ` +
          `entries: ${this.#model.describe(sector)}`,
      )
    }
    const entry = known.making?.entries[0]
    if (entry !== undefined) this.#model.shown(entry, false)
  }

  /**
   * Judges the blocks of [fromBlock, endBlock) that an image says were changed since an older snapshot (null: ever): each that
   * differs must be among them.
   */
  judgeChanged(
    id: bigint,
    sinceId: bigint | null,
    range: { readonly fromBlock: number; readonly endBlock: number },
    blocks: ReadonlySet<number>,
  ): void {
    const known = this.#expectKnown(id, 'was asked for its changes')
    const since = sinceId === null ? undefined : this.#expectKnown(sinceId, 'was compared with')
    for (const sector of new Set([...known.content.keys(), ...(since?.content.keys() ?? [])])) {
      const block = Math.floor(sector / BLOCK_SECTORS)
      if (block < range.fromBlock || block >= range.endBlock || blocks.has(block)) continue
      const [value, before] = [known.content.get(sector) ?? 0, since?.content.get(sector) ?? 0]
      if (value === before || value === UNREADABLE || before === UNREADABLE) continue
      throw new ModelViolation(
        `${known.name} differs from ${since?.name ?? 'nothing'} at ${placeOf(sector)}, which it does not tell`,
      )
    }
  }

  /** What the snapshot is known to hold now, where that was lost. */
  learn(id: bigint, content: ReadonlyMap<number, number>): void {
    this.#expectKnown(id, 'was read').content = content
  }

  /** A crash was recovered from; `values` are those of `found`. */
  rebase(values: (cell: number) => number): void {
    for (const [id, { cell, made }] of this.#ever) {
      const number = values(cell)
      const known = made[number - 1]
      this.#known.delete(id)
      if (known === undefined) continue
      // where the end of a history was lost, a deletion may be, and a later making
      const rebased = { ...known, making: undefined, deletion: undefined }
      this.#known.set(id, rebased)
      made[number - 1] = rebased
    }
  }

  /** Whose existence the cell stands for. */
  nameOf(cell: number): string {
    for (const [id, one] of this.#ever) if (one.cell === cell) return one.made.at(-1)?.name ?? nameOf(id)
    return 'the size'
  }

  #everOf(id: bigint): { readonly cell: number; readonly made: Known[] } {
    const ever = this.#ever.get(id) ?? { cell: GROWTH_CELL - 1 - this.#ever.size, made: [] }
    this.#ever.set(id, ever)
    return ever
  }

  #expectKnown(id: bigint, what: string): Known {
    const known = this.#known.get(id)
    if (known === undefined) throw new ModelViolation(`${nameOf(id)} ${what}, and was never made`)
    return known
  }

  #judgeInfo(known: Known, info: SnapshotInfo): void {
    known.info ??= info
    const { name, lsn, sizeBytes, createdWallMs } = known.info
    const isSame =
      info.name === known.name &&
      info.name === name &&
      info.lsn === known.place.lsn &&
      info.lsn === lsn &&
      info.sizeBytes === sizeBytes &&
      info.createdWallMs === createdWallMs
    if (isSame) return
    const was = show({ ...known.info, ...known.place })
    throw new ModelViolation(`${known.name} is not what it was: ${show(info)}, not ${was}`)
  }
}

/** It was acknowledged. */
const isOver = (operation: Operation | undefined): boolean =>
  operation !== undefined && Number.isFinite(operation.acknowledgedAt)

const nameOf = (id: bigint): string => `snapshot ${id.toString(16).padStart(16, '0')}`

const isSamePlace = (a: SnapshotPlace, b: SnapshotPlace): boolean =>
  a.epochId === b.epochId && a.lsn === b.lsn

const show = (what: Partial<SnapshotInfo> | SnapshotPlace): string => {
  const { id: _, ...shown } = { id: 0n, ...what }
  return JSON.stringify(shown)
}
