/**
 * A namespace: a volume as the NVM command set sees it (NVM Express Base 2.0, NVM Command Set 1.0), for any number of
 * controllers at once. Pure of queues and sockets: a controller hands in commands, and sends what comes out.
 *
 * Always true: commands are independent of each other and may end in any order; what reservations forbid is refused
 * where a change gets its place in the log; every failure of the device becomes a status that the host understands,
 * never zeros and never success. A promise is rejected only by a broken invariant. Pairs of fused commands, the limit
 * of a transfer (MDTS), ANA states and command identifiers are the controller's.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice, WriteOptions } from '../../base/ports/block-device.ts'
import type { AtomicRanges } from '../../frontend/atomic-ranges.ts'
import type { Reservations } from '../../frontend/reservations/reservations.ts'
import type { Sanitizer } from '../../frontend/sanitize/sanitizer.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import { DEVICE_STATUS, final, formatStatus, SCT, STATUS } from '../status.ts'
import { Attachments, type ControllerAttachment } from './attachments.ts'
import type { CommandHandler } from './blocks.ts'
import { type CommandEntry, commandOf } from './command-table.ts'
import { compareAndWrite, type FusedResult, firstFails, refusePair, secondFails } from './fused.ts'
import { identificationDescriptors, identifyNamespace } from './identify.ts'
import type { IoCommand, IoResult, NvmeHost } from './io-types.ts'
import { CommandRefusedError, plainResult, SUCCESS } from './result.ts'
import { fuseOf, NSID_ALL, nsidOf, OPCODE, opcodeOf } from './sqe.ts'

export interface NvmeNamespaceOptions {
  /** Its device, and what is shared with its other front ends. */
  readonly volume: FrontendVolume
  readonly pool: BufferPool
  readonly logger: Logger
}

/** Every volume is the first and only namespace of its subsystem. */
export const NSID = 1

const orSuccess = (result: IoResult | undefined): IoResult => result ?? SUCCESS

export class NvmeNamespace {
  readonly volume: FrontendVolume
  readonly device: BlockDevice
  readonly pool: BufferPool
  readonly reservations: Reservations
  readonly sanitizer: Sanitizer
  readonly atomicRanges: AtomicRanges
  readonly blockBytes: 512 | 4096
  /** The controllers here that hosts use it by. */
  readonly controllers: Attachments
  readonly #logger: Logger

  constructor({ volume, pool, logger }: NvmeNamespaceOptions) {
    this.volume = volume
    this.device = volume.device
    this.pool = pool
    this.reservations = volume.reservations
    this.sanitizer = volume.sanitizer
    this.atomicRanges = volume.atomicRanges
    this.blockBytes = volume.device.logicalBlockBytes
    this.controllers = new Attachments(volume.reservations)
    this.#logger = logger
  }

  /**
   * Makes a controller known, for reservations: where its host is told of changes, and whose commands are aborted when
   * the host is preempted. Returns the call that ends it, to be made when the controller goes.
   */
  attach(controller: ControllerAttachment): () => void {
    return this.controllers.add(controller)
  }

  /** Ends the subscriptions at the volume, which stays open. Idempotent. */
  close(): void {
    this.controllers.close()
  }

  /** Identify, CNS 00h: 4096 bytes. */
  identify(): Uint8Array {
    return identifyNamespace(this.device)
  }

  /** Identify, CNS 03h: 4096 bytes. */
  identificationDescriptors(): Uint8Array {
    return identificationDescriptors(this.device)
  }

  /** Blocks now; the device may grow. */
  get capacityBlocks(): number {
    return this.device.sizeBytes / this.blockBytes
  }

  /** Executes one command that is not part of a fused operation; its buffers are lent until the result is there. */
  execute(command: IoCommand): IoResult | Promise<IoResult> {
    const { sqe } = command
    const entry = commandOf(opcodeOf(sqe))
    if (entry === undefined) return plainResult(final(STATUS.INVALID_OPCODE))
    if (fuseOf(sqe) !== 0) return plainResult(final(STATUS.INVALID_FIELD))
    const refusal = this.#refusal(entry, command)
    return refusal === undefined ? this.#run(entry.handler, command) : plainResult(refusal)
  }

  /** Feature 83h, Reservation Persistence: whether reservations survive a loss of power. */
  get reservationPersistence(): boolean {
    return this.reservations.state.persistent
  }

  /** Set Features 83h by `host`; resolves with a status. */
  async setReservationPersistence(host: NvmeHost, persistent: boolean): Promise<number> {
    try {
      await this.reservations.execute({ kind: 'persist', from: host.registrant, persistent })
      return STATUS.SUCCESS
    } catch (error) {
      if (!isBlockError(error)) throw error
      return DEVICE_STATUS[error.code]
    }
  }

  /**
   * Executes Compare and Write, whose halves the queue has brought together: `compare` with FUSE 01b, `write`, which
   * followed it, with FUSE 10b. Buffers of both are lent until the result is there.
   */
  executeFused(compare: IoCommand, write: IoCommand): FusedResult | Promise<FusedResult> {
    const refused = refusePair(this, compare, write)
    if (refused !== undefined) return refused
    const first = this.#refusal(commandOf(OPCODE.COMPARE)!, compare)
    if (first !== undefined) return firstFails(first)
    const second = this.#refusal(commandOf(OPCODE.WRITE)!, write)
    if (second !== undefined) return secondFails(second)
    return compareAndWrite(this, compare, write).catch((error: unknown) =>
      firstFails(this.#statusOf(compare, error)),
    )
  }

  /** Runs `handler`; what the device throws becomes a status. */
  #run(handler: CommandHandler, command: IoCommand): IoResult | Promise<IoResult> {
    try {
      const result = handler(this, command)
      return result instanceof Promise
        ? (result as Promise<IoResult | undefined>).then(orSuccess, (error: unknown) =>
            plainResult(this.#statusOf(command, error)),
          )
        : result
    } catch (error) {
      return plainResult(this.#statusOf(command, error))
    }
  }

  /**
   * For every change of the blocks: the command is refused, where it gets its place in the log, when it was aborted,
   * a reservation forbids it by then, or a sanitize operation has begun before.
   */
  writeOptions(command: IoCommand, fua: boolean): WriteOptions {
    return { fua, admit: () => this.#admit(command) }
  }

  #admit({ signal, host }: IoCommand): void {
    if (signal.aborted) throw new CommandRefusedError(STATUS.ABORT_REQUESTED)
    const sanitizing = this.#sanitizeStatus()
    if (sanitizing !== undefined) throw new CommandRefusedError(sanitizing)
    const { reservations } = this
    if (reservations.inForce && reservations.conflicts(host.registrant, 'write')) {
      throw new CommandRefusedError(final(STATUS.RESERVATION_CONFLICT))
    }
  }

  /** The status that stops a command before its own code, or undefined. */
  #refusal(entry: CommandEntry, { sqe, signal, host }: IoCommand): number | undefined {
    const nsid = nsidOf(sqe)
    // Flush may name all namespaces of the subsystem, which are this one
    const isHere = nsid === NSID || (nsid === NSID_ALL && opcodeOf(sqe) === OPCODE.FLUSH)
    if (!isHere) return final(STATUS.INVALID_NAMESPACE)
    if (signal.aborted) return STATUS.ABORT_REQUESTED
    if (this.volume.lost) return STATUS.INTERNAL_PATH_ERROR
    if (this.sanitizer.operation !== undefined && !entry.isAllowedWhileSanitizing)
      return this.#sanitizeStatus()
    if (entry.access === 'any' || !this.reservations.inForce) return undefined
    return this.reservations.conflicts(host.registrant, entry.access)
      ? final(STATUS.RESERVATION_CONFLICT)
      : undefined
  }

  #sanitizeStatus(): number | undefined {
    switch (this.sanitizer.operation?.state) {
      case undefined:
        return undefined
      case 'running':
        return STATUS.SANITIZE_IN_PROGRESS
      case 'failed':
        return final(STATUS.SANITIZE_FAILED)
    }
  }

  #statusOf({ sqe }: IoCommand, error: unknown): number {
    if (error instanceof CommandRefusedError) return error.status
    if (!isBlockError(error)) throw error
    const status = DEVICE_STATUS[error.code]
    if (((status >>> 8) & 7) === SCT.MEDIA || (status & 0x7ff) === STATUS.INTERNAL_ERROR) {
      const facts = { opcode: opcodeOf(sqe), code: error.code, status: formatStatus(status) }
      this.#logger.error('nvme.command_failed', facts, error)
    }
    return status
  }
}
