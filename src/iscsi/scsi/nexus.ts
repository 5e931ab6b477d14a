/**
 * An I_T_L nexus: one initiator port as one logical unit knows it. Holds the unit attention conditions that
 * the initiator has yet to be told, in the order they arose, each kind once (SAM-5, Unit attention
 * conditions), so the queue is bounded by the number of kinds.
 */
import type { RegistrantId } from '../../frontend/reservations/state.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'

/** A unit attention condition: additional sense code and qualifier. */
export interface UnitAttention {
  readonly asc: number
  readonly ascq: number
}

/** The conditions that arise here, with the codes that SPC-5 assigns to them. */
export const UNIT_ATTENTION = {
  MEDIUM_MAY_HAVE_CHANGED: { asc: 0x28, ascq: 0x00 },
  POWER_ON_OCCURRED: { asc: 0x29, ascq: 0x01 },
  BUS_DEVICE_RESET_OCCURRED: { asc: 0x29, ascq: 0x03 },
  NEXUS_LOSS_OCCURRED: { asc: 0x29, ascq: 0x07 },
  MODE_PARAMETERS_CHANGED: { asc: 0x2a, ascq: 0x01 },
  RESERVATIONS_PREEMPTED: { asc: 0x2a, ascq: 0x03 },
  RESERVATIONS_RELEASED: { asc: 0x2a, ascq: 0x04 },
  REGISTRATIONS_PREEMPTED: { asc: 0x2a, ascq: 0x05 },
  ACCESS_STATE_CHANGED: { asc: 0x2a, ascq: 0x06 },
  CAPACITY_CHANGED: { asc: 0x2a, ascq: 0x09 },
  REPORTED_LUNS_CHANGED: { asc: 0x3f, ascq: 0x0e },
} as const satisfies Record<string, UnitAttention>

/** A SCSI target port: one portal group of the target. */
export interface TargetPort {
  /** iSCSI name of the target. */
  readonly targetName: string
  /** iSCSI target portal group tag: with the name it is the port's name. */
  readonly portalGroupTag: number
  /** 1 to 65535, different for each port of the volume, on all servers that serve it. */
  readonly relativePort: number
  /** Id of the target port group that holds the port. */
  readonly groupId: number
}

export interface NexusOptions {
  /** iSCSI initiator port name (RFC 7143 §4.4.2): `<iSCSI name>,i,0x<ISID as 12 hex digits>`. */
  readonly initiatorPort: string
  readonly port: TargetPort
  /**
   * The same initiator port had a session before that ended without logout, or was reinstated: it is told of an
   * I_T nexus loss rather than of a power on.
   */
  readonly afterNexusLoss?: boolean
  /**
   * Aborts every task of this nexus except the one of `except`, for PREEMPT AND ABORT by another; resolves
   * when none of them can change anything any more.
   */
  readonly abortTasks: (except: TaskSignal | undefined) => Promise<void>
}

/** Made by `LogicalUnit.attach`. */
export class Nexus {
  readonly initiatorPort: string
  /** The target port by which the initiator came. */
  readonly port: TargetPort
  /** The identity under which reservations know it: initiator port and target port together. */
  readonly registrant: RegistrantId
  readonly abortTasks: (except: TaskSignal | undefined) => Promise<void>
  #pending: UnitAttention[] = []

  constructor(options: NexusOptions, registrant: RegistrantId) {
    this.initiatorPort = options.initiatorPort
    this.port = options.port
    this.registrant = registrant
    this.abortTasks = options.abortTasks
    this.raise(
      options.afterNexusLoss === true ? UNIT_ATTENTION.NEXUS_LOSS_OCCURRED : UNIT_ATTENTION.POWER_ON_OCCURRED,
    )
  }

  get hasAttention(): boolean {
    return this.#pending.length > 0
  }

  raise(attention: UnitAttention): void {
    if (!this.#pending.some((pending) => same(pending, attention))) this.#pending.push(attention)
  }

  /** Takes the oldest condition: it counts as reported. */
  take(): UnitAttention | undefined {
    return this.#pending.shift()
  }

  /** Drops a condition that the initiator learned of by other means. */
  drop(attention: UnitAttention): void {
    this.#pending = this.#pending.filter((pending) => !same(pending, attention))
  }
}

const same = (a: UnitAttention, b: UnitAttention): boolean => a.asc === b.asc && a.ascq === b.ascq
