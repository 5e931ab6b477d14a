/**
 * The steps of one flush in their order (flush/flusher.ts draws it), for one cut: log, what snapshots see of what will change,
 * content, maxima, map, state, checkpoint; then the generation is dropped and the log's space is free.
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES, type Lsn, lsn } from '../base/units.ts'
import type { RepairSource, VolumePorts } from './api.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import type { DirtyRange } from './dirty/range-table.ts'
import { patternOf, writeContent } from './flush/content-pass.ts'
import type { Cut, StatefulCut } from './flush/cut.ts'
import { FlushPlan } from './flush/flush-plan.ts'
import { damagedEntry, LogContent } from './flush/log-content.ts'
import { raiseMaxima, writeMap } from './flush/map-pass.ts'
import { Overtaken } from './flush/overtaken.ts'
import type { VolumeState } from './format/state.ts'
import { PAGE_BLOCKS } from './geometry.ts'
import type { LogFile } from './log/log-file.ts'
import type { LogWriter } from './log/log-writer.ts'
import type { BlockMap } from './map/block-map.ts'
import type { GrainMaxima } from './map/maxima.ts'
import type { SegmentFiles } from './segments.ts'
import { preserveOvertaken, preserveReplaced } from './snapshots/preserve-pass.ts'
import type { Preservation, Preserver, SnapshotLsns } from './snapshots/preserver.ts'
import { restoreBlocks } from './snapshots/restore-pass.ts'
import type { StateKeeper } from './state-keeper.ts'
import type { SuperblockStore } from './superblock-store.ts'
import type { VersionStore } from './versions/version.ts'

export interface CheckpointerOptions {
  readonly ports: VolumePorts
  readonly dirty: DirtyMap
  readonly log: LogFile
  readonly writer: LogWriter
  readonly map: BlockMap
  readonly maxima: GrainMaxima
  readonly extents: SegmentFiles
  readonly state: StateKeeper
  readonly superblocks: SuperblockStore
  readonly versions: VersionStore
  readonly repairSource: RepairSource | undefined
  /** Up to where the superblock says that the log is durable, with a flush of `cut`. */
  readonly provenLsn: (cut: Cut) => Lsn
  readonly preserver: Preserver
  /** Everything up to here may be flushed. */
  readonly flushableLsn: () => Lsn
  readonly onMapped: (block: number) => void
  /** What a block holds, or held for a snapshot, is lost. */
  readonly onLost: (block: number) => void
  /** Extents and map may hold more, or the checkpoint has passed more. */
  readonly onMoved: () => void
  /** Whether the volume is a replica that waits for its base: base blocks come beside the log, in any order. */
  readonly isFilling: () => boolean
}

export class Checkpointer {
  readonly #o: CheckpointerOptions
  readonly #content: LogContent
  /** Ends when nobody changes extents and map, as things stand; never rejects. Undefined when nobody does now. */
  #busy: Promise<void> | undefined
  /** The snapshots for which what nobody sees was given back last. */
  #collectedFor: string | undefined
  extentBytes = 0
  metadataBytes = 0

  constructor(options: CheckpointerOptions) {
    this.#o = options
    this.#content = new LogContent(options.log, options.dirty, options.repairSource)
  }

  /** Runs something that changes extents and map: never beside a flush, nor beside another one. */
  alone<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#busy === undefined ? run() : this.#busy.then(run)
    const ended = (): void => {
      if (this.#busy === busy) this.#busy = undefined
    }
    const busy = done.then(ended, ended)
    this.#busy = busy
    return done
  }

  flush(cut: StatefulCut): Promise<void> {
    // of a replica, the state of its primary may have come since the cut was made
    return this.alone(() => this.#flush({ ...cut, state: this.#o.state.asOf(cut.lsn, cut.state) }))
  }

  async #flush(cut: StatefulCut): Promise<void> {
    const { dirty, writer, state, superblocks } = this.#o
    await writer.sync(cut.lsn)
    // before extents and map hold any of it, so that an opening knows what the log must still have (invariant 7)
    await superblocks.update({ durableLsn: this.#proven(cut) })
    this.#o.onMoved()
    if (cut.generation.restore === undefined) await this.#flushBlocks(cut)
    else await this.#restore(cut)
    // an earlier attempt may have saved a newer one, for the sake of space
    const asOfCut = state.asOf(cut.lsn, cut.state)
    if (asOfCut.asOfLsn >= state.savedLsn) this.metadataBytes += await state.save(asOfCut)
    await superblocks.update({
      checkpoint: {
        lsn: cut.lsn,
        position: cut.position,
        epoch: cut.epoch,
        stateGeneration: state.generation,
      },
      versionsGeneration: this.#o.versions.generation,
      durableLsn: this.#proven(cut),
    })
    this.metadataBytes += 2 * BLOCK_BYTES
    dirty.drop(cut.generation)
    state.committed(cut.lsn)
    writer.advanceTail(cut.position)
    this.#collect(cut.state.snapshots)
    this.#o.onMoved()
  }

  async #flushBlocks(cut: StatefulCut): Promise<void> {
    const { ports, map, maxima, extents, state } = this.#o
    const plan = new FlushPlan(cut.generation)
    const isFilling = this.#o.isFilling()
    const snapshotLsns = await this.#snapshotLsns(cut)
    await this.#preserve(cut, plan, snapshotLsns, isFilling)
    const overtaken = isFilling ? new Overtaken(map, maxima) : undefined
    const written = await writeContent({ plan, content: this.#content, extents, pool: ports.pool, overtaken })
    this.extentBytes += written.writtenBytes
    const pass = {
      plan,
      lsn: cut.lsn,
      map,
      maxima,
      skippedBlocks: written.skippedBlocks,
      skippedRanges: written.skippedRanges,
      isAfterLoss: cut.isAfterLoss,
      isFilling,
      leavesAll: isFilling || cut.state.origin !== undefined,
      hasSnapshots: snapshotLsns.length > 0 || state.current.snapshots.length > 0,
      readPattern: (range: DirtyRange) => this.#readPattern(range),
      onMapped: this.#o.onMapped,
    }
    this.metadataBytes += await raiseMaxima(pass)
    this.metadataBytes += await writeMap(pass)
  }

  /** Durable before the extents change. */
  async #preserve(
    cut: StatefulCut,
    plan: FlushPlan,
    snapshotLsns: SnapshotLsns,
    isFilling: boolean,
  ): Promise<void> {
    if (snapshotLsns.length === 0) return
    const { preserver, map, maxima } = this.#o
    const preservation = preserver.begin(cut.lsn, snapshotLsns, { isFilling })
    const snapshotLsn = preservation.newestBefore(cut.generation.newestLsn)
    try {
      if (snapshotLsn > 0) await preserveReplaced({ plan, preservation, snapshotLsn, map, maxima })
      if (isFilling) await preserveOvertaken({ plan, preservation, map, maxima }, this.#content)
      await preservation.commit()
    } catch (error) {
      await preservation.abandon()
      throw error
    }
  }

  async #restore(cut: StatefulCut): Promise<void> {
    const { ports, map, maxima, extents, versions, preserver, repairSource, onMapped, onLost } = this.#o
    const mark = cut.generation.restore
    assert(mark !== undefined, 'a restore is flushed as one')
    const isFilling = this.#o.isFilling()
    const snapshotLsns = await this.#snapshotLsns(cut)
    this.extentBytes += await restoreBlocks({
      mark,
      map,
      maxima,
      extents,
      versions,
      pool: ports.pool,
      repairSource,
      isFilling,
      beginPreservation: (): Preservation => preserver.begin(cut.lsn, snapshotLsns, { isFilling }),
      onMapped,
      onLost,
    })
  }

  /**
   * LSNs of the snapshots that may see what is replaced: those of the cut's state, and those that a restore goes back to which
   * waits. Deletions that cannot be undone any more take away what they delete, so that a full disk does not keep the flusher
   * from reaching them: the state without them is made durable first, and an opening begins with it. While the base of a
   * resync comes its state says more than that of the cut; before that, the log's own snapshots and restores are flushed.
   */
  async #snapshotLsns(cut: StatefulCut): Promise<SnapshotLsns> {
    const { state, superblocks, writer, flushableLsn } = this.#o
    if (state.isAwaitingBase) return state.knownSnapshots()
    const { snapshots, asOfLsn } = state.current
    const kept = new Set(snapshots.map((snapshot) => snapshot.lsn))
    const needed = cut.state.snapshots.filter((snapshot) => kept.has(snapshot.lsn))
    const isLess = needed.length < cut.state.snapshots.length
    if (!isLess || asOfLsn > writer.durableLsn || asOfLsn > flushableLsn()) {
      return this.#withRestores(cut.state.snapshots)
    }
    // what the state has is flushed as blocks are: an opening has to miss it when the log ends before
    await superblocks.update({ durableLsn: lsn(Math.max(superblocks.current.durableLsn, asOfLsn)) })
    this.metadataBytes += await state.save(state.current)
    return this.#withRestores(needed)
  }

  /** LSNs of these snapshots, and of those that restores go back to which are not flushed: they may be deleted since. */
  #withRestores(snapshots: VolumeState['snapshots']): readonly number[] {
    const lsns = new Set(snapshots.map((snapshot) => snapshot.lsn))
    for (const { restore } of this.#o.dirty.generations) {
      if (restore !== undefined) lsns.add(restore.snapshotLsn)
    }
    return [...lsns]
  }

  /** What no snapshot of the checkpoint's state sees is given back. */
  #collect(snapshots: VolumeState['snapshots']): void {
    const { versions, map } = this.#o
    const lsns = this.#withRestores(snapshots)
    const key = lsns.join()
    if (versions.isEmpty || key === this.#collectedFor || this.#o.isFilling()) return
    this.#collectedFor = key
    versions.collect(lsns, async (block) => {
      const page = await map.get(Math.floor(block / PAGE_BLOCKS))
      return page.lsn(block % PAGE_BLOCKS)
    })
  }

  /** Never less than before: what is flushed stays flushed. */
  #proven(cut: Cut): Lsn {
    return lsn(Math.max(this.#o.superblocks.current.durableLsn, this.#o.provenLsn(cut)))
  }

  async #readPattern(range: DirtyRange): Promise<Uint8Array> {
    const pattern = new Uint8Array(BLOCK_BYTES)
    const wanted = patternOf(range)
    if (!(await this.#content.read(pattern, wanted))) throw damagedEntry(wanted)
    return pattern
  }
}
