import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  conflicts,
  isAllRegistrants,
  isHolder,
  NO_RESERVATIONS,
  REGISTRANTS_MAX,
  RESERVATION_TYPES,
  type ReservationState,
  type ReservationType,
} from './state.ts'
import { type ReservationCommand, type ReservationVerdict, transition } from './transition.ts'

/** Applies commands that must all be accepted. */
function stateAfter(...commands: ReservationCommand[]): ReservationState {
  return commands.reduce((state, command) => accepted(transition(state, command)).state, NO_RESERVATIONS)
}

function accepted(verdict: ReservationVerdict): Extract<ReservationVerdict, { ok: true }> {
  if (!verdict.ok) throw new Error(`refused: ${verdict.reason}`)
  return verdict
}

const reasonOf = (verdict: ReservationVerdict): string => (verdict.ok ? 'accepted' : verdict.reason)
const told = (verdict: ReservationVerdict): string[] =>
  accepted(verdict).notices.map(({ to, what }) => `${to} ${what}`)

const register = (
  from: string,
  newKey: bigint,
  currentKey: bigint | 'ignore' = 'ignore',
): ReservationCommand => ({
  kind: 'register',
  from,
  currentKey,
  newKey,
  persistent: false,
})
const reserve = (from: string, key: bigint, type: ReservationType): ReservationCommand => ({
  kind: 'reserve',
  from,
  key,
  type,
})
const release = (from: string, key: bigint, type: ReservationType): ReservationCommand => ({
  kind: 'release',
  from,
  key,
  type,
})
const preempt = (
  from: string,
  key: bigint,
  victimKey: bigint,
  type: ReservationType | undefined,
): ReservationCommand => ({ kind: 'preempt', from, key, victimKey, type })

describe('register', () => {
  it('needs key 0 of a newcomer and the registered key of a registrant', () => {
    expect(reasonOf(transition(NO_RESERVATIONS, register('a', 1n, 5n)))).toBe('conflict')
    const state = stateAfter(register('a', 1n, 0n))
    expect(reasonOf(transition(state, register('a', 2n, 0n)))).toBe('conflict')
    expect(stateAfter(register('a', 1n, 0n), register('a', 2n, 1n)).registrants.get('a')).toBe(2n)
  })

  it('counts changes, and nothing when nobody unregisters', () => {
    expect(stateAfter(register('a', 0n, 0n))).toBe(NO_RESERVATIONS)
    expect(stateAfter(register('a', 1n), register('b', 2n), register('a', 0n)).generation).toBe(3)
  })

  it('wraps the generation at 32 bits', () => {
    const last = { ...NO_RESERVATIONS, generation: 0xffffffff }
    expect(accepted(transition(last, register('a', 1n))).state.generation).toBe(0)
  })

  it('keeps the choice to persist where the request makes none', () => {
    const state = stateAfter({ ...register('a', 1n), persistent: true } as ReservationCommand)
    expect(state.persistent).toBe(true)
    const kept = transition(state, {
      kind: 'register',
      from: 'b',
      currentKey: 0n,
      newKey: 2n,
      persistent: undefined,
    })
    expect(accepted(kept).state.persistent).toBe(true)
  })

  it('has room for the last registrant and not for one more', () => {
    const many = new Map(Array.from({ length: REGISTRANTS_MAX - 1 }, (_, i) => [`r${i}`, 1n]))
    const almost = { ...NO_RESERVATIONS, registrants: many }
    const full = accepted(transition(almost, register('last', 1n))).state
    expect(full.registrants.size).toBe(REGISTRANTS_MAX)
    expect(reasonOf(transition(full, register('more', 1n)))).toBe('too-many-registrants')
    expect(reasonOf(transition(full, register('last', 2n)))).toBe('accepted')
  })

  it('a holder that unregisters ends its reservation and tells the others of registrants only', () => {
    const types = RESERVATION_TYPES.filter((type) => !isAllRegistrants(type))
    const results = types.map((type) => {
      const state = stateAfter(register('a', 1n), register('b', 2n), reserve('a', 1n, type))
      const verdict = transition(state, register('a', 0n, 1n))
      expect(accepted(verdict).state.reservation).toBeUndefined()
      return [type, told(verdict)]
    })
    expect(results).toEqual([
      ['write-exclusive', []],
      ['exclusive-access', []],
      ['write-exclusive-registrants-only', ['b reservation-released']],
      ['exclusive-access-registrants-only', ['b reservation-released']],
    ])
  })

  it('what all registrants hold ends with the last of them', () => {
    const state = stateAfter(
      register('a', 1n),
      register('b', 2n),
      reserve('a', 1n, 'write-exclusive-all-registrants'),
    )
    const one = accepted(transition(state, register('a', 0n, 1n))).state
    expect(one.reservation?.type).toBe('write-exclusive-all-registrants')
    expect(accepted(transition(one, register('b', 0n, 2n))).state.reservation).toBeUndefined()
  })

  it('a holder may change its key and holds on', () => {
    const state = stateAfter(register('a', 1n), reserve('a', 1n, 'write-exclusive'), register('a', 9n, 1n))
    expect(isHolder(state, 'a')).toBe(true)
  })
})

describe('reserve and release', () => {
  it.each(RESERVATION_TYPES)('%s is taken, kept when taken again, released', (type) => {
    const state = stateAfter(register('a', 1n), reserve('a', 1n, type), reserve('a', 1n, type))
    expect(isHolder(state, 'a')).toBe(true)
    expect(accepted(transition(state, release('a', 1n, type))).state.reservation).toBeUndefined()
  })

  it('need a registration with the right key', () => {
    const state = stateAfter(register('a', 1n))
    expect(reasonOf(transition(state, reserve('a', 2n, 'write-exclusive')))).toBe('conflict')
    expect(reasonOf(transition(state, reserve('b', 0n, 'write-exclusive')))).toBe('conflict')
    expect(reasonOf(transition(state, release('b', 0n, 'write-exclusive')))).toBe('conflict')
  })

  it('another may not reserve, the holder not with another type', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('a', 1n, 'write-exclusive'))
    expect(reasonOf(transition(state, reserve('b', 2n, 'write-exclusive')))).toBe('conflict')
    expect(reasonOf(transition(state, reserve('a', 1n, 'exclusive-access')))).toBe('conflict')
  })

  it('what all registrants hold, each of them may reserve again and release', () => {
    const type = 'exclusive-access-all-registrants'
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('a', 1n, type))
    expect(reasonOf(transition(state, reserve('b', 2n, type)))).toBe('accepted')
    expect(told(transition(state, release('b', 2n, type)))).toEqual(['a reservation-released'])
  })

  it('a release by another is without effect, one with another type is an error', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('a', 1n, 'write-exclusive'))
    expect(accepted(transition(state, release('b', 2n, 'write-exclusive'))).state).toBe(state)
    expect(reasonOf(transition(state, release('a', 1n, 'exclusive-access')))).toBe('wrong-type')
  })

  it('do not count as changes of registrations', () => {
    const state = stateAfter(register('a', 1n), reserve('a', 1n, 'write-exclusive'))
    expect(state.generation).toBe(1)
  })
})

describe('clear', () => {
  it('removes all and tells the others', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('b', 2n, 'write-exclusive'))
    const verdict = transition(state, { kind: 'clear', from: 'a', key: 1n })
    expect(accepted(verdict).state).toMatchObject({ generation: 3, reservation: undefined })
    expect(accepted(verdict).state.registrants.size).toBe(0)
    expect(told(verdict)).toEqual(['b reservation-preempted'])
  })
})

describe('preempt', () => {
  const TYPE = 'write-exclusive-registrants-only'

  it('takes the reservation of the holder whose key is named, with everyone of that key', () => {
    const state = stateAfter(
      register('a', 1n),
      register('b', 2n),
      register('c', 2n),
      register('d', 3n),
      reserve('b', 2n, TYPE),
    )
    const verdict = transition(state, preempt('a', 1n, 2n, 'exclusive-access'))
    expect(accepted(verdict).state.reservation).toEqual({ type: 'exclusive-access', holder: 'a' })
    expect([...accepted(verdict).state.registrants.keys()]).toEqual(['a', 'd'])
    expect(told(verdict)).toEqual([
      'b registration-preempted',
      'c registration-preempted',
      'd reservation-released',
    ])
    expect(accepted(verdict).preempted).toEqual(['b', 'c'])
  })

  it('says nothing of a release when the type stays', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), register('d', 3n), reserve('b', 2n, TYPE))
    expect(told(transition(state, preempt('a', 1n, 2n, TYPE)))).toEqual(['b registration-preempted'])
  })

  it('only removes registrations where the key is not the holder’s, whatever the type field says', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), register('c', 3n), reserve('b', 2n, TYPE))
    const verdict = transition(state, preempt('a', 1n, 3n, undefined))
    expect(accepted(verdict).state.reservation).toEqual({ type: TYPE, holder: 'b' })
    expect(told(verdict)).toEqual(['c registration-preempted'])
  })

  it('removes registrations without a reservation too', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n))
    const verdict = transition(state, preempt('a', 1n, 2n, TYPE))
    expect(accepted(verdict).state.reservation).toBeUndefined()
    expect([...accepted(verdict).state.registrants.keys()]).toEqual(['a'])
  })

  it('refuses an unknown key, key 0 of one holder, and no type for the reservation it takes', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('b', 2n, TYPE))
    expect(reasonOf(transition(state, preempt('a', 1n, 9n, TYPE)))).toBe('conflict')
    expect(reasonOf(transition(state, preempt('a', 1n, 0n, TYPE)))).toBe('invalid-key')
    expect(reasonOf(transition(state, preempt('a', 1n, 2n, undefined)))).toBe('invalid-type')
    expect(reasonOf(transition(stateAfter(register('a', 1n)), preempt('a', 1n, 0n, TYPE)))).toBe(
      'invalid-key',
    )
  })

  it('with key 0 takes what all registrants hold and removes all the others', () => {
    const state = stateAfter(
      register('a', 1n),
      register('b', 2n),
      reserve('b', 2n, 'exclusive-access-all-registrants'),
    )
    const verdict = transition(state, preempt('a', 1n, 0n, 'write-exclusive'))
    expect(accepted(verdict).state.reservation).toEqual({ type: 'write-exclusive', holder: 'a' })
    expect([...accepted(verdict).state.registrants.keys()]).toEqual(['a'])
    expect(accepted(verdict).preempted).toEqual(['a', 'b'])
  })

  it('with a key removes registrants of what all hold, and leaves it to the rest', () => {
    const type = 'exclusive-access-all-registrants'
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('b', 2n, type))
    const verdict = transition(state, preempt('a', 1n, 2n, 'write-exclusive'))
    expect(accepted(verdict).state.reservation).toEqual({ type, holder: undefined })
    expect(told(verdict)).toEqual(['b registration-preempted'])
  })

  it('a holder that preempts its own key keeps its registration and takes the new type', () => {
    const state = stateAfter(register('a', 1n), register('b', 1n), reserve('a', 1n, TYPE))
    const verdict = transition(state, preempt('a', 1n, 1n, 'exclusive-access'))
    expect(accepted(verdict).state.reservation).toEqual({ type: 'exclusive-access', holder: 'a' })
    expect([...accepted(verdict).state.registrants.keys()]).toEqual(['a'])
  })

  it('one that only removes registrations removes its own with its own key', () => {
    const state = stateAfter(register('a', 1n), register('b', 2n), reserve('b', 2n, TYPE))
    const verdict = transition(state, preempt('a', 1n, 1n, TYPE))
    expect([...accepted(verdict).state.registrants.keys()]).toEqual(['b'])
    expect(told(verdict)).toEqual([])
  })
})

describe('conflicts', () => {
  it('follows the table of types, roles and access', () => {
    const table = RESERVATION_TYPES.map((type) => {
      const state = stateAfter(
        register('holder', 1n),
        register('registrant', 2n),
        reserve('holder', 1n, type),
      )
      const may = (id: string) =>
        (['read', 'write'] as const)
          .map((access) => (conflicts(state, id, access) ? '-' : access[0]))
          .join('')
      return [type, may('holder'), may('registrant'), may('other')]
    })
    expect(table).toEqual([
      ['write-exclusive', 'rw', 'r-', 'r-'],
      ['exclusive-access', 'rw', '--', '--'],
      ['write-exclusive-registrants-only', 'rw', 'rw', 'r-'],
      ['exclusive-access-registrants-only', 'rw', 'rw', '--'],
      ['write-exclusive-all-registrants', 'rw', 'rw', 'r-'],
      ['exclusive-access-all-registrants', 'rw', 'rw', '--'],
    ])
  })
})

describe('any sequence of commands', () => {
  const id = fc.constantFrom('a', 'b', 'c')
  const key = fc.constantFrom(0n, 1n, 2n, 3n)
  const type = fc.constantFrom(...RESERVATION_TYPES)
  const command: fc.Arbitrary<ReservationCommand> = fc.oneof(
    fc.record({
      kind: fc.constant('register' as const),
      from: id,
      currentKey: fc.oneof(key, fc.constant('ignore' as const)),
      newKey: key,
      persistent: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('reserve' as const), from: id, key, type }),
    fc.record({ kind: fc.constant('release' as const), from: id, key, type }),
    fc.record({ kind: fc.constant('clear' as const), from: id, key }),
    fc.record({ kind: fc.constant('preempt' as const), from: id, key, victimKey: key, type }),
  )

  it('keeps the rules of the state, and changes nothing when it refuses', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        let state = NO_RESERVATIONS
        for (const one of commands) {
          const verdict = transition(state, one)
          if (!verdict.ok) continue
          for (const { to } of verdict.notices) expect(state.registrants.has(to)).toBe(true)
          state = verdict.state
          for (const value of state.registrants.values()) expect(value).not.toBe(0n)
          const { reservation } = state
          if (reservation === undefined) continue
          expect(state.registrants.size).toBeGreaterThan(0)
          expect(reservation.holder === undefined).toBe(isAllRegistrants(reservation.type))
          if (reservation.holder !== undefined) expect(state.registrants.has(reservation.holder)).toBe(true)
        }
      }),
    )
  })
})
