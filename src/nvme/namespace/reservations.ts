/**
 * Reservation Register, Acquire and Release (NVM Express Base 2.0, Reservations). The rules are those of
 * src/frontend/reservations, which iSCSI hosts of the volume follow too; here is what NVMe checks before, and which
 * status a refusal is.
 *
 * Keys are little-endian, and the same number as the big-endian key of an iSCSI host. A key of 0 is no key: it cannot
 * be registered.
 */
import type { ReservationType } from '../../frontend/reservations/state.ts'
import type { ReservationCommand, ReservationVerdict } from '../../frontend/reservations/transition.ts'
import { final, STATUS } from '../status.ts'
import type { CommandHandler } from './blocks.ts'
import type { IoCommand, IoResult } from './io-types.ts'
import type { NvmeNamespace } from './namespace.ts'
import { plainResult, SUCCESS } from './result.ts'
import { cdw10Of, u32At } from './sqe.ts'

export const TYPE_CODES = {
  'write-exclusive': 1,
  'exclusive-access': 2,
  'write-exclusive-registrants-only': 3,
  'exclusive-access-registrants-only': 4,
  'write-exclusive-all-registrants': 5,
  'exclusive-access-all-registrants': 6,
} as const satisfies Record<ReservationType, number>

const TYPES = new Map<number, ReservationType>(
  Object.entries(TYPE_CODES).map(([type, code]) => [code, type as ReservationType]),
)

const REGISTER = { REGISTER: 0, UNREGISTER: 1, REPLACE: 2 } as const
const ACQUIRE = { ACQUIRE: 0, PREEMPT: 1, PREEMPT_AND_ABORT: 2 } as const
const RELEASE = { RELEASE: 0, CLEAR: 1 } as const

const INVALID_FIELD = final(STATUS.INVALID_FIELD)
const CONFLICT = final(STATUS.RESERVATION_CONFLICT)

/** A command for the state machine, or the status that refuses the request. */
type Built = ReservationCommand | number
type Builder = (command: IoCommand, fields: Fields, namespace: NvmeNamespace) => Built

interface Fields {
  /** RREGA, RACQA or RRELA. */
  readonly action: number
  /** IEKEY. */
  readonly ignoresKey: boolean
  /** RTYPE of Acquire and Release; undefined where it names none. */
  readonly type: ReservationType | undefined
  /** CPTPL of Register. */
  readonly persistence: number
  /** CRKEY. */
  readonly key: bigint
  /** NRKEY of Register, PRKEY of Acquire. */
  readonly otherKey: bigint
}

const keyAt = (data: Uint8Array, at: number): bigint =>
  (BigInt(u32At(data, at + 4)) << 32n) | BigInt(u32At(data, at))

function fieldsOf({ sqe, dataOut }: IoCommand): Fields {
  const cdw10 = cdw10Of(sqe)
  return {
    action: cdw10 & 0x07,
    ignoresKey: (cdw10 & 0x08) !== 0,
    type: TYPES.get((cdw10 >>> 8) & 0xff),
    persistence: cdw10 >>> 30,
    key: keyAt(dataOut, 0),
    otherKey: keyAt(dataOut, 8),
  }
}

/** The data may be longer than the structure: Linux sends as much for each of the three commands. */
const reservationCommand =
  (
    dataBytes: number,
    build: Builder,
    isAborting: (fields: Fields) => boolean = () => false,
  ): CommandHandler =>
  (namespace, command) => {
    // 0 is the identifier of hosts that have none, and all of them would be one registrant
    if (command.host.hostId.every((byte) => byte === 0)) return plainResult(INVALID_FIELD)
    if (command.dataOut.byteLength < dataBytes) return plainResult(final(STATUS.DATA_SGL_LENGTH_INVALID))
    // whoever holds the unit by RESERVE of SPC-2 has put reservations out of use for all
    if (namespace.reservations.unitHolder !== undefined) return plainResult(CONFLICT)
    const fields = fieldsOf(command)
    const built = build(command, fields, namespace)
    if (typeof built === 'number') return plainResult(built)
    return carryOut(namespace, command, built, isAborting(fields))
  }

async function carryOut(
  { reservations }: NvmeNamespace,
  { signal }: IoCommand,
  change: ReservationCommand,
  isAborting: boolean,
): Promise<IoResult> {
  const verdict = await reservations.execute(change)
  if (!verdict.ok) return plainResult(statusOf(verdict.reason))
  if (!isAborting) return SUCCESS
  await reservations.abortTasks(verdict.preempted, signal)
  // It was carried out, but who was preempted may still be at work.
  return signal.aborted ? plainResult(STATUS.ABORT_REQUESTED) : SUCCESS
}

function statusOf(reason: Extract<ReservationVerdict, { ok: false }>['reason']): number {
  switch (reason) {
    case 'conflict':
      return CONFLICT
    case 'wrong-type':
    case 'invalid-key':
    case 'invalid-type':
      return INVALID_FIELD
    case 'too-many-registrants':
      return final(STATUS.INTERNAL_ERROR)
  }
}

/** CPTPL: no change, reserved, ends with a loss of power, persists. */
const PERSISTENCE: readonly (boolean | undefined | 'reserved')[] = [undefined, 'reserved', false, true]

export const register = reservationCommand(16, ({ host }, fields, { reservations }) => {
  const { action, ignoresKey, key, otherKey } = fields
  const persistent = PERSISTENCE[fields.persistence]
  if (persistent === 'reserved') return INVALID_FIELD
  const common = { kind: 'register', from: host.registrant, persistent } as const
  switch (action) {
    case REGISTER.REGISTER:
      return otherKey === 0n ? INVALID_FIELD : { ...common, currentKey: 'newcomer', newKey: otherKey }
    case REGISTER.UNREGISTER: {
      const isRegistered = reservations.state.registrants.has(host.registrant)
      if (!isRegistered || (!ignoresKey && key === 0n)) return CONFLICT
      return { ...common, currentKey: ignoresKey ? 'ignore' : key, newKey: 0n }
    }
    case REGISTER.REPLACE:
      if (otherKey === 0n) return INVALID_FIELD
      // with IEKEY whether it is registered does not count either, and without a key only a newcomer would match
      if (!ignoresKey && key === 0n) return CONFLICT
      return { ...common, currentKey: ignoresKey ? 'ignore' : key, newKey: otherKey }
    default:
      return INVALID_FIELD
  }
})

export const acquire = reservationCommand(
  16,
  ({ host }, { action, ignoresKey, type, key, otherKey }) => {
    if (ignoresKey || type === undefined) return INVALID_FIELD
    const from = host.registrant
    switch (action) {
      case ACQUIRE.ACQUIRE:
        return { kind: 'reserve', from, key, type }
      case ACQUIRE.PREEMPT:
      case ACQUIRE.PREEMPT_AND_ABORT:
        return { kind: 'preempt', from, key, victimKey: otherKey, type }
      default:
        return INVALID_FIELD
    }
  },
  ({ action }) => action === ACQUIRE.PREEMPT_AND_ABORT,
)

export const release = reservationCommand(8, ({ host }, { action, ignoresKey, type, key }) => {
  if (ignoresKey) return INVALID_FIELD
  const from = host.registrant
  switch (action) {
    case RELEASE.RELEASE:
      return type === undefined ? INVALID_FIELD : { kind: 'release', from, key, type }
    case RELEASE.CLEAR:
      return { kind: 'clear', from, key }
    default:
      return INVALID_FIELD
  }
})
