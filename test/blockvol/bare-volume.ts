/**
 * The parts of an open volume without the volume: what a test needs that looks at map and log, gives entries their LSNs,
 * or has the flusher of a replica whose base is on its way.
 */
import type { SnapshotInfo } from '../../src/base/ports/snapshots.ts'
import { BLOCK_BYTES, type Lsn, lsn as toLsn } from '../../src/base/units.ts'
import type { OpenVolumeOptions, VolumePorts } from '../../src/blockvol/api.ts'
import { assemble, type VolumeParts } from '../../src/blockvol/assembly.ts'
import { ENTRY_KIND, type EntryKind } from '../../src/blockvol/format/log-group.ts'
import { ENTRY_FLAG_UNKNOWN } from '../../src/blockvol/format/map-page.ts'
import { decodeState, encodeState } from '../../src/blockvol/format/state.ts'
import { PAGE_BLOCKS } from '../../src/blockvol/geometry.ts'
import type { AppendedEntry } from '../../src/blockvol/log/group-composer.ts'
import { LogIndex } from '../../src/blockvol/log/log-index.ts'
import { recover } from '../../src/blockvol/recovery.ts'
import { flushUnderBase, saveState } from '../../src/blockvol/replica/log-cuts.ts'
import { type OpenParts, resyncParts, sourceParts } from '../../src/blockvol/replica/resync-parts.ts'
import { forget, forgetOverwritten } from '../../src/blockvol/resync/forget.ts'
import type { PageSet } from '../../src/blockvol/resync/page-set.ts'
import { ResyncSink } from '../../src/blockvol/resync/sink.ts'
import { ResyncSource, type ResyncSourceOptions } from '../../src/blockvol/resync/source.ts'
import { DEFAULT_TUNING } from '../../src/blockvol/tuning.ts'
import { VolumeFiles } from '../../src/blockvol/volume-files.ts'
import { VolumeTelemetry } from '../../src/blockvol/volume-status.ts'

class CountingTelemetry extends VolumeTelemetry {
  damagedSectors = 0

  override mapSectorDamaged(): void {
    this.damagedSectors++
  }
}

const TUNING = { ...DEFAULT_TUNING, scrubIntervalMs: 0, reserveBytes: 0, mapCacheBytes: 0 }

/** An entry of a log as it is sent to a replica. */
export interface ShippedEntry {
  readonly lsn: number
  readonly kind: EntryKind
  readonly block: number
  readonly blocks: number
  readonly argument: number
  readonly data: Uint8Array | undefined
}

export interface BareOptions {
  readonly repairSource?: OpenVolumeOptions['repairSource']
  readonly isFilling?: boolean
  /** While it is filled, restores wait for `whole`. */
  readonly holdsRestores?: boolean
}

interface Mode {
  isFilling: boolean
  readonly holdsRestores: boolean
  base: number | undefined
  /** What the source was told that it is not known. */
  asked: PageSet | undefined
}

export class BareVolume {
  readonly parts: VolumeParts
  readonly files: VolumeFiles
  /** Entries that were appended by this opening, from the first. */
  readonly shipped: ShippedEntry[]
  readonly sink: ResyncSink
  readonly #telemetry: CountingTelemetry
  readonly #mode: Mode

  private constructor(
    parts: VolumeParts,
    files: VolumeFiles,
    shipped: ShippedEntry[],
    telemetry: CountingTelemetry,
    mode: Mode,
  ) {
    this.parts = parts
    this.files = files
    this.shipped = shipped
    this.#telemetry = telemetry
    this.#mode = mode
    this.sink = new ResyncSink(resyncParts(this.#open()))
    if (!mode.holdsRestores) parts.replica?.gate.whole()
    else parts.replica?.gate.stated()
  }

  static async open(ports: VolumePorts, directory: string, options: BareOptions = {}): Promise<BareVolume> {
    const { repairSource, isFilling = false, holdsRestores = false } = options
    const openOptions: OpenVolumeOptions = { directory, ...(repairSource && { repairSource }) }
    const files = await VolumeFiles.open(ports, openOptions)
    const recovered = await recover(ports, openOptions, files)
    const telemetry = new CountingTelemetry()
    const mode: Mode = { isFilling, holdsRestores, base: undefined, asked: undefined }
    const shipped: ShippedEntry[] = []
    const hooks = {
      appended: (entry: AppendedEntry): void => {
        const { request, lsn } = entry
        const { kind, block, blocks, argument, data } = request
        shipped.push({ lsn, kind, block, blocks, argument, data: data && Uint8Array.from(data) })
      },
      groupAppended: (): void => {
        if (parts.writer.usedBytes > parts.log.ringBytes * TUNING.flushWatermark) parts.flusher.kick()
      },
      failed: (error: unknown): void => {
        throw error
      },
      repaired: (): void => undefined,
      ensureServing: (): void => undefined,
      isServing: (): boolean => true,
    }
    const replication = {
      index: new LogIndex(files.superblocks.current.logBytes),
      hooks: {
        isFilling: (): boolean => mode.isFilling,
        baseLsn: (): number | undefined => (mode.isFilling ? mode.base : undefined),
        isAsked: (block: number): boolean => mode.asked?.has(Math.floor(block / PAGE_BLOCKS)) ?? true,
        // everything that is appended is committed
        moved: (): void => {
          parts.replica?.commitment.commit(parts.writer.appendedLsn)
          parts.replica?.commitment.acknowledge(parts.writer.appendedLsn)
        },
        flushAsked: (lsn: Lsn): void => {
          void parts.writer.sync(lsn).then(() => parts.replica?.commitment.flush(lsn))
        },
        pinsLost: (): void => undefined,
      },
    }
    const parts: VolumeParts = await assemble(
      ports,
      openOptions,
      TUNING,
      files,
      recovered,
      telemetry,
      hooks,
      replication,
    )
    replication.hooks.moved()
    return new BareVolume(parts, files, shipped, telemetry, mode)
  }

  /** What the log holds is given up; it goes on at `after` + 1. Before the volume is opened. */
  static async restartLog(ports: VolumePorts, directory: string, after: number): Promise<void> {
    const files = await VolumeFiles.open(ports, { directory })
    const { end, epoch, state } = await recover(ports, { directory }, files)
    await files.superblocks.update({
      checkpoint: { lsn: toLsn(after), position: end, epoch, stateGeneration: state.generation },
      durableLsn: toLsn(after),
    })
    await files.close()
  }

  /** Sectors of the map that were taken for damaged. */
  get damagedSectors(): number {
    return this.#telemetry.damagedSectors
  }
  get lsn(): number {
    return this.parts.writer.appendedLsn
  }
  get sizeBlocks(): number {
    return this.parts.state.current.sizeBytes / BLOCK_BYTES
  }

  #open(): OpenParts {
    return { parts: this.parts, files: this.files, telemetry: this.#telemetry }
  }

  source(options: ResyncSourceOptions): ResyncSource {
    const { state, writer } = this.parts
    return new ResyncSource(
      sourceParts(this.#open(), state.current, () => writer.appendedLsn),
      options,
    )
  }

  /** A resync begins: what is left of the log is flushed after it. `sizeBlocks`: as if the volume were that small. */
  async forget(above: number, base: number, sizeBlocks = this.sizeBlocks): Promise<PageSet> {
    const parts = { ...resyncParts(this.#open()), sizeBlocks: () => sizeBlocks }
    this.#mode.isFilling = true
    this.#mode.asked = await forget(parts, above, base)
    return this.#mode.asked
  }

  forgetOverwritten(above: number): Promise<void> {
    return forgetOverwritten(resyncParts(this.#open()), above)
  }

  /** A session begins: the state of the other volume comes first, and then the base. */
  awaitBase(base: number): void {
    this.#mode.isFilling = true
    this.parts.state.awaitBase()
    this.#mode.base = base
    this.sink.base = base
  }

  /** The state of the source, as a session sends it. */
  install(state: Uint8Array): void {
    this.parts.state.install(decodeState(state, 'the state of the source'))
  }

  get state(): Uint8Array {
    return encodeState(this.parts.state.current)
  }

  /** Every base block has come: restores go on. */
  whole(): void {
    this.parts.replica?.gate.whole()
  }

  createSnapshot(id: bigint): Promise<SnapshotInfo> {
    return this.parts.snapshots.create({ id, name: `s${id}` }, {})
  }
  deleteSnapshot(id: bigint): Promise<void> {
    return this.parts.snapshots.delete(id, {})
  }
  restoreSnapshot(id: bigint): Promise<void> {
    return this.parts.snapshots.restore(id, {})
  }
  get snapshots(): readonly SnapshotInfo[] {
    return this.parts.state.current.snapshots
  }

  /** What a snapshot sees. */
  async readAt(block: number, lsn: number): Promise<Uint8Array> {
    const content = new Uint8Array(BLOCK_BYTES)
    await this.parts.views.readAt(block, lsn, content)
    return content
  }

  /** Everything that came is durable, and the state with it. */
  async settle(): Promise<void> {
    await flushUnderBase(this.#open(), this.sink.newestLsn)
    await this.parts.writer.sync()
    await this.sink.settle()
    await saveState(this.#open(), toLsn(this.lsn))
  }

  /** The base is here: an ordinary replica. */
  filled(): void {
    this.#mode.isFilling = false
    this.parts.state.endBase()
    this.whole()
  }

  write(block: number, data: Uint8Array): Promise<void> {
    return this.parts.path.write(block * BLOCK_BYTES, data, {})
  }
  trim(block: number, blocks: number): Promise<void> {
    return this.parts.path.zero(ENTRY_KIND.trim, block * BLOCK_BYTES, blocks * BLOCK_BYTES, {})
  }
  writeSame(block: number, blocks: number, pattern: Uint8Array): Promise<void> {
    return this.parts.path.writeSame(block * BLOCK_BYTES, blocks * BLOCK_BYTES, pattern, {})
  }
  checkpoint(): Promise<void> {
    return this.parts.flusher.through(this.lsn)
  }

  /** Appends an entry that another volume has: the next one. */
  apply(entry: ShippedEntry): Promise<void> {
    const { kind, block, blocks, argument, data } = entry
    return new Promise((resolve, reject) => {
      this.parts.writer.submit({
        kind,
        block,
        blocks,
        data,
        epoch: undefined,
        argument,
        reach: 'content',
        admit: undefined,
        settled: (error, lsn) => {
          if (error !== undefined) reject(error)
          else if (lsn === entry.lsn) resolve()
          else reject(new Error(`entry ${entry.lsn} was appended as ${lsn}`))
        },
      })
    })
  }

  /** Content, or the code of the error that reading it gives. */
  async read(block: number): Promise<Uint8Array> {
    const content = new Uint8Array(BLOCK_BYTES)
    await this.parts.reader.readAppended(block, content)
    return content
  }

  /** The disk loses what the map says of `block`. */
  async lose(block: number): Promise<void> {
    const page = await this.parts.map.edit(Math.floor(block / PAGE_BLOCKS))
    page.set(block % PAGE_BLOCKS, 0, ENTRY_FLAG_UNKNOWN, 0)
    await this.parts.map.write([page], 0)
  }

  /** The map's entry of `block`. */
  async entry(block: number): Promise<{ lsn: number; kind: 'data' | 'hole' | 'empty' | 'unknown' }> {
    const page = await this.parts.map.get(Math.floor(block / PAGE_BLOCKS))
    const slot = block % PAGE_BLOCKS
    if (page.isUnknown(slot)) return { lsn: 0, kind: 'unknown' }
    const lsn = page.lsn(slot)
    return { lsn, kind: page.hasContent(slot) ? 'data' : lsn === 0 ? 'empty' : 'hole' }
  }

  /** Ends it as it is: the log keeps what is not flushed. */
  async close(): Promise<void> {
    const { writer, flusher } = this.parts
    await writer.settledSoFar()
    await writer.sync()
    writer.fail(new Error('closed'))
    await flusher.close(new Error('closed'))
    await writer.quiesced()
    await this.files.close()
  }
}
