/**
 * A logical unit: a `BlockDevice` as a SCSI direct access block device (SAM-5, SPC-4, SBC-3 and later
 * commands), for any number of initiators at once. Pure of sockets: the session hands in commands and sends
 * what comes out.
 *
 * Always true: commands are independent of each other and may end in any order; what reservations forbid is
 * refused where a change gets its place in the log; every failure of the device becomes a status that the
 * host understands, never zeros and never success. Task sets, queue limits and residual flags are the session's.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice, DeviceEvent, WriteOptions } from '../../base/ports/block-device.ts'
import type { AtomicRanges } from '../../frontend/atomic-ranges.ts'
import type { ReservationPort } from '../../frontend/reservations/port.ts'
import type { Reservations } from '../../frontend/reservations/reservations.ts'
import type { RegistrantId } from '../../frontend/reservations/state.ts'
import type { ReservationNotice } from '../../frontend/reservations/transition.ts'
import type { Sanitizer } from '../../frontend/sanitize/sanitizer.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { CompiledCommand } from './command.ts'
import { COMMANDS } from './command-table.ts'
import { CopyResults } from './copy/results.ts'
import { badLba, DEVICE_VERDICTS, SanitizingError, TaskAbortedError } from './device-errors.ts'
import { ModeParameters } from './mode/parameters.ts'
import { Nexus, type NexusOptions, UNIT_ATTENTION, type UnitAttention } from './nexus.ts'
import type { AccessState, PathState } from './path-state.ts'
import { registrantOf } from './reservations/codes.ts'
import { encodeSense, SENSE, SENSE_KEY, type Sense, type SenseDetails } from './sense.ts'
import { plainResult, type ScsiRequest, type ScsiResult, STATUS } from './task.ts'

/** What INQUIRY tells of the product. */
export interface ProductIdentity {
  /** T10 vendor identification, at most 8 ASCII characters. */
  readonly vendor: string
  /** At most 16 ASCII characters. */
  readonly product: string
  /** At most 4 ASCII characters. */
  readonly revision: string
}

export interface LogicalUnitOptions {
  /** Its device, and what is shared with its other front ends. */
  readonly volume: FrontendVolume
  readonly pool: BufferPool
  readonly path: PathState
  readonly logger: Logger
  readonly identity?: ProductIdentity
  /** Where PERSISTENT RESERVE commands go, when not to the volume itself: on a path that leads to no device. */
  readonly reservations?: ReservationPort
  /**
   * In whose place this one comes: its mode parameters stay, and its nexuses hear of what happens here although they are
   * still to be taken over (`adopt`).
   */
  readonly before?: LogicalUnit
}

const DEFAULT_IDENTITY: ProductIdentity = {
  vendor: 'BASALT',
  product: 'BLOCK VOLUME',
  revision: '0001',
}

const NOTICE_ATTENTIONS = {
  'reservation-preempted': UNIT_ATTENTION.RESERVATIONS_PREEMPTED,
  'reservation-released': UNIT_ATTENTION.RESERVATIONS_RELEASED,
  'registration-preempted': UNIT_ATTENTION.REGISTRATIONS_PREEMPTED,
} as const satisfies Record<ReservationNotice['what'], UnitAttention>

/** SPC-4, Target port group asymmetric access states: what a command gets that the state does not let through. */
const PATH_SENSE = {
  'active-optimized': undefined,
  'active-non-optimized': undefined,
  standby: SENSE.PORT_IN_STANDBY,
  unavailable: SENSE.PORT_UNAVAILABLE,
  offline: SENSE.PORT_UNAVAILABLE,
  transitioning: SENSE.ACCESS_STATE_TRANSITION,
} as const satisfies Record<AccessState, Sense | undefined>

export class LogicalUnit {
  readonly device: BlockDevice
  readonly pool: BufferPool
  /** Those in force, for every command that they may forbid. */
  readonly reservations: Reservations
  /** What PERSISTENT RESERVE commands read and change. */
  readonly reservationPort: ReservationPort
  readonly sanitizer: Sanitizer
  readonly atomicRanges: AtomicRanges
  readonly path: PathState
  readonly identity: ProductIdentity
  readonly blockBytes: 512 | 4096
  readonly modes: ModeParameters
  readonly copies = new CopyResults()
  readonly #logger: Logger
  readonly #nexuses = new Set<Nexus>()
  /** Of the unit before, as far as they are still there. */
  readonly #arriving: ReadonlySet<Nexus>
  /** The unit that takes this one's place: what happens here by those who are still here happens there. */
  #next: LogicalUnit | undefined
  readonly #subscriptions: (() => void)[]
  #lost = false

  constructor(options: LogicalUnitOptions) {
    const { device, reservations, sanitizer, atomicRanges } = options.volume
    this.device = device
    this.pool = options.pool
    this.reservations = reservations
    this.reservationPort = options.reservations ?? reservations
    this.sanitizer = sanitizer
    this.atomicRanges = atomicRanges
    this.path = options.path
    this.identity = options.identity ?? DEFAULT_IDENTITY
    this.blockBytes = device.logicalBlockBytes
    const { before } = options
    this.modes = before?.modes ?? new ModeParameters()
    this.#arriving = before === undefined ? new Set() : before.#nexuses
    if (before !== undefined) before.#next = this
    this.#logger = options.logger
    this.#subscriptions = [
      device.subscribe((event) => this.#onDevice(event)),
      options.path.subscribe(() => this.#raiseHere(UNIT_ATTENTION.ACCESS_STATE_CHANGED)),
      this.reservationPort.subscribe((notices) => this.#onReservations(notices)),
      reservations.subscribeAborts((preempted, except) => this.#abortTasks(preempted, except)),
    ]
  }

  /** Blocks of the medium now; it may grow. */
  get capacityBlocks(): number {
    return this.device.sizeBytes / this.blockBytes
  }

  /** Starts an I_T nexus; `detach` ends it. A nexus of the same two ports has to be detached before. */
  attach(options: NexusOptions): Nexus {
    const nexus = new Nexus(options, registrantOf(options.port.relativePort, options.initiatorPort))
    this.#nexuses.add(nexus)
    return nexus
  }

  /** Ends the nexus (I_T nexus loss or logout): what it held by RESERVE is released. Idempotent. */
  detach(nexus: Nexus): void {
    if (!this.#nexuses.delete(nexus)) return
    if (this.reservations.unitHolder === nexus.registrant) this.reservations.setUnitHolder(undefined)
  }

  /**
   * Takes a nexus over from the unit `from` of the same volume, whose path led to no device: the initiator is told that
   * the path's state has changed, and of the size if that was told late.
   */
  adopt(nexus: Nexus, from: LogicalUnit): void {
    from.#nexuses.delete(nexus)
    this.#nexuses.add(nexus)
    nexus.raise(UNIT_ATTENTION.ACCESS_STATE_CHANGED)
    if (from.device.sizeBytes !== this.device.sizeBytes) nexus.raise(UNIT_ATTENTION.CAPACITY_CHANGED)
  }

  /** Those who are told what happens here. */
  *#known(): Iterable<Nexus> {
    yield* this.#nexuses
    yield* this.#arriving
  }

  /** Executes one command. `request` and its buffers are lent until the result is there. */
  execute(request: ScsiRequest): ScsiResult | Promise<ScsiResult> {
    const command = COMMANDS.find(request.cdb)
    const refused = this.#refuse(command, request)
    if (refused !== undefined) return refused
    try {
      const result = command!.execute(this, request)
      return result instanceof Promise ? result.catch((error) => this.#failed(request, error)) : result
    } catch (error) {
      return this.#failed(request, error)
    }
  }

  /**
   * LOGICAL UNIT RESET, called after the session aborted the tasks: releases RESERVE, sets mode parameters to
   * their defaults and tells every nexus.
   */
  reset(): void {
    if (this.#next !== undefined) {
      this.#next.reset()
      return
    }
    this.reservations.setUnitHolder(undefined)
    this.modes.reset()
    this.raise(UNIT_ATTENTION.BUS_DEVICE_RESET_OCCURRED)
  }

  /** Ends the subscriptions at device, path and reservations. The device stays open. */
  close(): void {
    for (const end of this.#subscriptions.splice(0)) end()
  }

  /** Establishes a unit attention condition for every nexus but `except`. */
  raise(attention: UnitAttention, except?: Nexus): void {
    ;(this.#next ?? this).#raiseHere(attention, except)
  }

  #raiseHere(attention: UnitAttention, except?: Nexus): void {
    for (const nexus of this.#known()) if (nexus !== except) nexus.raise(attention)
  }

  /** CHECK CONDITION in the sense format that the control mode page chose. */
  check(sense: Sense, details: SenseDetails = {}, transferLengthBytes = 0): ScsiResult {
    return {
      status: STATUS.CHECK_CONDITION,
      sense: encodeSense(sense, details, this.modes.descriptorSense),
      dataIn: undefined,
      release: undefined,
      transferLengthBytes,
    }
  }

  /** INVALID FIELD IN CDB at `byte`, and at `bit` where the field is not of whole bytes. */
  invalidCdb(byte: number, bit?: number): ScsiResult {
    return this.check(SENSE.INVALID_FIELD_IN_CDB, {
      field: bit === undefined ? { in: 'cdb', byte } : { in: 'cdb', byte, bit },
    })
  }

  /** INVALID FIELD IN PARAMETER LIST at `byte`, and at `bit` where the field is not of whole bytes. */
  invalidParameter(byte: number, bit?: number): ScsiResult {
    return this.check(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, {
      field: bit === undefined ? { in: 'parameters', byte } : { in: 'parameters', byte, bit },
    })
  }

  /** GOOD with `data`, cut to the allocation length and to what the initiator takes. */
  dataIn(request: ScsiRequest, data: Uint8Array, allocationLength: number): ScsiResult {
    const transferLengthBytes = Math.min(data.byteLength, allocationLength)
    return {
      status: STATUS.GOOD,
      sense: undefined,
      dataIn: data.subarray(0, Math.min(transferLengthBytes, request.dataInLengthMax)),
      release: undefined,
      transferLengthBytes,
    }
  }

  /**
   * LOGICAL BLOCK ADDRESS OUT OF RANGE unless [lba, lba + blocks) lies on the medium; a range of no blocks may
   * begin at its end.
   */
  refuseRange(lba: number, blocks: number): ScsiResult | undefined {
    return lba + blocks > this.capacityBlocks ? this.check(SENSE.LBA_OUT_OF_RANGE) : undefined
  }

  /** DATA PROTECT when nothing may be written now. */
  refuseWrite(): ScsiResult | undefined {
    const isProtected = this.device.readOnly || this.modes.softwareWriteProtect
    return isProtected ? this.check(SENSE.WRITE_PROTECTED) : undefined
  }

  /**
   * For every change of the blocks: the command is refused, where it gets its place in the log, when it was aborted,
   * a reservation forbids it by then, or a sanitize operation has begun before.
   */
  writeOptions(request: ScsiRequest, fua: boolean): WriteOptions {
    return {
      fua,
      admit: () => {
        if (this.sanitizer.operation !== undefined) throw new SanitizingError()
        this.admit(request)
      },
    }
  }

  /** Throws when the command was aborted, or a reservation forbids it now. */
  admit({ signal, nexus }: ScsiRequest): void {
    const { reservations } = this
    if (signal.aborted) throw new TaskAbortedError()
    if (reservations.inForce && reservations.conflicts(nexus.registrant, 'write')) {
      throw new BlockError('RESERVATION_CONFLICT', 'reserved by another initiator')
    }
  }

  /** What is told while a sanitize operation runs, or after it failed (SBC-4, Sanitize operations); else undefined. */
  sanitizeSense(): { readonly sense: Sense; readonly details: SenseDetails } | undefined {
    switch (this.sanitizer.operation?.state) {
      case undefined:
        return undefined
      case 'running':
        return { sense: SENSE.SANITIZE_IN_PROGRESS, details: { progress: this.sanitizer.progress } }
      case 'failed':
        return { sense: SENSE.SANITIZE_COMMAND_FAILED, details: {} }
    }
  }

  /**
   * What stops a command before its own code, in the order of SAM-5: attention, then validity, path, reservations;
   * last whether the blocks can be used at all.
   */
  #refuse(command: CompiledCommand | undefined, request: ScsiRequest): ScsiResult | undefined {
    const { cdb, nexus } = request
    if (nexus.hasAttention && command?.ignoresAttention !== true) return this.#reportAttention(nexus)
    if (command === undefined || command.isSupported?.(this) === false) return this.#unknown(cdb)
    const { mask } = command
    for (let i = 1; i < mask.length; i++) {
      const reserved = (cdb[i] ?? 0) & ~mask[i]!
      if (reserved !== 0) return this.invalidCdb(i, 31 - Math.clz32(reserved))
    }
    if (command.paths !== 'any') {
      const { state } = this.path
      const sense = PATH_SENSE[state]
      if (sense !== undefined && !(state === 'standby' && command.paths === 'standby'))
        return this.check(sense)
      if (this.#lost) return plainResult(STATUS.BUSY)
    }
    if (this.reservations.inForce) {
      const reserved = this.#refuseReserved(command, request)
      if (reserved !== undefined) return reserved
    }
    return this.sanitizer.operation === undefined ? undefined : this.#refuseSanitizing(command)
  }

  #refuseSanitizing({ whileSanitizing }: CompiledCommand): ScsiResult | undefined {
    const told = this.sanitizeSense()
    if (told === undefined || whileSanitizing === 'always') return undefined
    const hasFailed = this.sanitizer.operation?.state === 'failed'
    return hasFailed && whileSanitizing === 'failed' ? undefined : this.check(told.sense, told.details)
  }

  #refuseReserved(command: CompiledCommand, { cdb, nexus }: ScsiRequest): ScsiResult | undefined {
    const access = typeof command.conflicts === 'function' ? command.conflicts(cdb) : command.conflicts
    if (access === 'never') return undefined
    const { unitHolder } = this.reservations
    const isRefused =
      (unitHolder !== undefined && unitHolder !== nexus.registrant) ||
      (access !== 'reserve' && this.reservations.conflicts(nexus.registrant, access))
    return isRefused ? plainResult(STATUS.RESERVATION_CONFLICT) : undefined
  }

  #unknown(cdb: Uint8Array): ScsiResult {
    const isOpcode = COMMANDS.commands.some(
      (command) => command.opcode === cdb[0] && command.isSupported?.(this) !== false,
    )
    return isOpcode ? this.invalidCdb(1, 4) : this.check(SENSE.INVALID_OPERATION_CODE)
  }

  #reportAttention(nexus: Nexus): ScsiResult {
    const { asc, ascq } = nexus.take()!
    return this.check({ key: SENSE_KEY.UNIT_ATTENTION, asc, ascq })
  }

  #failed(request: ScsiRequest, error: unknown): ScsiResult {
    const moved = request.dataOut.byteLength
    if (error instanceof TaskAbortedError) return plainResult(STATUS.TASK_ABORTED, moved)
    if (error instanceof SanitizingError) {
      const { sense, details } = this.sanitizeSense() ?? { sense: SENSE.SANITIZE_IN_PROGRESS, details: {} }
      return this.check(sense, details, moved)
    }
    if (!isBlockError(error)) throw error
    const verdict = DEVICE_VERDICTS[error.code]
    if (typeof verdict === 'number') return plainResult(verdict, moved)
    if (verdict.key === SENSE_KEY.HARDWARE_ERROR || verdict.key === SENSE_KEY.MEDIUM_ERROR) {
      this.#logger.error('scsi.command_failed', { opcode: request.cdb[0], code: error.code }, error)
    }
    return this.check(verdict, { information: badLba(error, this.blockBytes) }, moved)
  }

  #onDevice(event: DeviceEvent): void {
    switch (event.kind) {
      case 'resized':
        this.#raiseHere(UNIT_ATTENTION.CAPACITY_CHANGED)
        break
      case 'restored':
        // neither size nor INQUIRY data are others (2Ah/09h, 3Fh/03h), and nothing was reset (29h): what was read is
        this.#raiseHere(UNIT_ATTENTION.MEDIUM_MAY_HAVE_CHANGED)
        break
      case 'lost':
        this.#lost = true
        break
    }
  }

  async #abortTasks(preempted: readonly RegistrantId[], except: TaskSignal | undefined): Promise<void> {
    // what those have under way who are still to be taken over changes nothing here
    const victims = [...this.#nexuses].filter(({ registrant }) => preempted.includes(registrant))
    await Promise.all(victims.map((nexus) => nexus.abortTasks(except)))
  }

  #onReservations(notices: readonly ReservationNotice[]): void {
    for (const { to, what } of notices) {
      for (const nexus of this.#known()) {
        if (nexus.registrant === to) nexus.raise(NOTICE_ATTENTIONS[what])
      }
    }
  }
}
