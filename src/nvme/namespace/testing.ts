/**
 * For tests of a namespace: a harness that makes submission queue entries and executes them, and a probe between the
 * namespace and its device that records calls, fails them, and decides what is in the cache.
 */
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError, type BlockErrorCode } from '../../base/errors.ts'
import { ForwardingDevice } from '../../base/forwarding-device.ts'
import { silentLogger } from '../../base/log.ts'
import type { BlockDevice, CompareResult, WriteOptions } from '../../base/ports/block-device.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { MIB } from '../../base/units.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { formatStatus } from '../status.ts'
import type { IoCommand, IoResult, NvmeHost } from './io-types.ts'
import { NSID, NvmeNamespace } from './namespace.ts'
import { registrantOf } from './registrant.ts'
import { SQE_BYTES } from './sqe.ts'

/** Records what is called, changes where they are admitted. */
class Probe extends ForwardingDevice {
  readonly calls: string[] = []
  /** Whether `readNow` has the bytes at hand. */
  isCached = true
  isReadOnly = false
  #failure: BlockErrorCode | undefined

  override get readOnly(): boolean {
    return this.isReadOnly || this.device.readOnly
  }

  /** The next operation fails. */
  failNext(code: BlockErrorCode): void {
    this.#failure = code
  }

  override readNow(offsetBytes: number, target: Uint8Array): boolean {
    return this.#begin('readNow') && this.isCached && this.device.readNow(offsetBytes, target)
  }
  override async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    this.#begin('read')
    await this.device.read(offsetBytes, target)
  }
  override async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    this.#begin(named('write', options))
    await this.device.write(offsetBytes, data, options)
  }
  override async flush(): Promise<void> {
    this.#begin('flush')
    await this.device.flush()
  }
  override async trim(offsetBytes: number, lengthBytes: number, options?: WriteOptions): Promise<void> {
    this.#begin(named('trim', options))
    await this.device.trim(offsetBytes, lengthBytes, options)
  }
  override async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions,
  ): Promise<void> {
    this.#begin(named('writeZeroes', options))
    await this.device.writeZeroes(offsetBytes, lengthBytes, options)
  }
  override async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options?: WriteOptions,
  ): Promise<CompareResult> {
    this.#begin(named('compareAndWrite', options))
    return this.device.compareAndWrite(offsetBytes, expected, data, options)
  }
  override async setFrontendState(state: Uint8Array, options?: WriteOptions): Promise<void> {
    this.#begin('setFrontendState')
    await this.device.setFrontendState(state, options)
  }

  #begin(what: string): true {
    this.calls.push(what)
    const code = this.#failure
    this.#failure = undefined
    if (code !== undefined) throw new BlockError(code, `injected ${code}`)
    return true
  }
}

const named = (what: string, options: WriteOptions | undefined): string =>
  options?.fua === true ? `${what} fua` : what

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

/** Host number `n`: its identifier has that byte sixteen times. */
export function hostOf(n: number, controllerId = n): NvmeHost {
  const hostId = new Uint8Array(16).fill(n)
  return {
    hostNqn: `nqn.2026-11.org.example:host-${n}`,
    hostId,
    registrant: registrantOf(hostId),
    controllerId,
  }
}

/** Fields of a command; what is not given is 0. */
export interface CommandFields {
  readonly fuse?: number
  readonly nsid?: number
  readonly slba?: number | bigint
  /** Number of blocks less one, as in the command. */
  readonly nlb?: number
  readonly cdw10?: number
  readonly cdw11?: number
  /** Bits 16 to 31 of command dword 12. */
  readonly flags?: number
  readonly dataOut?: Uint8Array
  readonly dataInMax?: number
  readonly host?: NvmeHost
  readonly signal?: TaskSignal
  /** Where data may be put on its way out. */
  readonly place?: Uint8Array
}

const NOT_ABORTED: TaskSignal = { aborted: false, onAbort: () => undefined }
export const ABORTED: TaskSignal = { aborted: true, onAbort: (listener) => listener() }

export const FUA = 0x4000
export const DEAC = 0x0200

/** A namespace over `memory`. */
export class NamespaceHarness {
  readonly device: Probe
  readonly pool = new BufferPool()
  readonly volume: FrontendVolume
  readonly namespace: NvmeNamespace

  constructor(memory: BlockDevice) {
    this.device = new Probe(memory)
    this.volume = new FrontendVolume({
      device: this.device,
      access: OPEN_ACCESS,
      after: 'failover',
      clock: IMPATIENT,
      logger: silentLogger,
    })
    this.namespace = new NvmeNamespace({ volume: this.volume, pool: this.pool, logger: silentLogger })
  }

  command(opcode: number, fields: CommandFields = {}): IoCommand {
    const sqe = new Uint8Array(SQE_BYTES)
    const view = new DataView(sqe.buffer)
    sqe[0] = opcode
    sqe[1] = fields.fuse ?? 0
    view.setUint32(4, fields.nsid ?? NSID, true)
    view.setBigUint64(40, BigInt(fields.slba ?? 0), true)
    if (fields.cdw10 !== undefined) view.setUint32(40, fields.cdw10, true)
    if (fields.cdw11 !== undefined) view.setUint32(44, fields.cdw11, true)
    view.setUint16(48, fields.nlb ?? 0, true)
    view.setUint16(50, fields.flags ?? 0, true)
    return {
      sqe,
      dataOut: fields.dataOut ?? new Uint8Array(0),
      dataInLengthMax: fields.dataInMax ?? 0,
      host: fields.host ?? hostOf(1),
      signal: fields.signal ?? NOT_ABORTED,
      place: () => fields.place,
    }
  }

  /** As it comes from the namespace: at once or later. The caller releases it. */
  start(opcode: number, fields: CommandFields = {}): IoResult | Promise<IoResult> {
    return this.namespace.execute(this.command(opcode, fields))
  }

  /** Status as `0/80!`, and a copy of the data. */
  async send(opcode: number, fields: CommandFields = {}): Promise<{ status: string; data: Uint8Array }> {
    const result = await this.start(opcode, fields)
    const data = Uint8Array.from(result.dataIn ?? [])
    result.release?.()
    return { status: formatStatus(result.status), data }
  }

  async statusOf(opcode: number, fields: CommandFields = {}): Promise<string> {
    return (await this.send(opcode, fields)).status
  }
}

/** `length` bytes that differ by place and by `seed`. */
export const bytesOf = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >>> 8)) & 0xff)

/** More than any test writes. */
export const DEVICE_BYTES = 16 * MIB
