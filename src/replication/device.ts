/**
 * The device that hosts are served from while this server leads an epoch: the volume's own, behind the lease. The lease
 * is compared with the clock when a command is taken, where it gets its LSN, and before its answer goes out; no timer
 * sets a flag. When the epoch is over it is lost for good.
 *
 *     open ⇄ draining (changes are held back) ──▶ lost
 */
import { BlockError } from '../base/errors.ts'
import { type LatencySink, US_PER_MS } from '../base/latency-sink.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { VolumeImage } from '../base/ports/image.ts'
import type { Origin } from '../base/ports/origin.ts'
import type { SnapshotDevice, SnapshotInfo, SnapshotUsage } from '../base/ports/snapshots.ts'
import type { Epoch } from '../base/units.ts'
import type { Serve } from '../v2engine/effects.ts'
import type { CloneDevice, LedVolume, Scrubbed } from './led-volume.ts'
import { WriteHold } from './write-hold.ts'

export interface LedDeviceOptions {
  readonly volume: LedVolume
  readonly clock: Clock
  readonly epoch: Epoch
  /** While draining: nothing that was let through is under way any more. */
  readonly onQuiet: () => void
  /** A command took so long, in ms of the monotonic clock. */
  readonly onLatency: LatencyListener
  /** What was left of the lease each time it was renewed; 0 when it was over. */
  readonly leaseLeft?: LatencySink | undefined
}

/** Hosts' changes wait while writes are held, and how long they take is told; what snapshots and clones need is not held. */
type Asker = 'host' | 'control'

type LatencyListener = (ms: number, nowMs: number) => void

/** Answers bytes with bytes; BUSY or another `BlockError`: they may be sent again. */
export type ForwardAnswerer = (bytes: Uint8Array) => Promise<Uint8Array>

export class LedDevice implements BlockDevice, SnapshotDevice, CloneDevice {
  readonly epoch: Epoch
  readonly #volume: LedVolume
  readonly #clock: Clock
  readonly #onQuiet: () => void
  readonly #leaseLeft: LatencySink | undefined
  #untilMs = Number.NEGATIVE_INFINITY
  #isDraining = false
  #lost: BlockError | undefined
  /** Commands let through and not answered, and those of them that change something. */
  #underway = 0
  #changing = 0
  #answerer: ForwardAnswerer | undefined
  /** Changes that wait for the end of the draining. */
  #held: (() => void)[] = []
  /** Back to hosts' changes for a moment, and who waits for the end of those that were let through before. */
  readonly #hold: WriteHold
  #ended: (() => void)[] = []
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  readonly #latencies = new Set<LatencyListener>()
  readonly #unsubscribe: () => void

  constructor(options: LedDeviceOptions) {
    this.#volume = options.volume
    this.#clock = options.clock
    this.#hold = new WriteHold(options.clock)
    this.epoch = options.epoch
    this.#onQuiet = options.onQuiet
    this.#leaseLeft = options.leaseLeft
    this.#latencies.add(options.onLatency)
    this.#unsubscribe = options.volume.subscribe((event) => {
      if (event.kind === 'lost') this.lose(event.reason)
      else this.#emit(event)
    })
  }

  get uuid(): Uint8Array {
    return this.#volume.uuid
  }
  get name(): string {
    return this.#volume.name
  }
  get sizeBytes(): number {
    return this.#volume.sizeBytes
  }
  get logicalBlockBytes(): 512 | 4096 {
    return this.#volume.logicalBlockBytes
  }
  get readOnly(): boolean {
    return this.#volume.readOnly
  }
  get hasSnapshots(): boolean {
    return this.#volume.hasSnapshots
  }
  get atomicWriteBytesMax(): number {
    return this.#volume.atomicWriteBytesMax
  }

  /** It drains, and no change is under way. */
  get isQuiet(): boolean {
    return this.#isDraining && this.#changing === 0 && this.#lost === undefined
  }

  /** Commands let through and not answered. */
  get underway(): number {
    return this.#underway
  }

  /** Until when hosts are served, in ms of the boot clock. It may end sooner than it did. */
  get untilMs(): number {
    return this.#untilMs
  }

  /** A lease is in force, and the epoch is not over. */
  get isServing(): boolean {
    return this.#lost === undefined && this.#clock.bootMs() < this.#untilMs
  }

  /** `answerer` answers what replicas forward from their hosts (`Replica.forward`), while this epoch is served. */
  onForward(answerer: ForwardAnswerer): void {
    this.#answerer = answerer
  }

  /** Answers what a replica forwarded. CLOSED and BUSY as a write; BUSY also when nobody here answers. */
  async answerForwarded(bytes: Uint8Array): Promise<Uint8Array> {
    this.#check()
    if (this.#answerer === undefined) throw new BlockError('BUSY', `volume ${this.name} has no front end`)
    const answer = await this.#answerer(bytes)
    this.#check()
    return answer
  }

  /** What the engine says of the lease. */
  serve({ kind, untilMs }: Serve): void {
    const leftMs = this.#untilMs - this.#clock.bootMs()
    if (untilMs > this.#untilMs && this.#untilMs > 0) this.#leaseLeft?.record(Math.max(0, leftMs) * US_PER_MS)
    this.#untilMs = untilMs
    const isDraining = kind === 'draining'
    if (isDraining === this.#isDraining) return
    this.#isDraining = isDraining
    if (!isDraining) this.#letGo()
    else if (this.isQuiet) this.#onQuiet()
  }

  /** The epoch is over, or the volume failed. Whoever listens resets the connections within the call. Idempotent. */
  lose(reason: string): void {
    if (this.#lost !== undefined) return
    this.#lost = new BlockError('CLOSED', `volume ${this.name} is not served here any more: ${reason}`)
    this.#unsubscribe()
    this.#letGo()
    this.#hold.end()
    this.#emit({ kind: 'lost', reason })
    this.#listeners.clear()
  }

  #letGo(): void {
    const held = this.#held
    this.#held = []
    for (const go of held) go()
  }

  /**
   * From here on new changes of hosts wait, and those under way are over when the promise resolves, with the name of the hold.
   * It lets go by itself after `holdMs` (up to 5 s). CLOSED and BUSY as a write; BUSY also while they are held already, or
   * when those under way take longer than that.
   */
  async holdWrites(holdMs: number): Promise<string> {
    this.#check()
    const hold = this.#hold.begin(holdMs)
    while (this.#changing > 0) {
      const ended = new Promise<void>((resolve) => this.#ended.push(resolve))
      await Promise.race([ended, this.#hold.wait()])
      this.#check()
      if (!this.#hold.isHolding) throw new BlockError('BUSY', `writes under way took more than ${holdMs} ms`)
    }
    return hold
  }

  /** Lets go. True: nobody's write was let through since `holdWrites`. */
  releaseWrites(hold: string): boolean {
    return this.#hold.release(hold)
  }

  /** Whether hosts are served at this moment: CLOSED when never again, BUSY without a lease. */
  #check(): void {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#clock.bootMs() < this.#untilMs) return
    throw new BlockError('BUSY', `volume ${this.name} has no lease at present`)
  }

  async #answer<T>(run: () => Promise<T>, asker: Asker = 'host'): Promise<T> {
    this.#check()
    this.#underway++
    const beganMs = this.#clock.monotonicMs()
    try {
      const answer = await run()
      const nowMs = this.#clock.monotonicMs()
      if (asker === 'host') this.#tellLatency(nowMs - beganMs, nowMs)
      this.#check()
      return answer
    } finally {
      this.#underway--
    }
  }

  async #change<T>(
    options: WriteOptions | undefined,
    run: (options: WriteOptions) => Promise<T>,
    asker: Asker = 'host',
  ): Promise<T> {
    this.#check()
    while (this.#isDraining || (asker === 'host' && this.#hold.isHolding)) {
      if (this.#isDraining) await new Promise<void>((resolve) => this.#held.push(resolve))
      else await this.#hold.wait()
      this.#check()
    }
    const admit = (): void => {
      this.#check()
      options?.admit?.()
    }
    this.#changing++
    try {
      return await this.#answer(() => run({ ...options, admit }), asker)
    } finally {
      this.#changing--
      if (this.isQuiet) this.#onQuiet()
      for (const tell of this.#ended.splice(0)) tell()
    }
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#check()
    return this.#volume.readNow(offsetBytes, target)
  }

  read(offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.#answer(() => this.#volume.read(offsetBytes, target))
  }

  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.write(offsetBytes, data, admitted))
  }

  flush(): Promise<void> {
    return this.#answer(() => this.#volume.flush())
  }

  checkpoint(): Promise<void> {
    return this.#answer(() => this.#volume.checkpoint())
  }

  trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.trim(offsetBytes, lengthBytes, admitted))
  }

  writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.writeZeroes(offsetBytes, lengthBytes, admitted))
  }

  writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#change(options, (admitted) =>
      this.#volume.writeSame(offsetBytes, lengthBytes, pattern, admitted),
    )
  }

  compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    return this.#change(options, (admitted) =>
      this.#volume.compareAndWrite(offsetBytes, expected, data, admitted),
    )
  }

  readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    return this.#change(options, (admitted) =>
      this.#volume.readModifyWrite(offsetBytes, lengthBytes, combine, admitted),
    )
  }

  allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    return this.#answer(() => this.#volume.allocation(offsetBytes, lengthBytes, runsMax))
  }

  frontendState(): Uint8Array {
    return this.#volume.frontendState()
  }

  setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.setFrontendState(state, admitted))
  }

  /** INVALID_ARGUMENT when the volume would shrink, or cannot have that size. */
  resize(sizeBytes: number, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.resize(sizeBytes, admitted))
  }

  snapshots(): readonly SnapshotInfo[] {
    return this.#volume.snapshots()
  }

  snapshotUsage(): Promise<SnapshotUsage> {
    return this.#answer(() => this.#volume.snapshotUsage(), 'control')
  }

  createSnapshot(
    request: { readonly id: bigint; readonly name: string },
    options?: WriteOptions,
  ): Promise<SnapshotInfo> {
    const create = (admitted: WriteOptions) => this.#volume.createSnapshot(request, admitted)
    return this.#change(options, create, 'control')
  }

  deleteSnapshot(id: bigint, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.deleteSnapshot(id, admitted), 'control')
  }

  restoreSnapshot(id: bigint, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.restoreSnapshot(id, admitted), 'control')
  }

  openSnapshot(id: bigint): Promise<VolumeImage> {
    return this.#answer(() => this.#volume.openSnapshot(id), 'control')
  }

  /** Verifies what is here against its checksums; bad blocks are repaired from other replicas. CLOSED and BUSY as a read. */
  async scrub(): Promise<Scrubbed> {
    this.#check()
    const before = this.#volume.status().counters.blocksRepaired
    const { verifiedBytes, errors, badBlocks } = await this.#volume.scrub()
    this.#check()
    const repaired = this.#volume.status().counters.blocksRepaired - before
    return { verifiedBytes, errors: errors + repaired, repaired, badBlocks }
  }

  get origin(): Origin | null {
    return this.#volume.origin
  }

  setOrigin(origin: Origin, options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.setOrigin(origin, admitted), 'control')
  }

  untouched(
    fromBlock: number,
    limit: number,
  ): Promise<{ readonly blocks: readonly number[]; readonly nextBlock: number | null }> {
    return this.#answer(() => this.#volume.untouched(fromBlock, limit), 'control')
  }

  hydrate(fromBlock: number, data: Uint8Array, options?: WriteOptions): Promise<number> {
    return this.#change(options, (admitted) => this.#volume.hydrate(fromBlock, data, admitted), 'control')
  }

  finishOrigin(options?: WriteOptions): Promise<void> {
    return this.#change(options, (admitted) => this.#volume.finishOrigin(admitted), 'control')
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells how long hosts' commands take. Returns the call that ends it. */
  onLatency(listener: LatencyListener): () => void {
    this.#latencies.add(listener)
    return () => this.#latencies.delete(listener)
  }

  #tellLatency(ms: number, nowMs: number): void {
    for (const tell of this.#latencies) tell(ms, nowMs)
  }

  #emit(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
