/**
 * The volume's state in memory, changed by log entries in LSN order, and its two slots on disk. A state is an
 * immutable value: the flusher keeps the one of its cut while later entries make newer ones.
 */
import { readU64, viewOf, writeU64 } from '../base/binary.ts'
import { BlockError } from '../base/errors.ts'
import type { DiskFile } from '../base/ports/disk.ts'
import { BLOCK_BYTES, type Epoch } from '../base/units.ts'
import { readSlots, writeSlot } from './format/dual-slot.ts'
import { ENTRY_KIND, type EntryKind } from './format/log-group.ts'
import { decodeCreate, decodeDelete, decodeOrigin } from './format/snapshot-entries.ts'
import {
  decodeState,
  EPOCH_HISTORY_MAX,
  encodeState,
  STATE_FORMAT,
  type VolumeState,
} from './format/state.ts'
import { PastStates } from './past-states.ts'

/** Entry kinds up to this level are understood. */
export const FORMAT_LEVEL = 2
/** From this level on there are snapshots, restores and clones. */
export const SNAPSHOT_LEVEL = 2

/** An entry, as far as the state is concerned. */
export interface StateEntry {
  readonly kind: EntryKind
  readonly lsn: number
  readonly argument: number
  readonly blocks: number
  readonly data: Uint8Array | undefined
}

/** Payload of an epoch-start entry, one block: number u64, id u64, zeros. */
export function encodeEpochStart(epoch: Epoch): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES)
  const view = viewOf(block)
  writeU64(view, 0, epoch.number)
  view.setBigUint64(8, epoch.id, true)
  return block
}

/** The state after `entry`; the same object when the entry does not concern it. */
function applyToState(state: VolumeState, entry: StateEntry): VolumeState {
  if (entry.lsn <= state.asOfLsn) return state
  switch (entry.kind) {
    case ENTRY_KIND.write:
    case ENTRY_KIND.trim:
    case ENTRY_KIND.writeZeroes:
    case ENTRY_KIND.writeSame:
      return state
    case ENTRY_KIND.epochStart: {
      const view = viewOf(entry.data!)
      const span = { number: readU64(view, 0), id: view.getBigUint64(8, true), firstLsn: entry.lsn }
      return { ...state, asOfLsn: entry.lsn, epochs: [...state.epochs, span].slice(-EPOCH_HISTORY_MAX) }
    }
    case ENTRY_KIND.formatLevel:
      if (entry.argument > FORMAT_LEVEL) throw unknownEntry(entry.lsn)
      return { ...state, asOfLsn: entry.lsn, formatLevel: entry.argument }
    case ENTRY_KIND.resize:
      return { ...state, asOfLsn: entry.lsn, sizeBytes: entry.blocks * BLOCK_BYTES }
    case ENTRY_KIND.frontendState:
      return { ...state, asOfLsn: entry.lsn, frontendState: copyOf(entry.data!.subarray(0, entry.argument)) }
    case ENTRY_KIND.snapshotCreate: {
      const { id, createdWallMs, name } = decodeCreate(entry.data, entry.lsn)
      const made = { id, lsn: entry.lsn, createdWallMs, sizeBytes: state.sizeBytes, name }
      return { ...state, asOfLsn: entry.lsn, snapshots: [...state.snapshots, made] }
    }
    case ENTRY_KIND.snapshotDelete: {
      const id = decodeDelete(entry.data, entry.lsn)
      const snapshots = state.snapshots.filter((snapshot) => snapshot.id !== id)
      return { ...state, asOfLsn: entry.lsn, snapshots }
    }
    case ENTRY_KIND.restore:
      // that concerns blocks only (snapshots/boundaries.ts)
      return { ...state, asOfLsn: entry.lsn }
    case ENTRY_KIND.origin: {
      const origin = entry.argument === 0 ? undefined : decodeOrigin(entry.data, entry.lsn)
      return { ...state, asOfLsn: entry.lsn, origin }
    }
  }
}

/** Not `slice`: that of a Buffer, as a replica gets its entries in, still shows the lent bytes. */
const copyOf = (lent: Uint8Array): Uint8Array => Uint8Array.from(lent)

const unknownEntry = (lsn: number): BlockError =>
  new BlockError(
    'UNKNOWN_FORMAT',
    `log entry ${lsn} is of a kind that this program does not know; use the release that wrote it`,
    { facts: { lsn } },
  )

export class StateKeeper {
  readonly #file: DiskFile
  #current: VolumeState
  #past = new PastStates()
  #generation: number
  /** What the newest slot holds. */
  #saved: VolumeState
  /** While the base of the state is on its way: the entries that came since, which go on top of it. */
  #onTop: StateEntry[] | undefined
  /** Of the primary, once it came. */
  #base: VolumeState | undefined
  /** As of when it came: for cuts that were made before, whenever they are flushed. */
  #installed: { readonly base: VolumeState; readonly onTop: readonly StateEntry[] } | undefined
  /** The states since then, which stand on it. */
  readonly #whole = new WeakSet<VolumeState>()

  private constructor(file: DiskFile, current: VolumeState, generation: number) {
    this.#file = file
    this.#current = current
    this.#saved = current
    this.#generation = generation
  }

  /** Reads the state; CORRUPT when it is older than the one that the checkpoint relies on. */
  static async open(file: DiskFile, neededGeneration: number): Promise<StateKeeper> {
    const { generation, body } = await readSlots(STATE_FORMAT, file)
    // a process that died may have left it in the page cache only; the next checkpoint relies on it
    await file.datasync()
    if (generation < neededGeneration) {
      throw new BlockError(
        'CORRUPT',
        `${file.path}: the newest readable copy (${generation}) is older than the checkpoint needs (${neededGeneration})`,
        { facts: { path: file.path } },
      )
    }
    const state = decodeState(body, file.path)
    if (state.formatLevel > FORMAT_LEVEL) {
      throw new BlockError(
        'UNKNOWN_FORMAT',
        `${file.path}: the volume has format level ${state.formatLevel}, this program knows ${FORMAT_LEVEL}; use a newer release`,
        { facts: { path: file.path } },
      )
    }
    return new StateKeeper(file, state, generation)
  }

  static create(file: DiskFile, state: VolumeState): Promise<void> {
    return writeSlot(STATE_FORMAT, file, 1, encodeState(state))
  }

  get current(): VolumeState {
    return this.#current
  }

  get generation(): number {
    return this.#generation
  }

  /** LSN of what is durable. */
  get savedLsn(): number {
    return this.#saved.asOfLsn
  }

  apply(entry: StateEntry): void {
    this.#onTop?.push({ ...entry, data: entry.data && copyOf(entry.data) })
    this.#become(applyToState(this.#current, entry))
  }

  #become(state: VolumeState): void {
    if (state === this.#current) return
    this.#past.replaced(this.#current)
    this.#current = state
    if (this.#installed !== undefined) this.#whole.add(state)
  }

  /** Everything up to `lsn` is committed. */
  committed(lsn: number): void {
    this.#past.committed(lsn, this.#current)
  }

  /** The state as of what is committed. */
  get committedState(): VolumeState {
    return this.#past.committedOf(this.#current)
  }

  /** LSNs of all snapshots of the states since the committed one. */
  snapshotLsns(): ReadonlySet<number> {
    return this.#past.snapshotLsns(this.#current)
  }

  /** Snapshots above `lsn` are of a history that is given up. */
  forgetSnapshots(lsn: number): void {
    const snapshots = this.#current.snapshots.filter((snapshot) => snapshot.lsn <= lsn)
    this.#past = new PastStates()
    this.#current = { ...this.#current, snapshots }
    if (this.#installed !== undefined) this.#whole.add(this.#current)
  }

  /** A replica gets the state of its primary while entries arrive already: from now on they are remembered. */
  awaitBase(): void {
    this.#onTop = []
    this.#base = undefined
  }

  get isAwaitingBase(): boolean {
    return this.#onTop !== undefined
  }

  /**
   * LSNs of all snapshots that the volume has, or had since the base: of a replica that is being filled, whose entries may yet
   * turn out not to be of the history. Deletions are for later. `all` while the state is not there: any LSN may be one.
   */
  knownSnapshots(): readonly number[] | 'all' {
    if (this.#onTop !== undefined && this.#base === undefined) return 'all'
    const known = new Set((this.#base ?? this.#current).snapshots.map(({ lsn }) => lsn))
    for (const { kind, lsn } of this.#onTop ?? []) if (kind === ENTRY_KIND.snapshotCreate) known.add(lsn)
    return [...known]
  }

  /** The state as of `lsn`: `then`, unless the base that it has to stand on came later. */
  asOf(lsn: number, then: VolumeState): VolumeState {
    if (this.#installed === undefined || this.#whole.has(then)) return then
    const { base, onTop } = this.#installed
    return onTop.filter((entry) => entry.lsn <= lsn).reduce(applyToState, base)
  }

  /** The state of the primary, as of some entry: what came since goes on top of it. */
  install(base: VolumeState): void {
    this.#base = base
    this.#installed = { base, onTop: [...(this.#onTop ?? [])] }
    this.#whole.add(base)
    this.#past = new PastStates()
    this.#current = base
    for (const entry of this.#onTop ?? []) this.#become(applyToState(this.#current, entry))
  }

  /** The state is whole again. */
  endBase(): void {
    this.#onTop = undefined
    this.#base = undefined
  }

  /** Makes `state` durable unless it is already; returns the bytes written. */
  async save(state: VolumeState): Promise<number> {
    if (state === this.#saved) return 0
    const body = encodeState(state)
    await writeSlot(STATE_FORMAT, this.#file, this.#generation + 1, body)
    this.#generation++
    this.#saved = state
    return body.byteLength
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
