/**
 * The oracle of one volume: what its sectors may hold, given what its clients did and were told.
 *
 * # What is allowed
 *
 * A change of content is an *entry*: a run of sectors that one operation gives one value (0 for zeros). The device
 * calls `admit` where an entry gets its place in the log, so the order of these calls is the order of entries, and
 * an operation that the device splits has several. In that order:
 *
 * - A **read** returns, per sector, the value of an entry that was admitted before the read ended, not older than
 *   the newest one acknowledged, or returned by another read, before this read began.
 * - After a **crash of the process** the volume is as after some prefix of the entries: at least all that were
 *   acknowledged or seen by a read.
 * - After a **power loss** as well: at least all that were acknowledged before a flush began that succeeded, or
 *   written with FUA and acknowledged.
 * - What a crash took never comes back: the recovered content is where the next history starts.
 *
 * The contract with hosts would allow each block on its own to be older or newer; that the whole volume is a prefix
 * is what the log promises on top (no entry without all before it), and replicas rely on it. An entry is kept or
 * lost as a whole.
 *
 * **Snapshots** have their places among the entries too, and so has a volume's return to one, which gives each of its sectors
 * the value that the snapshot has; `snapshot-oracle.ts` says what they are.
 *
 * Moments are numbers that rise with every event, so that one recorded run can be judged as of each of them.
 */
import { assert } from '../../src/base/assert.ts'
import { placeOf } from './content.ts'
import {
  describeEntry,
  type Entry,
  eachCell,
  ModelViolation,
  NEVER,
  type Operation,
  type OperationKind,
  rangeParts,
  UNREADABLE,
  valueIn,
  type WholeKind,
  writeParts,
} from './model-entries.ts'
import { SnapshotOracle } from './snapshot-oracle.ts'

export { ModelViolation, type Operation, type OperationKind, UNREADABLE } from './model-entries.ts'
export type CrashKind = 'process' | 'power'

export class VolumeModel {
  readonly #entryBlocksMax: number
  #now = 1
  #lastId = 0
  #entries: Entry[] = []
  #operations = new Map<number, Operation>()
  /** Entries that touch a sector, in order. */
  #bySector = new Map<number, Entry[]>()
  /** Content before the first entry; sectors that are missing hold zeros. */
  #base = new Map<number, number>()
  /** Per sector, the greatest index that a completed read returned or a completed write has. */
  #floor = new Map<number, number>()
  /** Every value that a sector ever had. */
  #past = new Map<number, Set<number>>()
  /** The moment at which the last write was admitted, or whatever else hosts change blocks by. */
  writtenAt = 0
  /** What the volume's snapshots are. */
  readonly snapshots: SnapshotOracle

  /**
   * `entryBlocksMax`: longest entry of data that the volume's log takes; longer writes are split. `after`: the history that
   * this one goes on from.
   */
  constructor(options: { entryBlocksMax: number; after?: VolumeModel | undefined }) {
    this.#entryBlocksMax = options.entryBlocksMax
    this.snapshots = new SnapshotOracle(this, options.after?.snapshots)
    if (options.after === undefined) return
    this.#now = options.after.#now
    this.#lastId = options.after.#lastId
    this.#past = options.after.#past
  }

  /** The volume holds this at first, and zeros everywhere else. */
  beginWith(content: ReadonlyMap<number, number>): void {
    for (const [sector, value] of content) {
      this.#base.set(sector, value)
      this.#past.set(sector, new Set([value]))
    }
  }

  /** The moment of the last event. */
  get now(): number {
    return this.#now
  }

  /** An event that the model itself does not know; returns its moment. */
  tick(): number {
    return ++this.#now
  }

  /** Entries that were acknowledged, or seen by a read. */
  get knownEntries(): number {
    return this.#entries.filter((entry) => entry.knownAt <= this.#now && !entry.isVoid).length
  }

  /** Sectors that any operation touched, ever. */
  get touchedSectors(): number[] {
    return [...this.#past.keys()].filter((cell) => cell >= 0)
  }

  /**
   * A client is about to ask for a change. Its id is the value that it will write, unless that is zeros; `id` when the
   * content has been made already.
   */
  begin(
    kind: OperationKind,
    range: { firstSector: number; sectors: number; fua?: boolean },
    id?: number,
  ): Operation {
    this.#now++
    const { firstSector, sectors } = range
    const operation: Operation = {
      id: id ?? ++this.#lastId,
      kind,
      firstSector,
      sectors,
      fua: range.fua ?? false,
      parts:
        kind === 'write'
          ? writeParts(firstSector, sectors, this.#entryBlocksMax)
          : rangeParts(firstSector, sectors),
      entries: [],
      begunAt: this.#now,
      acknowledgedAt: NEVER,
      failedAt: NEVER,
    }
    this.#operations.set(operation.id, operation)
    return operation
  }

  /**
   * As `begin`, of a change that is one entry and gives cells values of their own, which are asked for when it is admitted. It is
   * durable when it is acknowledged.
   */
  beginWhole(kind: WholeKind, values: () => ReadonlyMap<number, number>): Operation {
    this.#now++
    const operation: Operation = {
      id: ++this.#lastId,
      kind,
      firstSector: 0,
      sectors: 0,
      fua: true,
      parts: [{ firstSector: 0, endSector: 0 }],
      values,
      entries: [],
      begunAt: this.#now,
      acknowledgedAt: NEVER,
      failedAt: NEVER,
    }
    this.#operations.set(operation.id, operation)
    return operation
  }

  /** The device gave the next part of the operation its place among the entries. */
  admitted(operation: Operation): void {
    this.#now++
    const part = operation.parts[operation.entries.length]
    assert(part !== undefined, `operation ${operation.id} was admitted more often than it has parts`)
    const value = operation.kind === 'zero' ? 0 : operation.id
    let isVoid = operation.kind === 'zero'
    for (let sector = part.firstSector; isVoid && sector < part.endSector; sector++) {
      isVoid = this.settledValue(sector) === 0
    }
    const entry: Entry = {
      ...part,
      index: this.#entries.length,
      value,
      values: operation.values?.(),
      isVoid,
      operation,
      admittedAt: this.#now,
      knownAt: NEVER,
      durableAt: NEVER,
    }
    if (operation.values === undefined) this.writtenAt = this.#now
    operation.entries.push(entry)
    this.#entries.push(entry)
    eachCell(entry, (cell, held) => {
      getOrMake(this.#bySector, cell, () => [] as Entry[]).push(entry)
      getOrMake(this.#past, cell, () => new Set([this.#base.get(cell) ?? 0])).add(held)
    })
  }

  /** The client was told that the operation succeeded. */
  acknowledged(operation: Operation): void {
    this.#now++
    assert(
      operation.entries.length === operation.parts.length,
      `operation ${operation.id} was acknowledged with ${operation.entries.length} of ${operation.parts.length} parts admitted`,
    )
    operation.acknowledgedAt = this.#now
    for (const entry of operation.entries) this.#known(entry)
    if (operation.fua)
      for (const entry of operation.entries) entry.durableAt = Math.min(entry.durableAt, this.#now)
  }

  /** The operation failed: what of it was admitted may or may not have happened. */
  failed(operation: Operation): void {
    this.#now++
    operation.failedAt = this.#now
  }

  /** A flush begins; call what is returned when it succeeded. */
  beginFlush(): () => void {
    const calledAt = ++this.#now
    return () => {
      this.#now++
      for (const entry of this.#entries) {
        if (entry.knownAt <= calledAt) entry.durableAt = Math.min(entry.durableAt, this.#now)
      }
    }
  }

  /**
   * A read of a run of sectors begins. Call what is returned with what it read (one value a sector); it throws
   * when that is not allowed.
   */
  beginRead(firstSector: number, sectors: number): (values: Uint32Array) => void {
    const floors = new Map<number, number>()
    for (let sector = firstSector; sector < firstSector + sectors; sector++) {
      const floor = this.#floor.get(sector)
      if (floor !== undefined) floors.set(sector, floor)
    }
    return (values) => {
      this.#now++
      for (let i = 0; i < sectors; i++)
        this.#judgeRead(firstSector + i, values[i]!, floors.get(firstSector + i) ?? -1)
    }
  }

  /**
   * Judges the content found after a crash at moment `at` (now by default). `values` gives each touched sector's
   * content, and that of cells below 0, which are those of `snapshots.found`. `lostMax` entries of those that had to survive may be gone, newest first. Returns the number of entries that
   * survived; throws when no prefix explains the content.
   */
  judgeCrash(kind: CrashKind, values: (sector: number) => number, at = this.#now, lostMax = 0): number {
    const happened = this.#entries.filter((entry) => entry.admittedAt <= at)
    const bound = happened.filter(
      (entry) => (kind === 'power' ? entry.durableAt : entry.knownAt) <= at && !entry.isVoid,
    )
    const needed = (bound.at(-1 - lostMax)?.index ?? -1) + 1
    const expected = new Map(this.#base)
    for (const sector of this.#bySector.keys()) if (!expected.has(sector)) expected.set(sector, 0)
    const differing = new Set<number>()
    const isAs = (sector: number, value: number): boolean => {
      const found = values(sector)
      return found === value || found === UNREADABLE || value === UNREADABLE
    }
    const place = (entry: Entry): void =>
      eachCell(entry, (cell, value) => {
        expected.set(cell, value)
        if (isAs(cell, value)) differing.delete(cell)
        else differing.add(cell)
      })
    for (const entry of happened.slice(0, needed)) place(entry)
    for (const [sector, value] of expected) if (!isAs(sector, value)) differing.add(sector)
    let best = { count: differing.size, cut: needed, sectors: [...differing] }
    for (let cut = needed; differing.size > 0 && cut < happened.length; cut++) {
      place(happened[cut]!)
      if (differing.size < best.count) best = { count: differing.size, cut: cut + 1, sectors: [...differing] }
    }
    if (differing.size === 0) return best.cut
    const [sector] = best.sectors.sort((a, b) => a - b)
    throw new ModelViolation(
      `after a ${kind} crash at moment ${at}: no prefix of the ${happened.length} entries, of which ${needed} had to survive, ` +
        `gives what the volume holds; closest is ${best.cut}, with ${best.count} sectors wrong: ${this.#placeOf(sector!)} ` +
        `holds ${describe(values(sector!))}; its entries: ${this.#describeSector(sector!, at)}`,
    )
  }

  /** Whether the sector ever held `value`: all that can be asked where a disk lied about durability. */
  wasEver(sector: number, value: number): boolean {
    return this.#past.get(sector)?.has(value) ?? value === 0
  }

  /**
   * A crash was recovered from, and this is the content now (UNREADABLE where it cannot be told): history starts
   * over, with nothing in flight.
   */
  rebase(values: (sector: number) => number): void {
    this.#now++
    for (const sector of this.#past.keys()) this.#base.set(sector, values(sector))
    this.snapshots.rebase(values)
    this.#entries = []
    this.#bySector = new Map()
    this.#floor = new Map()
    this.#operations = new Map()
  }

  /** The value that a sector holds when nothing is in flight. */
  settledValue(sector: number): number {
    const entries = this.#bySector.get(sector)
    return entries === undefined ? (this.#base.get(sector) ?? 0) : valueIn(entries.at(-1)!, sector)
  }

  /** What `settledValue` says of all that is not zeros. */
  settled(): Map<number, number> {
    const content = new Map<number, number>()
    for (const sector of this.#past.keys()) {
      const value = sector < 0 ? 0 : this.settledValue(sector)
      if (value !== 0) content.set(sector, value)
    }
    return content
  }

  /** Whether anything happened to the sector since the history began. */
  isTouched(sector: number): boolean {
    return this.#bySector.has(sector)
  }

  /** A read, or an acknowledgement of something else, shows that the entry happened; `isDurable`: and promises that it stays. */
  shown(entry: Entry, isDurable: boolean): void {
    this.#now++
    this.#known(entry)
    if (isDurable) entry.durableAt = Math.min(entry.durableAt, this.#now)
  }

  #known(entry: Entry): void {
    entry.knownAt = Math.min(entry.knownAt, this.#now)
    eachCell(entry, (cell) => {
      if ((this.#floor.get(cell) ?? -1) < entry.index) this.#floor.set(cell, entry.index)
    })
  }

  #judgeRead(sector: number, value: number, floor: number): void {
    const entries = this.#bySector.get(sector) ?? []
    const base = this.#base.get(sector) ?? 0
    if (floor < 0 && (value === base || (base === UNREADABLE && this.wasEver(sector, value)))) return
    // zeros are ambiguous: the oldest entry that explains them is the weakest claim about later reads
    const entry = entries.find((one) => {
      if (one.index < floor) return false
      const held = valueIn(one, sector)
      return held === value || (held === UNREADABLE && this.wasEver(sector, value))
    })
    if (entry === undefined) {
      throw new ModelViolation(
        `a read of ${placeOf(sector)} returned ${describe(value)}, older than what was known when it began or never ` +
          `written; its entries: ${this.#describeSector(sector, this.#now)}`,
      )
    }
    entry.knownAt = Math.min(entry.knownAt, this.#now)
    if ((this.#floor.get(sector) ?? -1) < entry.index) this.#floor.set(sector, entry.index)
  }

  #placeOf(cell: number): string {
    return cell < 0 ? this.snapshots.nameOf(cell) : placeOf(cell)
  }

  /** What a sector held when, for messages. */
  describe(sector: number): string {
    return this.#describeSector(sector, this.#now)
  }

  #describeSector(sector: number, at: number): string {
    const base = `before: ${describe(this.#base.get(sector) ?? 0)}`
    const list = (this.#bySector.get(sector) ?? []).map((entry) => {
      const durable = entry.durableAt <= at ? ', durable' : ''
      const known = entry.knownAt <= at ? ', known' : entry.admittedAt <= at ? ', admitted' : ', later'
      return `#${entry.index} ${describeEntry(entry)}${known}${durable}`
    })
    return [base, ...list].join('; ')
  }
}

const describe = (value: number): string =>
  value === 0 ? 'zeros' : value === UNREADABLE ? 'what cannot be read' : `operation ${value}`

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
