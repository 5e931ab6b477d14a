/**
 * A whole `BlockDevice` in memory: an oracle for front ends, and something to serve. Blocks that were never written
 * or were trimmed take no space and read as zeros. Every operation takes effect in one step, where it calls
 * `admit`; `hold` keeps operations waiting before that step, so that a test can act while they are under way.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../../../src/base/ports/block-device.ts'
import { BLOCK_BYTES } from '../../../src/base/units.ts'

const ZEROS = new Uint8Array(BLOCK_BYTES)

export class MemoryDevice implements BlockDevice {
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly readOnly: boolean
  readonly atomicWriteBytesMax: number
  hasSnapshots = false
  sizeBytes: number
  /** Operations that were let in, for tests. */
  readonly counts = { reads: 0, writes: 0, flushes: 0, checkpoints: 0 }
  readonly #blocks = new Map<number, Uint8Array>()
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  #frontendState: Uint8Array = new Uint8Array(0)
  #lost = false
  #waiting = 0
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined

  constructor(options: {
    sizeBytes: number
    name?: string
    uuid?: Uint8Array
    logicalBlockBytes?: 512 | 4096
    readOnly?: boolean
    atomicWriteBytesMax?: number
  }) {
    this.sizeBytes = options.sizeBytes
    this.name = options.name ?? 'memory'
    this.uuid = options.uuid ?? Uint8Array.from({ length: 16 }, (_, i) => 0x40 + i)
    this.logicalBlockBytes = options.logicalBlockBytes ?? 512
    this.readOnly = options.readOnly ?? false
    this.atomicWriteBytesMax = options.atomicWriteBytesMax ?? 0
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    if (this.#gate !== undefined) return false
    this.#check(offsetBytes, target.byteLength)
    this.#copyOut(offsetBytes, target)
    return true
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#check(offsetBytes, target.byteLength)
    await this.#pass()
    this.#copyOut(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    await this.#change(offsetBytes, data.byteLength, options, () => this.#copyIn(offsetBytes, data))
  }

  async flush(): Promise<void> {
    await this.#pass()
    this.#refuseWhenLost()
    this.counts.flushes++
  }

  async checkpoint(): Promise<void> {
    await this.#pass()
    this.#refuseWhenLost()
    this.counts.checkpoints++
  }

  async trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#change(offsetBytes, lengthBytes, options, () => this.#clear(offsetBytes, lengthBytes))
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.trim(offsetBytes, lengthBytes, options)
  }

  async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#change(offsetBytes, lengthBytes, options, () => {
      for (let at = 0; at < lengthBytes; at += pattern.byteLength) this.#copyIn(offsetBytes + at, pattern)
    })
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    let result: CompareResult = { equal: true }
    await this.#change(offsetBytes, data.byteLength, options, () => {
      const found = new Uint8Array(expected.byteLength)
      this.#copyOut(offsetBytes, found)
      const mismatch = found.findIndex((byte, i) => byte !== expected[i])
      if (mismatch >= 0) result = { equal: false, mismatchOffsetBytes: mismatch }
      else this.#copyIn(offsetBytes, data)
    })
    return result
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#change(offsetBytes, lengthBytes, options, () => {
      const content = new Uint8Array(lengthBytes)
      this.#copyOut(offsetBytes, content)
      combine(content)
      this.#copyIn(offsetBytes, content)
    })
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#check(offsetBytes, lengthBytes)
    const runs: { offsetBytes: number; lengthBytes: number; mapped: boolean }[] = []
    const end = offsetBytes + lengthBytes
    for (let at = offsetBytes; at < end; ) {
      const next = Math.min(end, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES)
      const mapped = this.#blocks.has(Math.floor(at / BLOCK_BYTES))
      const last = runs.at(-1)
      if (last?.mapped === mapped) last.lengthBytes += next - at
      else if (runs.length === runsMax) break
      else runs.push({ offsetBytes: at, lengthBytes: next - at, mapped })
      at = next
    }
    return runs
  }

  frontendState(): Uint8Array {
    return this.#frontendState
  }

  async setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    this.#refuseWhenLost()
    options?.admit?.()
    this.#frontendState = Uint8Array.from(state)
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Operations that wait for `letGo`. */
  get waiting(): number {
    return this.#waiting
  }

  /** From now on operations wait until `letGo`. */
  hold(): void {
    if (this.#gate !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = { opened: promise, open: resolve }
  }

  letGo(): void {
    this.#gate?.open()
    this.#gate = undefined
  }

  grow(sizeBytes: number): void {
    this.sizeBytes = sizeBytes
    this.#tell({ kind: 'resized', sizeBytes })
  }

  /** All content is gone, as when the volume was set back to before it was written. */
  restore(): void {
    this.#blocks.clear()
    this.#tell({ kind: 'restored' })
  }

  /** Ends this opening of the device, as a failover would. */
  lose(reason: string): void {
    this.#lost = true
    this.#tell({ kind: 'lost', reason })
  }

  async #pass(): Promise<void> {
    if (this.#gate === undefined) return
    this.#waiting++
    await this.#gate.opened
    this.#waiting--
  }

  #tell(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  #check(offsetBytes: number, lengthBytes: number): void {
    this.#refuseWhenLost()
    const isAligned = offsetBytes % this.logicalBlockBytes === 0 && lengthBytes % this.logicalBlockBytes === 0
    if (isAligned && offsetBytes >= 0 && offsetBytes + lengthBytes <= this.sizeBytes) return
    throw new BlockError('OUT_OF_RANGE', 'outside the device', { facts: { offsetBytes, lengthBytes } })
  }

  #refuseWhenLost(): void {
    if (this.#lost) throw new BlockError('CLOSED', 'the device was lost')
  }

  async #change(
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions | undefined,
    apply: () => void,
  ): Promise<void> {
    this.#check(offsetBytes, lengthBytes)
    if (this.readOnly) throw new BlockError('READ_ONLY', 'the device is read-only')
    await this.#pass()
    this.#refuseWhenLost()
    options?.admit?.()
    apply()
    this.counts.writes++
  }

  #copyOut(offsetBytes: number, target: Uint8Array): void {
    this.#refuseWhenLost()
    this.counts.reads++
    for (let at = 0; at < target.byteLength; ) {
      const { block, within, lengthBytes } = place(offsetBytes + at, target.byteLength - at)
      const content = this.#blocks.get(block) ?? ZEROS
      target.set(lengthBytes === BLOCK_BYTES ? content : content.subarray(within, within + lengthBytes), at)
      at += lengthBytes
    }
  }

  #copyIn(offsetBytes: number, data: Uint8Array): void {
    for (let at = 0; at < data.byteLength; ) {
      const { block, within, lengthBytes } = place(offsetBytes + at, data.byteLength - at)
      let content = this.#blocks.get(block)
      if (content === undefined) {
        content = new Uint8Array(BLOCK_BYTES)
        this.#blocks.set(block, content)
      }
      content.set(data.subarray(at, at + lengthBytes), within)
      at += lengthBytes
    }
  }

  #clear(offsetBytes: number, lengthBytes: number): void {
    for (let at = 0; at < lengthBytes; ) {
      const part = place(offsetBytes + at, lengthBytes - at)
      if (part.lengthBytes === BLOCK_BYTES) this.#blocks.delete(part.block)
      else this.#blocks.get(part.block)?.fill(0, part.within, part.within + part.lengthBytes)
      at += part.lengthBytes
    }
  }
}

/** Where a byte stands among the blocks, and how many of `lengthBytes` bytes are in the same block. */
function place(
  offsetBytes: number,
  lengthBytes: number,
): { block: number; within: number; lengthBytes: number } {
  const block = Math.floor(offsetBytes / BLOCK_BYTES)
  const within = offsetBytes - block * BLOCK_BYTES
  return { block, within, lengthBytes: Math.min(lengthBytes, BLOCK_BYTES - within) }
}
