/**
 * The reservation state machine (SPC-5 PERSISTENT RESERVE OUT; NVMe Reservation Register,
 * Acquire and Release). Pure: a command and a state give a verdict with the next state and who is to be told.
 *
 * Price of one machine for both: what one protocol checks and the other does not (reserved types, key 0, IEKEY)
 * is checked by the front end before it calls.
 */
import {
  isAllRegistrants,
  isHolder,
  REGISTRANTS_MAX,
  type RegistrantId,
  type Reservation,
  type ReservationState,
  type ReservationType,
} from './state.ts'

export type ReservationCommand =
  /**
   * Registers, changes the key, or with `newKey` 0 unregisters. `currentKey` must be the registered one, 0 when
   * not registered; 'ignore' leaves it unchecked; 'newcomer' wants it not registered, or with `newKey` already.
   * `persistent` undefined keeps the choice made before.
   */
  | {
      readonly kind: 'register'
      readonly from: RegistrantId
      readonly currentKey: bigint | 'ignore' | 'newcomer'
      readonly newKey: bigint
      readonly persistent: boolean | undefined
    }
  | {
      readonly kind: 'reserve'
      readonly from: RegistrantId
      readonly key: bigint
      readonly type: ReservationType
    }
  | {
      readonly kind: 'release'
      readonly from: RegistrantId
      readonly key: bigint
      readonly type: ReservationType
    }
  | { readonly kind: 'clear'; readonly from: RegistrantId; readonly key: bigint }
  /** Removes the registrations with `victimKey`, and takes the reservation if that is its holder's key. */
  | {
      readonly kind: 'preempt'
      readonly from: RegistrantId
      readonly key: bigint
      readonly victimKey: bigint
      /** Undefined when the request's type is none: that is an error only if the reservation is taken. */
      readonly type: ReservationType | undefined
    }
  /** The Reservation Persistence feature of NVMe: changes nothing else, and is not a change of registrations. */
  | { readonly kind: 'persist'; readonly from: RegistrantId; readonly persistent: boolean }

/** What another registrant has to be told: a unit attention condition, or a notification of NVMe. */
export interface ReservationNotice {
  readonly to: RegistrantId
  readonly what: 'reservation-preempted' | 'reservation-released' | 'registration-preempted'
}

export type ReservationVerdict =
  | {
      readonly ok: true
      readonly state: ReservationState
      readonly notices: readonly ReservationNotice[]
      /** By `preempt`: everyone whose key was named, the requester too, for preempt and abort. */
      readonly preempted: readonly RegistrantId[]
    }
  | {
      readonly ok: false
      readonly reason: /** RESERVATION CONFLICT. */
        | 'conflict'
        /** The holder released with another type than it holds. */
        | 'wrong-type'
        /** Key 0 preempts only what all registrants hold. */
        | 'invalid-key'
        /** The reservation would be taken, with no type. */
        | 'invalid-type'
        | 'too-many-registrants'
    }

type Refusal = Extract<ReservationVerdict, { ok: false }>
const refuse = (reason: Refusal['reason']): Refusal => ({ ok: false, reason })

export function transition(state: ReservationState, command: ReservationCommand): ReservationVerdict {
  switch (command.kind) {
    case 'register':
      return register(state, command)
    case 'reserve':
      return isRegistered(state, command) ? reserve(state, command) : refuse('conflict')
    case 'release':
      return isRegistered(state, command) ? release(state, command) : refuse('conflict')
    case 'clear':
      return isRegistered(state, command) ? clear(state, command.from) : refuse('conflict')
    case 'preempt':
      return isRegistered(state, command) ? preempt(state, command) : refuse('conflict')
    case 'persist':
      return done({ ...state, persistent: command.persistent })
  }
}

const isRegistered = (
  state: ReservationState,
  { from, key }: Exclude<ReservationCommand, { kind: 'register' | 'persist' }>,
): boolean => state.registrants.get(from) === key

type Of<Kind extends ReservationCommand['kind']> = Extract<ReservationCommand, { kind: Kind }>

const done = (
  state: ReservationState,
  notices: readonly ReservationNotice[] = [],
  preempted: readonly RegistrantId[] = [],
): ReservationVerdict => ({ ok: true, state, notices, preempted })

const nextGeneration = (state: ReservationState): number => (state.generation + 1) >>> 0

/** SPC-5, Registering and Unregistering. */
function register(state: ReservationState, command: Of<'register'>): ReservationVerdict {
  const { from, currentKey, newKey } = command
  const registered = state.registrants.get(from)
  const isKeyRight =
    currentKey === 'newcomer'
      ? registered === undefined || registered === newKey
      : currentKey === 'ignore' || currentKey === (registered ?? 0n)
  if (!isKeyRight) return refuse('conflict')
  if (registered === undefined && newKey === 0n) return done(state)
  if (registered === undefined && state.registrants.size >= REGISTRANTS_MAX) {
    return refuse('too-many-registrants')
  }
  const next = {
    ...state,
    generation: nextGeneration(state),
    persistent: command.persistent ?? state.persistent,
  }
  if (newKey !== 0n) return done({ ...next, registrants: new Map(state.registrants).set(from, newKey) })
  return unregister(next, from)
}

function unregister(state: ReservationState, from: RegistrantId): ReservationVerdict {
  const registrants = without(state.registrants, (id) => id === from)
  const { reservation } = state
  const ends =
    reservation !== undefined &&
    (reservation.holder === undefined ? registrants.size === 0 : reservation.holder === from)
  if (!ends) return done({ ...state, registrants })
  return done({ ...state, registrants, reservation: undefined }, releasedNotices(reservation, registrants))
}

/** SPC-5, Reserving. */
function reserve(state: ReservationState, { from, type }: Of<'reserve'>): ReservationVerdict {
  const { reservation } = state
  if (reservation === undefined) return done({ ...state, reservation: reservationOf(type, from) })
  return isHolder(state, from) && reservation.type === type ? done(state) : refuse('conflict')
}

/** SPC-5, Releasing. */
function release(state: ReservationState, { from, type }: Of<'release'>): ReservationVerdict {
  const { reservation } = state
  if (reservation === undefined || !isHolder(state, from)) return done(state)
  if (reservation.type !== type) return refuse('wrong-type')
  const others = without(state.registrants, (id) => id === from)
  return done({ ...state, reservation: undefined }, releasedNotices(reservation, others))
}

/** SPC-5, Clearing. */
function clear(state: ReservationState, from: RegistrantId): ReservationVerdict {
  return done(
    { ...state, generation: nextGeneration(state), registrants: new Map(), reservation: undefined },
    noticesTo(
      without(state.registrants, (id) => id === from),
      'reservation-preempted',
    ),
  )
}

/**
 * SPC-5, Preempting; Preempting and aborting adds that the tasks of `preempted` are aborted. When it takes the
 * reservation, the requester keeps its registration; when it only removes registrations, its own goes too if
 * it named its own key.
 */
function preempt(state: ReservationState, command: Of<'preempt'>): ReservationVerdict {
  const { from, victimKey, type } = command
  const { reservation } = state
  const heldByAll = reservation !== undefined && reservation.holder === undefined
  if (victimKey === 0n && !heldByAll) return refuse('invalid-key')
  const named = new Set<RegistrantId>()
  for (const [id, key] of state.registrants) if (victimKey === 0n || key === victimKey) named.add(id)
  const takes =
    reservation !== undefined && (heldByAll ? victimKey === 0n : named.has(reservation.holder ?? ''))
  if (takes && type === undefined) return refuse('invalid-type')
  if (named.size === 0) return refuse('conflict')
  const preempted = [...named]
  if (takes) named.delete(from)
  const registrants = without(state.registrants, (id) => named.has(id))
  const notices = preempted.filter((id) => id !== from).map((to) => notice(to, 'registration-preempted'))
  const next = { ...state, generation: nextGeneration(state), registrants }
  if (takes && type !== undefined) {
    const others = without(registrants, (id) => id === from)
    if (reservation.type !== type) notices.push(...noticesTo(others, 'reservation-released'))
    return done({ ...next, reservation: reservationOf(type, from) }, notices, preempted)
  }
  return done({ ...next, reservation: registrants.size === 0 ? undefined : reservation }, notices, preempted)
}

const reservationOf = (type: ReservationType, from: RegistrantId): Reservation => ({
  type,
  holder: isAllRegistrants(type) ? undefined : from,
})

type Registrants = ReadonlyMap<RegistrantId, bigint>

const without = (registrants: Registrants, drop: (id: RegistrantId) => boolean): Registrants =>
  new Map([...registrants].filter(([id]) => !drop(id)))

const notice = (to: RegistrantId, what: ReservationNotice['what']): ReservationNotice => ({ to, what })

const noticesTo = (registrants: Registrants, what: ReservationNotice['what']): ReservationNotice[] =>
  [...registrants.keys()].map((to) => notice(to, what))

/** The exclusive types of one holder end without a word: the others had nothing from them. */
function releasedNotices(reservation: Reservation, others: Registrants): ReservationNotice[] {
  const silent = reservation.type === 'write-exclusive' || reservation.type === 'exclusive-access'
  return silent ? [] : noticesTo(others, 'reservation-released')
}
