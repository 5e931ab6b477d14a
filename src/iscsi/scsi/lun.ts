/**
 * A logical unit: a `BlockDevice` as a SCSI direct access block device (SAM-6, SPC-5, SBC-4), for any number
 * of initiators at once. Pure of sockets: the session hands in commands and sends what comes out.
 *
 * Always true: commands are independent of each other and may end in any order; what reservations forbid is
 * refused where a change gets its place in the log; every failure of the device becomes a status that the
 * host understands, never zeros and never success. Task sets, queue limits and residual flags are the session's.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { Reservations } from '../../frontend/reservations/reservations.ts'
import type { Nexus, NexusOptions } from './nexus.ts'
import type { PathState } from './path-state.ts'
import { GOOD, type ScsiRequest, type ScsiResult } from './task.ts'

/** What INQUIRY tells of the product. */
export interface ProductIdentity {
  /** T10 vendor identification, at most 8 ASCII characters. */
  readonly vendor: string
  /** At most 16 ASCII characters. */
  readonly product: string
  /** At most 4 ASCII characters. */
  readonly revision: string
}

/** The SCSI target port through which this logical unit is reached here. */
export interface TargetPort {
  /** iSCSI name of the target. */
  readonly targetName: string
  /** iSCSI target portal group tag: with the name it is the port's name. */
  readonly portalGroupTag: number
  /** 1 to 65535, different for each server that serves the volume. */
  readonly relativePort: number
  /** Id of the target port group that holds the port. */
  readonly groupId: number
}

export interface LogicalUnitOptions {
  readonly device: BlockDevice
  readonly pool: BufferPool
  /** Of the volume, shared with its other front ends. */
  readonly reservations: Reservations
  readonly path: PathState
  readonly port: TargetPort
  readonly logger: Logger
  readonly identity?: ProductIdentity
  /** Up to here one `device.write` is atomic; 0 (default): WRITE ATOMIC is neither advertised nor accepted. */
  readonly atomicWriteBytesMax?: number
}

export class LogicalUnit {
  readonly device: BlockDevice

  constructor(options: LogicalUnitOptions) {
    this.device = options.device
  }

  /** Starts an I_T nexus; `detach` ends it. */
  attach(_options: NexusOptions): Nexus {
    throw new Error('unreachable')
  }

  /** Ends the nexus (I_T nexus loss or logout): what it held by RESERVE is released. Idempotent. */
  detach(_nexus: Nexus): void {}

  /**
   * Executes one command. `request` and its buffers are lent until the result is there.
   */
  execute(_request: ScsiRequest): ScsiResult | Promise<ScsiResult> {
    return GOOD
  }

  /**
   * LOGICAL UNIT RESET, called after the session aborted the tasks: releases RESERVE, sets mode parameters to
   * their defaults and tells every nexus.
   */
  reset(): void {}

  /** Ends the subscriptions at device and path. The device stays open. */
  close(): void {}
}

/**
 * Bytes that the session has to fetch from the initiator before it calls `execute`; at most
 * `TRANSFER_BYTES_MAX`. 0 also for commands that will be refused for their length or are unknown.
 */
export function dataOutLengthBytes(_cdb: Uint8Array, _logicalBlockBytes: number): number {
  return 0
}

/** Answers a command to a LUN where there is no logical unit (SPC-5 §5.11?): `luns` are those that are there. */
export function executeAbsent(_request: ScsiRequest, _luns: readonly number[]): ScsiResult {
  return GOOD
}
