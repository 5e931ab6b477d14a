import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import { FrontendRecords, type RecordStore } from '../records.ts'
import { answerForwarded } from './answering.ts'
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from './forward-codec.ts'
import { RemoteReservations } from './remote.ts'
import { Reservations } from './reservations.ts'
import { NO_RESERVATIONS, RESERVATION_TYPES } from './state.ts'
import type { ReservationCommand } from './transition.ts'

const served = (): Reservations => {
  let bytes: Uint8Array = new Uint8Array(0)
  const store: RecordStore = {
    frontendState: () => bytes,
    setFrontendState: async (state) => {
      bytes = state
    },
  }
  return new Reservations(FrontendRecords.load(store, { after: 'failover' }))
}

const register = (from: string, newKey: bigint): ReservationCommand => ({
  kind: 'register',
  from,
  currentKey: 'ignore',
  newKey,
  persistent: true,
})
const preempt = (from: string, key: bigint, victimKey: bigint): ReservationCommand => ({
  kind: 'preempt',
  from,
  key,
  victimKey,
  type: 'write-exclusive',
})

const setup = () => {
  const home = served()
  const asked: number[] = []
  const remote = new RemoteReservations({
    forward: (bytes) => {
      asked.push(bytes.byteLength)
      return answerForwarded(home, bytes)
    },
  })
  const heard: string[] = []
  remote.subscribe((notices) => heard.push(...notices.map(({ to, what }) => `${to} ${what}`)))
  return { home, remote, asked, heard }
}

const key = fc.bigInt(0n, 2n ** 64n - 1n)
const from = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
const type = fc.constantFrom(...RESERVATION_TYPES)
const command: fc.Arbitrary<ReservationCommand> = fc.oneof(
  fc.record({
    kind: fc.constant('register' as const),
    from,
    currentKey: fc.oneof(key, fc.constant('ignore' as const)),
    newKey: key,
    persistent: fc.constantFrom(true, false, undefined),
  }),
  fc.record({ kind: fc.constantFrom('reserve' as const, 'release' as const), from, key, type }),
  fc.record({ kind: fc.constant('clear' as const), from, key }),
  fc.record({
    kind: fc.constant('preempt' as const),
    from,
    key,
    victimKey: key,
    type: fc.oneof(type, fc.constant(undefined)),
  }),
)

describe('questions and answers', () => {
  it('have the documented bytes', () => {
    const question = encodeQuestion({ kind: 'request', command: preempt('ab', 1n, 2n), abort: true })
    expect(Buffer.from(question).toString('hex')).toBe(
      '01050101' + '00000000' + '0100000000000000' + '0200000000000000' + '6162',
    )
    const answer = {
      outcome: 'wrong-type',
      stateBytes: 9,
      offsetBytes: 7,
      piece: Uint8Array.of(5, 6),
    } as const
    expect(Buffer.from(encodeAnswer(answer)).toString('hex')).toBe(
      '01020000' + '09000000' + '07000000' + '0506',
    )
  })

  it('round-trip', () => {
    fc.assert(
      fc.property(command, fc.boolean(), (asked, isAborting) => {
        const question = {
          kind: 'request',
          command: asked,
          abort: isAborting && asked.kind === 'preempt',
        } as const
        expect(decodeQuestion(encodeQuestion(question))).toEqual(question)
      }),
    )
    expect(decodeQuestion(encodeQuestion({ kind: 'read', offsetBytes: 77 }))).toEqual({
      kind: 'read',
      offsetBytes: 77,
    })
  })

  it('hostile bytes get a verdict, and change nothing', async () => {
    const home = served()
    const right = encodeQuestion({ kind: 'request', command: register('a', 1n), abort: false })
    const state = home.state
    for (let at = 0; at < 8; at++) {
      const wrong = Uint8Array.from(right)
      wrong[at]! ^= 0x80
      expect(decodeAnswer(await answerForwarded(home, wrong))?.outcome, `byte ${at}`).toBe('invalid')
    }
    for (const wrong of [new Uint8Array(0), right.subarray(0, 24), Uint8Array.of(...right, 0xff)]) {
      expect(decodeAnswer(await answerForwarded(home, wrong))?.outcome).toBe('invalid')
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(decodeAnswer(await answerForwarded(home, bytes))).toBeDefined()
      }),
    )
    expect(home.state).toBe(state)
  })

  it('an answer that is none is BUSY', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const remote = new RemoteReservations({ forward: async () => bytes })
        const outcome = await remote.read().then(
          () => 'read',
          (error: BlockError) => error.code,
        )
        expect(outcome).toBe('BUSY')
      }),
    )
  })
})

describe('reservations of a volume that another server serves', () => {
  it('are read and changed there', async () => {
    const { home, remote } = setup()
    expect(await remote.request(register('a', 1n))).toEqual({ ok: true })
    expect(await remote.request({ kind: 'reserve', from: 'b', key: 1n, type: 'exclusive-access' })).toEqual({
      ok: false,
      reason: 'conflict',
    })
    expect(home.state.registrants).toEqual(new Map([['a', 1n]]))
    expect(await remote.read()).toEqual(home.state)
    home.setUnitHolder('z')
    expect([await remote.read(), await remote.request(register('b', 2n))]).toEqual(['unit-held', 'unit-held'])
  })

  it('come in pieces when they are long, and whole also when they change meanwhile', async () => {
    const { home, remote, asked } = setup()
    for (let i = 0; i < 700; i++)
      await home.execute(register(`iscsi,1,iqn.${'x'.repeat(200)}${i}`, BigInt(i + 1)))
    expect(await remote.read()).toEqual(home.state)
    expect(asked.length).toBe(3)
    let questions = 0
    const changing = new RemoteReservations({
      forward: async (bytes) => {
        if (++questions === 2) await home.execute(register('another', 5n))
        return answerForwarded(home, bytes)
      },
    })
    expect(await changing.read()).toEqual(home.state)
  })

  it('tell registrants here what others did, with the next answer, but not what they did themselves', async () => {
    const { home, remote, heard } = setup()
    await remote.request(register('here', 1n))
    await remote.request(register('also', 1n))
    await home.execute(register('there', 2n))
    await home.execute(preempt('there', 2n, 1n))
    expect(heard).toEqual([])
    await remote.request(register('also', 3n))
    expect(heard.splice(0)).toEqual(['here registration-preempted'])
    await remote.request(register('also', 0n))
    expect(heard).toEqual([])
    await home.execute({ kind: 'clear', from: 'there', key: 2n })
    remote.caughtUp(home.state)
    expect(heard).toEqual(['there reservation-preempted'])
  })

  it('a released reservation is told where all registrants had something of it', async () => {
    const { home, remote, heard } = setup()
    await remote.request(register('here', 1n))
    await home.execute(register('there', 2n))
    const held = { from: 'there', key: 2n, type: 'write-exclusive-registrants-only' } as const
    await home.execute({ kind: 'reserve', ...held })
    await remote.read()
    await home.execute({ kind: 'release', ...held })
    await remote.read()
    expect(heard).toContain('here reservation-released')
  })

  it('PREEMPT AND ABORT aborts there', async () => {
    const { home, remote } = setup()
    const aborted: string[] = []
    home.subscribeAborts(async (preempted) => void aborted.push(...preempted))
    await home.execute(register('victim', 2n))
    await remote.request(register('here', 1n))
    await remote.request(preempt('here', 1n, 2n))
    expect(aborted).toEqual([])
    await home.execute(register('victim', 2n))
    await remote.request(preempt('here', 1n, 2n), { abort: 'all' })
    expect(aborted).toEqual(['victim'])
  })

  it('are BUSY when nobody answers, for all who wait, and are asked for again afterwards', async () => {
    let isUp = false
    let questions = 0
    const home = served()
    const remote = new RemoteReservations({
      forward: async (bytes) => {
        questions++
        if (!isUp) throw new BlockError('BUSY', 'nobody leads')
        return answerForwarded(home, bytes)
      },
    })
    const ended = await Promise.allSettled([remote.read(), remote.read(), remote.read()])
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(questions).toBe(1)
    isUp = true
    expect(await remote.read()).toEqual(NO_RESERVATIONS)
    const many = await Promise.allSettled(Array.from({ length: 70 }, () => remote.read()))
    expect(many.filter(({ status }) => status === 'rejected').length).toBe(6)
  })
})
