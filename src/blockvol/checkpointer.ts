/**
 * The steps of one flush in their order (flush/flusher.ts draws it), for one cut: log, content, maxima, map, state,
 * checkpoint; then the generation is dropped and the log's space is free.
 */
import { BLOCK_BYTES, type Epoch, type Lsn, lsn } from '../base/units.ts'
import type { RepairSource, VolumePorts } from './api.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import type { DirtyRange } from './dirty/range-table.ts'
import { patternOf, writeContent } from './flush/content-pass.ts'
import { FlushPlan } from './flush/flush-plan.ts'
import type { Cut } from './flush/flusher.ts'
import { damagedEntry, LogContent } from './flush/log-content.ts'
import { raiseMaxima, writeMap } from './flush/map-pass.ts'
import { Overtaken } from './flush/overtaken.ts'
import type { VolumeState } from './format/state.ts'
import type { LogFile } from './log/log-file.ts'
import type { LogWriter } from './log/log-writer.ts'
import type { BlockMap } from './map/block-map.ts'
import type { GrainMaxima } from './map/maxima.ts'
import type { SegmentFiles } from './segments.ts'
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
  readonly onMapped: (block: number) => void
  /** Extents and map may hold more, or the checkpoint has passed more. */
  readonly onMoved: () => void
  /** Whether the volume is a replica that waits for its base: base blocks come beside the log, in any order. */
  readonly isFilling: () => boolean
}

/** A cut with the state and epoch as of its LSN. */
export interface StatefulCut extends Cut {
  readonly state: VolumeState
  readonly epoch: Epoch
  /** The first cut after an operator accepted the loss of log entries. */
  readonly isAfterLoss: boolean
}

export class Checkpointer {
  readonly #o: CheckpointerOptions
  readonly #content: LogContent
  /** Ends when nobody changes extents and map, as things stand; never rejects. Undefined when nobody does now. */
  #busy: Promise<void> | undefined
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
    return this.alone(() => this.#flush(cut))
  }

  async #flush(cut: StatefulCut): Promise<void> {
    const { ports, dirty, writer, map, maxima, extents, state, superblocks } = this.#o
    await writer.sync(cut.lsn)
    // before extents and map hold any of it, so that an opening knows what the log must still have (invariant 7)
    await superblocks.update({ durableLsn: this.#proven(cut) })
    this.#o.onMoved()
    const plan = new FlushPlan(cut.generation)
    const overtaken = this.#o.isFilling() ? new Overtaken(map, maxima) : undefined
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
      isFilling: overtaken !== undefined,
      readPattern: (range: DirtyRange) => this.#readPattern(range),
      onMapped: this.#o.onMapped,
    }
    this.metadataBytes += await raiseMaxima(pass)
    this.metadataBytes += await writeMap(pass)
    this.metadataBytes += await state.save(cut.state)
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
    writer.advanceTail(cut.position)
    this.#o.onMoved()
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
