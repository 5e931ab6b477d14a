/**
 * The steps of one flush in their order (flush/flusher.ts draws it), for one cut: log, content, maxima, map, state,
 * checkpoint; then the generation is dropped and the log's space is free.
 */
import { BlockError } from '../base/errors.ts'
import type { Epoch } from '../base/units.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { RepairSource, VolumePorts } from './api.ts'
import { blockChecksum } from './checksum.ts'
import type { DirtyMap } from './dirty/dirty-map.ts'
import type { DirtyRange } from './dirty/range-table.ts'
import { writeContent } from './flush/content-pass.ts'
import { FlushPlan } from './flush/flush-plan.ts'
import type { Cut } from './flush/flusher.ts'
import { raiseMaxima, writeMap } from './flush/map-pass.ts'
import type { VolumeState } from './format/state.ts'
import type { LogFile } from './log/log-file.ts'
import type { LogWriter } from './log/log-writer.ts'
import type { BlockMap } from './map/block-map.ts'
import type { GrainMaxima } from './map/maxima.ts'
import type { SegmentFiles } from './segments.ts'
import type { StateKeeper } from './state-keeper.ts'
import type { SuperblockStore } from './superblock-store.ts'

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
  readonly repairSource: RepairSource | undefined
  readonly onMapped: (block: number) => void
}

/** A cut with the state and epoch as of its LSN. */
export interface StatefulCut extends Cut {
  readonly state: VolumeState
  readonly epoch: Epoch
}

export class Checkpointer {
  readonly #o: CheckpointerOptions
  extentBytes = 0
  metadataBytes = 0

  constructor(options: CheckpointerOptions) {
    this.#o = options
  }

  async flush(cut: StatefulCut): Promise<void> {
    const { ports, dirty, log, writer, map, maxima, extents, state, superblocks, repairSource } = this.#o
    await writer.sync(cut.lsn)
    const plan = new FlushPlan(cut.generation)
    const { pool, clock } = ports
    const content = await writeContent({ plan, dirty, log, extents, pool, clock, repairSource })
    this.extentBytes += content.writtenBytes
    const pass = {
      plan,
      lsn: cut.lsn,
      map,
      maxima,
      skipped: content.skipped,
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
      durableLsn: writer.durableLsn,
    })
    this.metadataBytes += BLOCK_BYTES
    dirty.drop(cut.generation)
    writer.advanceTail(cut.position)
  }

  async #readPattern(range: DirtyRange): Promise<Uint8Array> {
    const pattern = new Uint8Array(BLOCK_BYTES)
    const isRead = await this.#o.log.read(pattern, range.patternPosition)
    if (!isRead || blockChecksum(pattern, range.patternBlock, range.lsn) !== range.patternChecksum) {
      throw new BlockError('MEDIUM', `the log entry with LSN ${range.lsn} (a pattern) is damaged`, {
        facts: { lsn: range.lsn, block: range.start },
      })
    }
    return pattern
  }
}
