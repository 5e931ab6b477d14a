/**
 * A namespace as blocks, over a controller: one method a command of the NVM command set. A status other than success is
 * thrown as `BlockError` (see `nvmeError`). For a load generator `NvmeHostController.submit` is cheaper: here a command
 * costs a promise.
 */
import { viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import type { CompareResult } from '../../base/ports/block-device.ts'
import { IoFlag, IoOpcode } from '../commands.ts'
import { STATUS } from '../status.ts'
import type { NvmeRequest, NvmeResult } from './command.ts'
import { nvmeError } from './errors.ts'
import type { NvmeHostController } from './host-controller.ts'
import { type NamespaceIdentity, readNamespace } from './pages.ts'
import { Cns } from './requests.ts'

export interface BlockRange {
  readonly lba: number
  readonly blocks: number
}

/** RTYPE of a reservation: 1 write exclusive, 2 exclusive access, 3 and 4 the same for registrants, 5 and 6 for all registrants. */
export type ReservationType = 1 | 2 | 3 | 4 | 5 | 6

const RANGE_BYTES = 16
const RANGES_MAX = 256
const ATTRIBUTE_DEALLOCATE = 0x4
const CODE_MASK = 0x7ff
const TWO_32 = 2 ** 32

/** Fields of Read, Write, Compare and Write Zeroes. `blocks`: 1 to 65536. */
export function blockRequest(
  opcode: number,
  { lba, blocks }: BlockRange,
  rest: { nsid?: number; flags?: number; dataOut?: Uint8Array; dataIn?: Uint8Array } = {},
): NvmeRequest {
  const { nsid = 1, flags = 0, dataOut, dataIn } = rest
  return {
    opcode,
    nsid,
    cdw10: lba % TWO_32,
    cdw11: Math.floor(lba / TWO_32),
    cdw12: (flags | (blocks - 1)) >>> 0,
    ...(dataOut !== undefined && { dataOut }),
    ...(dataIn !== undefined && { dataIn }),
  }
}

export class NvmeBlockClient {
  readonly #controller: NvmeHostController
  readonly #nsid: number

  constructor(controller: NvmeHostController, nsid = 1) {
    this.#controller = controller
    this.#nsid = nsid
  }

  async identify(): Promise<NamespaceIdentity> {
    return readNamespace(await this.#controller.identify(Cns.namespace, this.#nsid))
  }

  /** Fills `target` with `blocks` blocks from `lba`. */
  async read(range: BlockRange, target: Uint8Array, options: { fua?: boolean } = {}): Promise<void> {
    const request = this.#blocks(IoOpcode.read, range, { flags: fuaOf(options), dataIn: target })
    const { dataInBytes } = await this.#run('Read', request)
    if (dataInBytes !== target.byteLength) {
      throw new BlockError('PROTOCOL', `Read: ${dataInBytes} bytes instead of ${target.byteLength}`)
    }
  }

  /** Writes `data`, of `range.blocks` blocks. */
  async write(range: BlockRange, data: Uint8Array, options: { fua?: boolean } = {}): Promise<void> {
    await this.#run('Write', this.#blocks(IoOpcode.write, range, { flags: fuaOf(options), dataOut: data }))
  }

  /** Resolves when everything that was written is durable. */
  async flush(): Promise<void> {
    await this.#run('Flush', { opcode: IoOpcode.flush, nsid: this.#nsid })
  }

  /** With `deallocate` the blocks may be given back: they read as zeros all the same. */
  async writeZeroes(range: BlockRange, options: { deallocate?: boolean; fua?: boolean } = {}): Promise<void> {
    const flags = fuaOf(options) | (options.deallocate === true ? IoFlag.deallocate : 0)
    await this.#run('Write Zeroes', this.#blocks(IoOpcode.writeZeroes, range, { flags }))
  }

  /** Deallocates; at most 256 ranges. */
  async deallocate(ranges: readonly BlockRange[]): Promise<void> {
    if (ranges.length === 0 || ranges.length > RANGES_MAX) {
      throw new BlockError('INVALID_ARGUMENT', `Dataset Management takes 1 to ${RANGES_MAX} ranges`)
    }
    const dataOut = new Uint8Array(ranges.length * RANGE_BYTES)
    const view = viewOf(dataOut)
    for (const [i, { lba, blocks }] of ranges.entries()) {
      view.setUint32(i * RANGE_BYTES + 4, blocks, true)
      writeU64(view, i * RANGE_BYTES + 8, lba)
    }
    const fields = { nsid: this.#nsid, cdw10: ranges.length - 1, cdw11: ATTRIBUTE_DEALLOCATE, dataOut }
    await this.#run('Dataset Management', { opcode: IoOpcode.datasetManagement, ...fields })
  }

  /** Whether the blocks are equal to `expected`. */
  async compare(range: BlockRange, expected: Uint8Array): Promise<boolean> {
    const request = this.#blocks(IoOpcode.compare, range, { dataOut: expected })
    const { status } = await this.#controller.execute(request)
    if ((status & CODE_MASK) === STATUS.COMPARE_FAILURE) return false
    if (status !== 0) throw nvmeError('Compare', status)
    return true
  }

  /** Writes `data` if the blocks are equal to `expected`, as one command. Where they differ is not told. */
  async compareAndWrite(
    range: BlockRange,
    content: { expected: Uint8Array; data: Uint8Array },
  ): Promise<Pick<CompareResult, 'equal'>> {
    const [compared, written] = await this.#controller.executeFused(
      this.#blocks(IoOpcode.compare, range, { dataOut: content.expected }),
      this.#blocks(IoOpcode.write, range, { dataOut: content.data }),
    )
    if ((compared.status & CODE_MASK) === STATUS.COMPARE_FAILURE) return { equal: false }
    if (compared.status !== 0) throw nvmeError('Compare', compared.status)
    if (written.status !== 0) throw nvmeError('Write', written.status)
    return { equal: true }
  }

  /** Registers `key`, or replaces the host's own. `action`: 0 register, 1 unregister, 2 replace. */
  async reservationRegister(options: { action: 0 | 1 | 2; current: bigint; key: bigint }): Promise<void> {
    const dataOut = keysOf(options.current, options.key)
    const fields = { nsid: this.#nsid, cdw10: options.action, dataOut }
    await this.#run('Reservation Register', { opcode: IoOpcode.reservationRegister, ...fields })
  }

  /** `action`: 0 acquire, 1 preempt, 2 preempt and abort. */
  async reservationAcquire(options: {
    action: 0 | 1 | 2
    type: ReservationType
    current: bigint
    preempt?: bigint
  }): Promise<void> {
    const dataOut = keysOf(options.current, options.preempt ?? 0n)
    const fields = { nsid: this.#nsid, cdw10: options.action | (options.type << 8), dataOut }
    await this.#run('Reservation Acquire', { opcode: IoOpcode.reservationAcquire, ...fields })
  }

  /** `action`: 0 release, 1 clear. */
  async reservationRelease(options: {
    action: 0 | 1
    type: ReservationType
    current: bigint
  }): Promise<void> {
    const dataOut = keysOf(options.current, 0n).subarray(0, 8)
    const fields = { nsid: this.#nsid, cdw10: options.action | (options.type << 8), dataOut }
    await this.#run('Reservation Release', { opcode: IoOpcode.reservationRelease, ...fields })
  }

  /** Reservation status in the extended data structure, as it came: whole dwords. */
  async reservationReport(lengthBytes = 4096): Promise<Uint8Array> {
    const dataIn = new Uint8Array(lengthBytes)
    const fields = { nsid: this.#nsid, cdw10: lengthBytes / 4 - 1, cdw11: 1, dataIn }
    await this.#run('Reservation Report', { opcode: IoOpcode.reservationReport, ...fields })
    return dataIn
  }

  #blocks(
    opcode: number,
    range: BlockRange,
    rest: { flags?: number; dataOut?: Uint8Array; dataIn?: Uint8Array },
  ): NvmeRequest {
    return blockRequest(opcode, range, { ...rest, nsid: this.#nsid })
  }

  async #run(what: string, request: NvmeRequest): Promise<NvmeResult> {
    const result = await this.#controller.execute(request)
    if (result.status !== 0) throw nvmeError(what, result.status)
    return result
  }
}

const fuaOf = ({ fua }: { fua?: boolean }): number => (fua === true ? IoFlag.forceUnitAccess : 0)

function keysOf(current: bigint, key: bigint): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = viewOf(bytes)
  view.setBigUint64(0, current, true)
  view.setBigUint64(8, key, true)
  return bytes
}
