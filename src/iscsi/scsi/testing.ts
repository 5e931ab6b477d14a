/**
 * For tests of the device server: a volume in memory, and a harness that sends CDBs written as hex. The device
 * keeps 4 KiB blocks, knows which of them are allocated, and can be told to fail or to hold writes back.
 */
import { assert } from '../../base/assert.ts'
import { isZero } from '../../base/binary.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError, type BlockErrorCode, type ErrorFacts } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import type {
  AllocationRun,
  BlockDevice,
  CompareResult,
  DeviceEvent,
  WriteOptions,
} from '../../base/ports/block-device.ts'
import { MIB } from '../../base/units.ts'
import { Reservations } from '../../frontend/reservations/reservations.ts'
import { dataOutLengthBytes } from './command-table.ts'
import { LogicalUnit, type LogicalUnitOptions } from './lun.ts'
import type { Nexus } from './nexus.ts'
import { singlePath } from './path-state.ts'
import type { ScsiResult } from './task.ts'

const PAGE_BYTES = 4096

export class MemoryDevice implements BlockDevice {
  readonly uuid = Uint8Array.from(Buffer.from('0f1e2d3c4b5a4978a6b5c4d3e2f10011', 'hex'))
  readonly name = 'memory'
  sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readOnly = false
  /** Whether `readNow` has the bytes at hand. */
  isCached = true
  /** What the next operation fails with. */
  failure: BlockError | undefined
  /** Writes wait here before they are admitted. */
  gate: Promise<void> = Promise.resolve()
  readonly calls: string[] = []
  readonly #pages = new Map<number, Uint8Array>()
  readonly #listeners = new Set<(event: DeviceEvent) => void>()
  #state: Uint8Array = new Uint8Array(0)

  constructor(options: { sizeBytes?: number; logicalBlockBytes?: 512 | 4096 } = {}) {
    this.sizeBytes = options.sizeBytes ?? 16 * MIB
    this.logicalBlockBytes = options.logicalBlockBytes ?? 512
  }

  failNext(code: BlockErrorCode, facts: ErrorFacts = {}): void {
    this.failure = new BlockError(code, `injected ${code}`, { facts })
  }

  emit(event: DeviceEvent): void {
    if (event.kind === 'resized') this.sizeBytes = event.sizeBytes
    for (const listener of this.#listeners) listener(event)
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#begin('readNow', offsetBytes, target.byteLength)
    if (this.isCached) this.#copyOut(offsetBytes, target)
    return this.isCached
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    await this.gate
    this.#begin('read', offsetBytes, target.byteLength)
    this.#copyOut(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    await this.#admit(options?.fua === true ? 'write fua' : 'write', offsetBytes, data.byteLength, options)
    this.#copyIn(offsetBytes, data)
  }

  async flush(): Promise<void> {
    this.#begin('flush', 0, 0)
  }

  async trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#admit('trim', offsetBytes, lengthBytes, options)
    this.#zero(offsetBytes, lengthBytes, true)
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#admit('writeZeroes', offsetBytes, lengthBytes, options)
    this.#zero(offsetBytes, lengthBytes, false)
  }

  async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    assert(pattern.byteLength === this.logicalBlockBytes, 'the pattern is one block')
    await this.#admit('writeSame', offsetBytes, lengthBytes, options)
    for (let at = 0; at < lengthBytes; at += pattern.byteLength) this.#copyIn(offsetBytes + at, pattern)
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    await this.#admit('compareAndWrite', offsetBytes, data.byteLength, options)
    const content = new Uint8Array(expected.byteLength)
    this.#copyOut(offsetBytes, content)
    const mismatchOffsetBytes = content.findIndex((byte, i) => byte !== expected[i])
    if (mismatchOffsetBytes >= 0) return { equal: false, mismatchOffsetBytes }
    this.#copyIn(offsetBytes, data)
    return { equal: true }
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#admit('readModifyWrite', offsetBytes, lengthBytes, options)
    const content = new Uint8Array(lengthBytes)
    this.#copyOut(offsetBytes, content)
    combine(content)
    this.#copyIn(offsetBytes, content)
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#begin('allocation', offsetBytes, lengthBytes)
    const runs: AllocationRun[] = []
    const end = offsetBytes + lengthBytes
    let at = offsetBytes
    while (at < end) {
      const next = Math.min((Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES, end)
      const mapped = this.#pages.has(Math.floor(at / PAGE_BYTES))
      const last = runs.at(-1)
      if (last?.mapped === mapped) {
        runs[runs.length - 1] = { ...last, lengthBytes: next - last.offsetBytes }
      } else if (runs.length === runsMax) {
        break
      } else {
        runs.push({ offsetBytes: at, lengthBytes: next - at, mapped })
      }
      at = next
    }
    return runs
  }

  frontendState(): Uint8Array {
    return this.#state
  }

  async setFrontendState(state: Uint8Array): Promise<void> {
    await this.#admit('setFrontendState', 0, 0)
    this.#state = Uint8Array.from(state)
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #begin(what: string, offsetBytes: number, lengthBytes: number): void {
    this.calls.push(what)
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure
    const isAligned = offsetBytes % this.logicalBlockBytes === 0 && lengthBytes % this.logicalBlockBytes === 0
    if (!isAligned || offsetBytes + lengthBytes > this.sizeBytes) throw new BlockError('OUT_OF_RANGE', what)
  }

  async #admit(
    what: string,
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions,
  ): Promise<void> {
    await this.gate
    this.#begin(what, offsetBytes, lengthBytes)
    options?.admit?.()
  }

  #copyOut(offsetBytes: number, target: Uint8Array): void {
    this.#eachPage(offsetBytes, target.byteLength, (page, from, to, at) => {
      const content = this.#pages.get(page)
      if (content === undefined) target.fill(0, at, at + to - from)
      else target.set(content.subarray(from, to), at)
    })
  }

  #copyIn(offsetBytes: number, data: Uint8Array): void {
    this.#eachPage(offsetBytes, data.byteLength, (page, from, to, at) => {
      const content = this.#pages.get(page) ?? new Uint8Array(PAGE_BYTES)
      this.#pages.set(page, content)
      content.set(data.subarray(at, at + to - from), from)
    })
  }

  #zero(offsetBytes: number, lengthBytes: number, deallocates: boolean): void {
    this.#eachPage(offsetBytes, lengthBytes, (page, from, to) => {
      const content = this.#pages.get(page) ?? new Uint8Array(PAGE_BYTES)
      content.fill(0, from, to)
      if (deallocates && isZero(content)) this.#pages.delete(page)
      else this.#pages.set(page, content)
    })
  }

  #eachPage(
    offsetBytes: number,
    lengthBytes: number,
    visit: (page: number, from: number, to: number, at: number) => void,
  ): void {
    for (let at = 0; at < lengthBytes; ) {
      const from = (offsetBytes + at) % PAGE_BYTES
      const length = Math.min(PAGE_BYTES - from, lengthBytes - at)
      visit(Math.floor((offsetBytes + at) / PAGE_BYTES), from, from + length, at)
      at += length
    }
  }
}

export interface SendOptions {
  readonly dataOut?: Uint8Array
  /** Expected data transfer length of reads; default: more than any command returns. */
  readonly dataInMax?: number
  readonly nexus?: Nexus
  readonly signal?: { aborted: boolean }
}

/** A logical unit over a `MemoryDevice`, with one nexus whose power on condition was already reported. */
export class Harness {
  readonly device: MemoryDevice
  readonly pool = new BufferPool()
  readonly unit: LogicalUnit
  readonly nexus: Nexus
  /** Nexuses whose tasks were aborted, by initiator port. */
  readonly aborted: string[] = []

  constructor(
    options: {
      sizeBytes?: number
      logicalBlockBytes?: 512 | 4096
      unit?: Partial<LogicalUnitOptions>
      device?: MemoryDevice
    } = {},
  ) {
    this.device = options.device ?? new MemoryDevice(options)
    this.unit = new LogicalUnit({
      device: this.device,
      pool: this.pool,
      reservations: Reservations.load(this.device, { after: 'power-loss' }),
      path: singlePath({ groupId: 1, relativePort: 1 }),
      port: { targetName: 'iqn.2026-11.io.basalt:vol', portalGroupTag: 1, relativePort: 1, groupId: 1 },
      logger: silentLogger,
      ...options.unit,
    })
    this.nexus = this.attach('iqn.2026-11.example:first,i,0x00023d000001')
  }

  attach(initiatorPort: string): Nexus {
    const nexus = this.unit.attach({
      initiatorPort,
      abortTasks: async () => {
        this.aborted.push(initiatorPort)
      },
    })
    nexus.take()
    return nexus
  }

  /** Executes the CDB given as hex (spaces ignored), padded to the 16 bytes of a PDU. */
  async send(hex: string, options: SendOptions = {}): Promise<ScsiResult> {
    const result = await this.start(hex, options)
    result.release?.()
    return result
  }

  start(hex: string, options: SendOptions = {}): ScsiResult | Promise<ScsiResult> {
    const cdb = new Uint8Array(16)
    cdb.set(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    const sent = options.dataOut ?? new Uint8Array(0)
    return this.unit.execute({
      cdb,
      dataOut: sent.subarray(0, dataOutLengthBytes(cdb, this.device.logicalBlockBytes)),
      dataOutLengthExpected: sent.byteLength,
      dataInLengthMax: options.dataInMax ?? 64 * MIB,
      nexus: options.nexus ?? this.nexus,
      signal: options.signal ?? { aborted: false },
    })
  }
}

/** Sense key, code and qualifier as `5/24/00`, or the status where there is no sense data. */
export function outcome(result: ScsiResult): string {
  const { sense, status } = result
  if (sense === undefined) return `status ${status.toString(16).padStart(2, '0')}`
  const isDescriptor = ((sense[0] ?? 0) & 0x7f) >= 0x72
  const [key, asc, ascq] = isDescriptor ? [sense[1], sense[2], sense[3]] : [sense[2], sense[12], sense[13]]
  return [key?.toString(16), asc?.toString(16).padStart(2, '0'), ascq?.toString(16).padStart(2, '0')].join(
    '/',
  )
}

/** `length` bytes that differ by place and by `seed`. */
export const bytesOf = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >>> 8)) & 0xff)

export const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')
