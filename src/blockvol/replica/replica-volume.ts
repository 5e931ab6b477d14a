/**
 * The storage of one replica: what v2engine's effects are carried out on. It is a volume whose log is led by somebody
 * else, or by this server for an epoch: entries come with their LSNs, the log can be cut, the history be given up and
 * its base be replaced. A cut opens the volume again from disk, so that what was voided is nowhere in memory.
 */
import { assert } from '../../base/assert.ts'
import { BlockError } from '../../base/errors.ts'
import type { Timer } from '../../base/ports/clock.ts'
import { BLOCK_BYTES, type Epoch, type Lsn, lsn as toLsn } from '../../base/units.ts'
import type { ExactVersion, RepairSource, SpaceReport, VolumePorts, VolumeStatus } from '../api.ts'
import type { ReplicaHooks } from '../assembly.ts'
import { Comparer } from '../compare/comparer.ts'
import type { ExactVersions } from '../exact-versions.ts'
import { ENTRY_KIND } from '../format/log-group.ts'
import { decodeState, encodeState } from '../format/state.ts'
import { PAGE_BLOCKS } from '../geometry.ts'
import type { ReadGroup } from '../log/log-reader.ts'
import { MarksFile } from '../marks-file.ts'
import { forget } from '../resync/forget.ts'
import { PageSet } from '../resync/page-set.ts'
import { ResyncSink } from '../resync/sink.ts'
import { ResyncSource, type ResyncSourceOptions } from '../resync/source.ts'
import { encodeEpochStart, FORMAT_LEVEL } from '../state-keeper.ts'
import { type OpenReplica, Volume } from '../volume.ts'
import { entryDigest } from './entry-digest.ts'
import { EntryStream, type ReplicaEntry } from './entry-stream.ts'
import { CUT, cutLog, flushUnderBase, historyOf, restartLog, saveState } from './log-cuts.ts'
import { PoisonMark } from './poison-mark.ts'
import type { HistorySpan, OpenReplicaOptions, ReplicaLocal } from './replica-facts.ts'
import { exactVersions, resyncParts, sourceParts } from './resync-parts.ts'

/** What is appended is made durable after so long, without being asked to. */
const SYNC_AFTER_MS = 200

export class ReplicaVolume {
  readonly #ports: VolumePorts
  readonly #options: OpenReplicaOptions
  readonly #marks: MarksFile
  readonly #hooks: ReplicaHooks
  /** Present once it was opened. */
  #opened:
    | {
        readonly inner: OpenReplica
        readonly sink: ResyncSink
        readonly stream: EntryStream
        readonly exact: ExactVersions
      }
    | undefined
  /** Kernel boot under which it was opened. */
  readonly bootId: string
  /** The last opening was closed in order. */
  wasClean = false
  /** Entries that were durable are lost, or the disk failed in the last opening. */
  isDamaged = false
  /** Of the resync that fills it. From `copying` on the log began anew, and the state is that of the primary, once it comes. */
  #resyncPhase: ReturnType<OpenReplicaOptions['resyncPhase']>
  #unknown = PageSet.NONE
  /** Where the resync begins that fills it. */
  #base: Lsn | undefined
  /** Extents and map may hold entries up to here, whatever the superblock says since the log began anew. */
  #imageLsn = 0
  #commitLsn = 0
  #isBeyondGivenUp = false
  /** Epoch starts that are not told yet. */
  #startsUnderWay = 0
  #isToldSoon = false
  #isOver = false
  #poisonMark: PoisonMark | undefined
  #syncTimer: Timer | undefined

  /** Errors as `Volume.open`, but that a damaged log does not keep a replica closed (`isDamaged`). */
  static async open(ports: VolumePorts, options: OpenReplicaOptions): Promise<ReplicaVolume> {
    const marks = await MarksFile.open(ports.disk, options.directory)
    try {
      const volume = new ReplicaVolume(ports, options, marks, await ports.disk.bootId())
      const { recovered, files } = await volume.#openInner()
      volume.#poisonMark = new PoisonMark(files.superblocks)
      volume.wasClean = recovered.wasClosed
      volume.isDamaged = recovered.isDamaged
      volume.commit(volume.savedCommitLsn)
      return volume
    } catch (error) {
      await marks.close()
      throw error
    }
  }

  private constructor(ports: VolumePorts, options: OpenReplicaOptions, marks: MarksFile, bootId: string) {
    this.#ports = ports
    this.#options = options
    this.#marks = marks
    this.bootId = bootId
    this.#resyncPhase = options.resyncPhase(marks.stored)
    this.#hooks = {
      flushAsked: (lsn) => this.#flushAsked(lsn),
      moved: () => this.#moved(),
      isFilling: () => this.#isFilling,
      isAsked: (block) => this.#unknown.has(Math.floor(block / PAGE_BLOCKS)),
      baseLsn: () => (this.#isFilling ? this.#base : undefined),
      formatLevelMax: () => options.events.formatLevelMax?.() ?? FORMAT_LEVEL,
      pinsLost: (keys) => options.events.pinsLost(keys),
    }
  }

  async #openInner(): Promise<OpenReplica> {
    const repairSource: RepairSource = (wanted) => this.#goodCopy(wanted)
    const inner = await Volume.openReplica(this.#ports, { ...this.#options, repairSource }, this.#hooks)
    const { volume, parts } = inner
    volume.subscribe((event) => {
      if (event.kind !== 'lost') return
      this.#poisonMark?.keep()
      if (!this.#isOver) this.#options.events.poisoned(event.reason)
    })
    const sink = new ResyncSink(resyncParts(inner))
    this.#opened = { inner, sink, stream: new EntryStream(parts.writer), exact: exactVersions(inner) }
    if (this.#resyncPhase === 'copying') parts.state.awaitBase()
    sink.base = this.#base ?? 0
    this.commit(toLsn(this.#commitLsn))
    return inner
  }

  /** The log may still have what rotted in the extents; else it is for others to give. */
  async #goodCopy(wanted: ExactVersion): Promise<Uint8Array | undefined> {
    const own = new Uint8Array(BLOCK_BYTES)
    if ((await this.#opened?.exact.read(wanted, own)) === true) return own
    return this.#options.repairSource?.(wanted)
  }

  /** Blocks were given up, and the base that brings them is not whole. */
  get #isFilling(): boolean {
    return this.#resyncPhase !== undefined
  }

  get #inner(): OpenReplica {
    assert(this.#opened !== undefined, 'a replica is used after it was opened')
    return this.#opened.inner
  }

  /** Marks as they were when it was opened; undefined in a directory that was just made. */
  get storedMarks(): Uint8Array | undefined {
    return this.#marks.stored
  }

  /** Durable when the promise resolves. What they say of damage holds from now on. */
  async saveMarks(marks: Uint8Array): Promise<void> {
    await this.#marks.save(marks)
    await this.#poisonMark?.takeBack()
  }

  get uuid(): Uint8Array {
    return this.#inner.volume.uuid
  }
  get name(): string {
    return this.#inner.volume.name
  }
  /** Of its files, as of the last entry. */
  get formatLevel(): number {
    return this.#inner.parts.state.current.formatLevel
  }

  get local(): ReplicaLocal {
    const { parts, files } = this.#inner
    const { checkpoint, durableLsn } = files.superblocks.current
    const appended = parts.writer.appendedLsn
    return {
      appended,
      durable: parts.writer.durableLsn,
      checkpoint: checkpoint.lsn,
      image: toLsn(Math.max(checkpoint.lsn, durableLsn, this.#imageLsn)),
      retainedFrom: toLsn(parts.replica?.index.firstLsn ?? appended + 1),
      hasUnknown: this.#isFilling,
    }
  }

  /**
   * What this replica has durable and knows to be committed: only that gets into the checkpoint and into a saved state, which
   * may be ahead of it. Of a base under way the checkpoint alone: the state says more than the log.
   */
  get savedCommitLsn(): Lsn {
    const { parts, files } = this.#inner
    const { checkpoint } = files.superblocks.current
    if (this.#isFilling) return checkpoint.lsn
    return toLsn(Math.min(parts.writer.appendedLsn, Math.max(checkpoint.lsn, parts.state.savedLsn)))
  }

  /** Of everything that the log and the image have. */
  get history(): readonly HistorySpan[] {
    return historyOf(this.#inner)
  }

  status(): VolumeStatus {
    return this.#inner.volume.status()
  }

  // what a replica gives up. Only while no host is served; each is durable when its promise resolves

  /**
   * Ends the log at `above`. When the history beyond is given up, of a log whose checkpoint is past that nothing is left:
   * `restartLog` follows. Else nothing beyond may be flushed: CONFLICT when a flush came between, and then the replica has
   * to be opened again.
   */
  async dropLog(above: Lsn, history: 'kept' | 'given up'): Promise<void> {
    await this.#giveUpBeyond()
    const imageLsn = this.local.image
    if (await cutLog(this.#inner, above, history)) {
      this.#imageLsn = imageLsn
      // what another history commits beyond is for others to say
      this.#commitLsn = Math.min(this.#commitLsn, above)
      await this.#reopen(above)
    }
    this.#startStream()
  }

  /**
   * What the image has above `above` is not known any more. `base` is where the resync begins that will bring it; the
   * blocks that earlier ones have not brought are found too.
   */
  async forget(above: Lsn, base: Lsn): Promise<void> {
    const imageLsn = Math.min(this.local.image, above)
    this.#resyncPhase = 'forgetting'
    this.#base = base
    this.#unknown = await forget(resyncParts(this.#inner), above, base)
    this.#inner.parts.state.forgetSnapshots(above)
    this.#imageLsn = imageLsn
  }

  /** Pages with blocks that were given up. */
  get unknown(): PageSet {
    return this.#unknown
  }

  /** What the log has up to `through`, which is committed, is in extents and map. */
  async flushLog(through: Lsn): Promise<void> {
    const { writer, flusher, replica } = this.#inner.parts
    assert(writer.appendedLsn <= through || this.local.checkpoint >= through, 'the log was dropped before')
    this.commit(through)
    if (this.local.checkpoint >= through) return
    // no base block has come on top of what this log has
    replica?.gate.whole()
    await flusher.through(through)
  }

  /** The log is empty and goes on at `after` + 1, with the history of another replica. Base blocks are missing now. */
  async restartLog(after: Lsn, history: readonly HistorySpan[]): Promise<void> {
    await this.#giveUpBeyond()
    await restartLog(this.#inner, after, history)
    this.#resyncPhase = 'copying'
    this.#commitLsn = after
    await this.#reopen(after)
  }

  /** Every base block is there, and durable: nothing is unknown any more. */
  filled(): void {
    this.#resyncPhase = undefined
    this.#unknown = PageSet.NONE
    this.#inner.parts.state.endBase()
    this.#inner.parts.replica?.gate.whole()
    this.#moved()
  }

  /** From the disk again, without what was voided. LOG_DAMAGED when the disk does not have the rest any more. */
  async #reopen(appended: Lsn): Promise<void> {
    await this.#inner.volume.detach(CUT)
    this.#isBeyondGivenUp = false
    const { recovered } = await this.#openInner()
    if (!recovered.isDamaged && recovered.lastLsn === appended) return
    const text = `the log ends at ${recovered.lastLsn}, not at ${appended}, after it was cut`
    throw new BlockError('LOG_DAMAGED', text, { facts: { appended, lastLsn: recovered.lastLsn } })
  }

  #startStream(): void {
    assert(this.#opened !== undefined, 'a replica is used after it was opened')
    this.#opened = { ...this.#opened, stream: new EntryStream(this.#opened.inner.parts.writer) }
  }

  /** Before anything is appended behind damage. */
  async #giveUpBeyond(): Promise<void> {
    if (this.#isBeyondGivenUp) return
    await this.#inner.recovered.giveUpBeyond()
    this.#isBeyondGivenUp = true
  }

  // the log grows

  /**
   * Appends the start entry of `epoch`; `started` is called before any `progress` that covers it. BUSY when the log
   * stayed full, CLOSED and POISONED: then nobody leads.
   */
  async startEpoch(epoch: Epoch, started: (lsn: Lsn) => void): Promise<void> {
    this.#startsUnderWay++
    await this.#giveUpBeyond()
    await new Promise<void>((resolve, reject) => {
      this.#inner.parts.writer.submit({
        kind: ENTRY_KIND.epochStart,
        epoch,
        block: 0,
        blocks: 0,
        data: encodeEpochStart(epoch),
        argument: 0,
        reach: 'bookkeeping',
        admit: undefined,
        settled: (error, lsn) => {
          this.#startsUnderWay--
          if (error === undefined) started(lsn)
          this.#moved()
          if (error === undefined) resolve()
          else reject(error)
        },
      })
    })
  }

  /**
   * Appends entries with the LSNs that they have. `settled` is called once they are in the log, or refused because one
   * before them was; their data are lent until then.
   */
  append(epoch: Epoch, entries: readonly ReplicaEntry[], settled: () => void): void {
    assert(this.#opened !== undefined, 'a replica is used after it was opened')
    this.#opened.stream.append(epoch, entries, settled)
  }

  /** Everything up to `lsn` is committed, and may be flushed as far as it is durable. */
  commit(lsn: Lsn): void {
    this.#commitLsn = Math.max(this.#commitLsn, lsn)
    const { parts } = this.#inner
    const committed = toLsn(Math.min(this.#commitLsn, parts.writer.appendedLsn))
    parts.state.committed(committed)
    parts.replica?.commitment.commit(committed)
  }

  /** Makes what is appended up to `lsn` durable soon. */
  requestSync(lsn: Lsn): void {
    const { writer } = this.#inner.parts
    const through = Math.min(lsn, writer.appendedLsn)
    // a failure poisons the volume, and is told that way
    if (through > writer.durableLsn) void writer.sync(through).catch(() => undefined)
  }

  /** Resolves when everything given to `append` so far is durable through `lsn`, and with it the base that arrived. */
  async settle(lsn: Lsn): Promise<void> {
    const { writer } = this.#inner.parts
    await writer.settledSoFar()
    if (writer.appendedLsn < lsn) {
      throw new BlockError('BUSY', `the log ends at ${writer.appendedLsn}, before ${lsn}`)
    }
    if (this.#isFilling) await flushUnderBase(this.#inner, this.sink.newestLsn)
    await writer.sync()
    if (!this.#isFilling) return
    await this.sink.settle()
    await saveState(this.#inner, lsn)
  }

  // leading

  /** The volume as hosts see it: what it answers waits for `acknowledge` and `flushed`. */
  get device(): Volume {
    return this.#inner.volume
  }

  /** Counted on the disk: not for every beat. */
  space(): Promise<SpaceReport> {
    return this.#inner.volume.space()
  }

  acknowledge(lsn: Lsn): void {
    this.#inner.parts.replica?.commitment.acknowledge(lsn)
  }

  flushed(lsn: Lsn): void {
    this.#inner.parts.replica?.commitment.flush(lsn)
  }

  /** Whoever waits for something up to `lsn` gets `error`. */
  refuse(lsn: Lsn, error: BlockError): void {
    this.#inner.parts.replica?.commitment.refuse(lsn, error)
  }

  /** The end of the log, once nothing is on its way to it. */
  async quiet(): Promise<Lsn> {
    const { writer } = this.#inner.parts
    await writer.settledSoFar()
    return writer.appendedLsn
  }

  // shipping

  get appendedLsn(): Lsn {
    return this.#inner.parts.writer.appendedLsn
  }

  /** Entries of the log; see `LogReader.read`. */
  readLog(from: number, through: number): Promise<ReadGroup | undefined> {
    const { replica } = this.#inner.parts
    assert(replica !== undefined, 'the log of a replica can be read')
    return replica.logReader.read(from, through)
  }

  /**
   * One version of a block, for a replica whose copy is bad: fills `target`, or false when there is no good copy here.
   * MEDIUM while its map page cannot be read; CLOSED while the log is cut.
   */
  readExact(wanted: ExactVersion, target: Uint8Array): Promise<boolean> {
    assert(this.#opened !== undefined, 'a replica is used after it was opened')
    return this.#opened.exact.read(wanted, target)
  }

  /** What the map says, for other replicas, and what they make good in it; another one after each cut. */
  get comparer(): Comparer {
    const inner = this.#inner
    return new Comparer(inner, () => inner === this.#opened?.inner && !this.#isFilling && !this.#isOver)
  }

  /** What another replica's entry `lsn` can be compared with; undefined when the log does not have it. */
  async digestAt(lsn: Lsn): Promise<number | undefined> {
    if (lsn < this.local.retainedFrom || lsn > this.appendedLsn) return undefined
    const group = await this.readLog(lsn, lsn)
    const entry = group?.entries[0]
    const digest = group === undefined || entry === undefined ? undefined : entryDigest(group, entry)
    group?.release()
    return digest
  }

  /** Bytes of log behind the entry `lsn`, to the group; at most what the log still has. */
  logBytesAfter(lsn: Lsn): number {
    const { replica, writer } = this.#inner.parts
    if (replica === undefined || lsn >= writer.appendedLsn) return 0
    const from = replica.index.find(lsn + 1) ?? replica.index.find(replica.index.firstLsn ?? 0)
    return from === undefined ? 0 : writer.boundary.position - from.position
  }

  /** Keeps the log from `from` on, until `unpin` or `pinsLost`; false when it does not have that any more. */
  pin(key: string, from: Lsn): boolean {
    return this.#inner.parts.replica?.pins.pin(key, from) ?? false
  }

  unpin(key: string): void {
    this.#inner.parts.replica?.pins.unpin(key)
  }

  // a resync, at the side that sends and at the side that is filled

  /**
   * What another replica is filled from: the state as of what is committed now, and the blocks. Undefined when that state is past
   * a restore above the target: the snapshot that the replica's log tells it to go back to may be gone, with all that only it
   * saw. From a target as of now there is no such restore.
   */
  resyncSource(
    options: ResyncSourceOptions,
  ): { readonly state: Uint8Array; readonly source: ResyncSource } | undefined {
    const { state, dirty } = this.#inner.parts
    const committed = state.committedState
    const restores = dirty.generations.flatMap(({ restore }) => restore?.lsn ?? [])
    const isPast = restores.some((lsn) => lsn > options.target && lsn <= committed.asOfLsn)
    if (isPast || dirty.flushedRestoreLsn > options.target) return undefined
    const parts = sourceParts(this.#inner, committed, () => this.#commitLsn)
    return { state: encodeState(committed), source: new ResyncSource(parts, options) }
  }

  /** Takes base blocks; another one after each cut. */
  get sink(): ResyncSink {
    assert(this.#opened !== undefined, 'a replica is used after it was opened')
    return this.#opened.sink
  }

  /** CORRUPT when the bytes are no state. */
  installState(bytes: Uint8Array): void {
    const { state, replica } = this.#inner.parts
    state.install(decodeState(bytes, 'the state of the primary'))
    replica?.gate.stated()
  }

  /** Every base block of the session is here, and durable. */
  baseIsWhole(): void {
    this.#inner.parts.replica?.gate.whole()
  }

  // telling

  #flushAsked(lsn: Lsn): void {
    this.requestSync(lsn)
    this.#options.events.flushAsked(lsn)
  }

  #moved(): void {
    if (this.#opened === undefined || this.#isOver) return
    this.commit(toLsn(this.#commitLsn))
    this.#syncSoon()
    if (this.#isToldSoon) return
    this.#isToldSoon = true
    queueMicrotask(() => {
      this.#isToldSoon = false
      if (this.#startsUnderWay === 0 && !this.#isOver) this.#options.events.progress()
    })
  }

  #syncSoon(): void {
    const { writer } = this.#inner.parts
    if (this.#syncTimer !== undefined || writer.durableLsn >= writer.appendedLsn) return
    this.#syncTimer = this.#ports.clock.after(SYNC_AFTER_MS, () => {
      this.#syncTimer = undefined
      if (!this.#isOver) this.requestSync(this.appendedLsn)
    })
  }

  #end(): void {
    this.#isOver = true
    this.#syncTimer?.cancel()
    this.#syncTimer = undefined
  }

  /** Makes the log durable, flushes what is committed, and closes. Idempotent. */
  async close(): Promise<void> {
    this.#end()
    await this.#inner.volume.close()
    await this.#marks.close()
  }
}
