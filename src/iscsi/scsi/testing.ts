/**
 * For tests of the device server: a harness that sends CDBs written as hex to a logical unit, and a probe between
 * the unit and its device that records calls, fails them, holds writes back, and decides what is in the cache.
 */

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
import type { Clock } from '../../base/ports/clock.ts'
import { MIB } from '../../base/units.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { dataOutLengthBytes } from './command-table.ts'
import { LogicalUnit, type LogicalUnitOptions } from './lun.ts'
import type { Nexus, TargetPort } from './nexus.ts'
import { singlePath } from './path-state.ts'
import type { ScsiResult } from './task.ts'

/** A device that a test can change from behind. */
interface TestDevice extends BlockDevice {
  grow(sizeBytes: number): void
  restore(): void
  lose(reason: string): void
  /** Operations that wait, between `hold` and `letGo`. */
  hold(): void
  letGo(): void
}

/** Volume of the golden pages. */
export const UUID = Uint8Array.from(Buffer.from('0f1e2d3c4b5a4978a6b5c4d3e2f10011', 'hex'))

class Probe implements BlockDevice {
  readonly #inner: BlockDevice
  readonly uuid: Uint8Array
  readonly name: string
  readonly logicalBlockBytes: 512 | 4096
  readonly atomicWriteBytesMax: number
  readOnly: boolean
  /** Whether `readNow` has the bytes at hand. */
  isCached = true
  /** How much one answer about provisioning covers. */
  allocationBytesMax = Number.POSITIVE_INFINITY
  /** Ranges are recorded and not carried out: they may be long. */
  isAbsorbing = false
  /** Changes wait here before they are admitted. */
  gate: Promise<void> = Promise.resolve()
  /** What was called, in order, changes where they were admitted. */
  readonly calls: string[] = []
  #failure: BlockError | undefined

  constructor(inner: BlockDevice) {
    this.#inner = inner
    this.uuid = inner.uuid
    this.name = inner.name
    this.logicalBlockBytes = inner.logicalBlockBytes
    this.atomicWriteBytesMax = inner.atomicWriteBytesMax
    this.readOnly = inner.readOnly
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes
  }

  get hasSnapshots(): boolean {
    return this.#inner.hasSnapshots
  }

  /** The next operation fails. */
  failNext(code: BlockErrorCode, facts: ErrorFacts = {}): void {
    this.#failure = new BlockError(code, `injected ${code}`, { facts })
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    this.#begin('readNow')
    return this.isCached && this.#inner.readNow(offsetBytes, target)
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#begin('read')
    await this.#inner.read(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    await this.#turn(options?.fua === true ? 'write fua' : 'write')
    await this.#inner.write(offsetBytes, data, options)
  }

  async flush(): Promise<void> {
    this.#begin('flush')
    await this.#inner.flush()
  }

  async checkpoint(): Promise<void> {
    this.#begin('checkpoint')
    await this.#inner.checkpoint()
  }

  async trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#turn('trim')
    if (this.isAbsorbing) return options?.admit?.()
    await this.#inner.trim(offsetBytes, lengthBytes, options)
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    await this.#turn('writeZeroes')
    await this.#inner.writeZeroes(offsetBytes, lengthBytes, options)
  }

  async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#turn('writeSame')
    if (this.isAbsorbing) return options?.admit?.()
    await this.#inner.writeSame(offsetBytes, lengthBytes, pattern, options)
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    await this.#turn('compareAndWrite')
    return this.#inner.compareAndWrite(offsetBytes, expected, data, options)
  }

  async readModifyWrite(
    offsetBytes: number,
    lengthBytes: number,
    combine: (content: Uint8Array) => void,
    options?: WriteOptions,
  ): Promise<void> {
    await this.#turn('readModifyWrite')
    await this.#inner.readModifyWrite(offsetBytes, lengthBytes, combine, options)
  }

  async allocation(offsetBytes: number, lengthBytes: number, runsMax: number): Promise<AllocationRun[]> {
    this.#begin('allocation')
    return this.#inner.allocation(offsetBytes, Math.min(lengthBytes, this.allocationBytesMax), runsMax)
  }

  frontendState(): Uint8Array {
    return this.#inner.frontendState()
  }

  async setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    await this.#turn('setFrontendState')
    await this.#inner.setFrontendState(state, options)
  }

  subscribe(listener: (event: DeviceEvent) => void): () => void {
    return this.#inner.subscribe(listener)
  }

  #begin(what: string): void {
    this.calls.push(what)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  async #turn(what: string): Promise<void> {
    await this.gate
    this.#begin(what)
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock on which nobody waits for long, for tests that are not about time. */
const IMPATIENT: Clock = {
  monotonicMs: () => 0,
  bootMs: () => 0,
  wallMs: () => 0,
  after: () => ({ cancel: () => undefined }),
  sleep: nextTurn,
  yield: nextTurn,
}

export interface SendOptions {
  readonly dataOut?: Uint8Array
  /** Expected data transfer length of reads; default: more than any command returns. */
  readonly dataInMax?: number
  readonly nexus?: Nexus
  readonly signal?: { aborted: boolean; onAbort?: (listener: () => void) => void }
}

/** Options of the device that a test serves, and of the logical unit over it. */
export interface HarnessOptions {
  readonly sizeBytes?: number
  readonly logicalBlockBytes?: 512 | 4096
  readonly atomicWriteBytesMax?: number
  readonly unit?: Partial<LogicalUnitOptions>
}

/** Port N of the tests' target is its portal group N. */
export const portOf = (relativePort: number): TargetPort => ({
  targetName: 'iqn.2026-11.io.basalt:vol',
  portalGroupTag: relativePort,
  relativePort,
  groupId: 1,
})

/** A logical unit over `memory`, with one nexus whose power on condition was already reported. */
export class Harness {
  readonly memory: TestDevice
  readonly device: Probe
  readonly pool = new BufferPool()
  readonly unit: LogicalUnit
  readonly nexus: Nexus
  /** Nexuses whose tasks were aborted, by initiator port. */
  readonly aborted: string[] = []

  constructor(memory: TestDevice, unit: Partial<LogicalUnitOptions> = {}, clock: Clock = IMPATIENT) {
    this.memory = memory
    this.device = new Probe(memory)
    this.unit = new LogicalUnit({
      volume: new FrontendVolume({
        device: this.device,
        access: OPEN_ACCESS,
        after: 'power-loss',
        clock,
        logger: silentLogger,
      }),
      pool: this.pool,
      path: singlePath({ groupId: 1, relativePorts: () => [1] }),
      logger: silentLogger,
      ...unit,
    })
    this.nexus = this.attach('iqn.2026-11.example:first,i,0x00023d000001')
  }

  /** A nexus of `initiatorPort` through port 1, or through another one. */
  attach(initiatorPort: string, relativePort = 1): Nexus {
    const nexus = this.unit.attach({
      initiatorPort,
      port: portOf(relativePort),
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
    const { signal } = options
    return this.unit.execute({
      cdb,
      dataOut: sent.subarray(0, dataOutLengthBytes(cdb, this.device.logicalBlockBytes)),
      dataOutLengthExpected: sent.byteLength,
      dataInLengthMax: options.dataInMax ?? 64 * MIB,
      nexus: options.nexus ?? this.nexus,
      signal: {
        get aborted() {
          return signal?.aborted ?? false
        },
        onAbort: signal?.onAbort ?? (() => undefined),
      },
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
