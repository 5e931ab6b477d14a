/**
 * The device that hosts are served from while this server leads an epoch: the volume's own, behind the lease. The lease
 * is compared with the clock when a command is taken, where it gets its LSN, and before its answer goes out; no timer
 * sets a flag. When the epoch is over it is lost for good.
 *
 *     open ⇄ draining (changes are held back) ──▶ lost
 */
import { BlockError } from '../base/errors.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Epoch } from '../base/units.ts'
import type { Serve } from '../v2engine/effects.ts'

/** A volume of this server, which waits until what it answers is committed. */
export interface LedVolume extends BlockDevice {
  /** Grows it through the log. */
  resize(sizeBytes: number, options?: WriteOptions): Promise<void>
}

export interface LedDeviceOptions {
  readonly volume: LedVolume
  readonly clock: Clock
  readonly epoch: Epoch
  /** While draining: nothing that was let through is under way any more. */
  readonly onQuiet: () => void
  /** A command took so long, in ms of the monotonic clock. */
  readonly onLatency: (ms: number, nowMs: number) => void
}

/** Answers bytes with bytes; BUSY or another `BlockError`: they may be sent again. */
export type ForwardAnswerer = (bytes: Uint8Array) => Promise<Uint8Array>

export class LedDevice implements BlockDevice {
  readonly epoch: Epoch
  readonly #volume: LedVolume
  readonly #clock: Clock
  readonly #onQuiet: () => void
  readonly #onLatency: (ms: number, nowMs: number) => void
  #untilMs = Number.NEGATIVE_INFINITY
  #isDraining = false
  #lost: BlockError | undefined
  /** Commands let through and not answered, and those of them that change something. */
  #underway = 0
  #changing = 0
  #answerer: ForwardAnswerer | undefined
  /** Changes that wait for the end of the draining. */
  #held: (() => void)[] = []
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  readonly #unsubscribe: () => void

  constructor(options: LedDeviceOptions) {
    this.#volume = options.volume
    this.#clock = options.clock
    this.epoch = options.epoch
    this.#onQuiet = options.onQuiet
    this.#onLatency = options.onLatency
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
    this.#emit({ kind: 'lost', reason })
    this.#listeners.clear()
  }

  #letGo(): void {
    const held = this.#held
    this.#held = []
    for (const go of held) go()
  }

  /** Whether hosts are served at this moment: CLOSED when never again, BUSY without a lease. */
  #check(): void {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#clock.bootMs() < this.#untilMs) return
    throw new BlockError('BUSY', `volume ${this.name} has no lease at present`)
  }

  async #answer<T>(run: () => Promise<T>): Promise<T> {
    this.#check()
    this.#underway++
    const beganMs = this.#clock.monotonicMs()
    try {
      const answer = await run()
      const nowMs = this.#clock.monotonicMs()
      this.#onLatency(nowMs - beganMs, nowMs)
      this.#check()
      return answer
    } finally {
      this.#underway--
    }
  }

  async #change<T>(
    options: WriteOptions | undefined,
    run: (options: WriteOptions) => Promise<T>,
  ): Promise<T> {
    this.#check()
    while (this.#isDraining) {
      await new Promise<void>((resolve) => this.#held.push(resolve))
      this.#check()
    }
    const admit = (): void => {
      this.#check()
      options?.admit?.()
    }
    this.#changing++
    try {
      return await this.#answer(() => run({ ...options, admit }))
    } finally {
      this.#changing--
      if (this.isQuiet) this.#onQuiet()
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
  resize(sizeBytes: number): Promise<void> {
    return this.#change(undefined, (admitted) => this.#volume.resize(sizeBytes, admitted))
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #emit(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
