import { describe, expect, it } from 'vitest'
import { Life, MachineTime, SimClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import { LEADER_KEY } from '../core/record-keys.ts'
import { MemoryRegistry, MemoryStorage } from '../registry/memory-registry.ts'
import {
  DEFAULT_ELECTION,
  type ElectionEvent,
  type ElectionState,
  electionStep,
  type Found,
  leadershipLeftMs,
  WAITING,
} from './election.ts'
import { Leadership, type Term } from './leadership.ts'

const SELF = { id: 'me', grpc: 'me:7471', http: '' }
const found = (id: string, term: number, beatRevision: number): Found => ({
  leader: { id, term, grpc: '', http: '' },
  leaderRevision: term * 100,
  beatRevision,
})

/** Steps from one state through events at their times; what the last one made. */
function play(from: ElectionState, ...events: readonly [number, ElectionEvent][]) {
  let last = electionStep(from, { kind: 'lost', why: '' }, factsAt(0))
  last = { ...last, state: from }
  for (const [nowMs, event] of events) last = electionStep(last.state, event, factsAt(nowMs))
  return last
}
const factsAt = (nowMs: number) => ({ nowMs, self: SELF, bounds: DEFAULT_ELECTION, isCalling: false })
const LEADING: ElectionState = { kind: 'leading', term: 1, revision: 5, beat: 0, untilMs: 3500, sentMs: 0 }

describe('the election', () => {
  it('takes a registry that nobody leads at once, and checks that there still is no leader', () => {
    const { state, call } = play(WAITING, [
      7,
      { kind: 'found', found: { leader: null, leaderRevision: 0, beatRevision: 0 } },
    ])
    expect(state).toEqual({ kind: 'taking', term: 1, sentMs: 7 })
    expect(call).toMatchObject({
      kind: 'commit',
      transaction: { checks: [{ key: LEADER_KEY, revision: 0 }, { revision: 0 }] },
    })
  })

  it('waits a lease and its margin from when it first saw a renewal, to the millisecond', () => {
    const seen = { kind: 'found', found: found('other', 3, 77) } as const
    expect(play(WAITING, [1000, seen], [5499, seen]).state.kind).toBe('waiting')
    expect(play(WAITING, [1000, seen], [5500, seen]).state).toEqual({ kind: 'taking', term: 4, sentMs: 5500 })
  })

  it('begins to wait anew when the beat has changed meanwhile', () => {
    const { state } = play(
      WAITING,
      [1000, { kind: 'found', found: found('other', 3, 77) }],
      [5400, { kind: 'found', found: found('other', 3, 78) }],
      [9899, { kind: 'found', found: found('other', 3, 78) }],
    )
    expect(state.kind).toBe('waiting')
  })

  it('counts its leadership from before the commit was sent, less the margin', () => {
    const { state } = play({ kind: 'taking', term: 2, sentMs: 100 }, [900, { kind: 'committed', seq: 9 }])
    expect(leadershipLeftMs(state, 900)).toBe(100 + 4000 - 500 - 900)
    expect(leadershipLeftMs(state, 3600)).toBe(0)
  })

  it('is certain of nothing while a renewal goes unanswered, and goes on when one is committed after all', () => {
    const unsure = play(LEADING, [3000, { kind: 'tick' }], [6000, { kind: 'unknown' }])
    expect(unsure.stop).toBeNull()
    expect(leadershipLeftMs(unsure.state, 6000)).toBe(0)
    const sure = play(unsure.state, [6250, { kind: 'tick' }], [6300, { kind: 'committed', seq: 50 }])
    expect(leadershipLeftMs(sure.state, 6300)).toBe(3450)
  })

  it('stops what acts when a renewal is refused, and looks who leads', () => {
    const { state, stop, call } = play(LEADING, [500, { kind: 'tick' }], [510, { kind: 'refused' }])
    expect(stop).toBe('another master leads')
    expect(state).toEqual(WAITING)
    expect(call).toEqual({ kind: 'read' })
  })

  it('finds a term whose answer was lost, and is certain of it only after a renewal', () => {
    const lost = play({ kind: 'taking', term: 2, sentMs: 0 }, [3000, { kind: 'unknown' }])
    expect(lost.state).toEqual(WAITING)
    const again = play(lost.state, [3500, { kind: 'found', found: found('me', 2, 201) }])
    expect(again.isBeginning).toBe(true)
    expect(again.state).toMatchObject({ kind: 'leading', term: 2, revision: 200 })
    expect(leadershipLeftMs(again.state, 3500)).toBe(0)
    expect(again.call).toMatchObject({ transaction: { checks: [{ key: LEADER_KEY, revision: 200 }] } })
  })

  it('another life of the same machine waits like anybody else', () => {
    expect(play(WAITING, [0, { kind: 'found', found: found('me-before', 2, 201) }]).state.kind).toBe(
      'waiting',
    )
  })
})

/** One process of a random run. */
interface Candidate {
  readonly id: string
  readonly time: MachineTime
  life: Life
  registry: MemoryRegistry
  leadership: Leadership
  term: Term | undefined
}

/** Several candidates with clocks that drift, which stop, sleep, die, and lose answers. Never two are certain to lead. */
async function race(seed: number): Promise<{ readonly terms: number; readonly wakes: number }> {
  const random = new SeededRandom(seed)
  const scheduler = new Scheduler(seed)
  const storage = new MemoryStorage(random.fork('storage'))
  const fatal: unknown[] = []
  let lives = 0
  let wakes = 0
  const terms = new Map<number, string>()
  const start = (time: MachineTime): Candidate => {
    const life = new Life()
    const id = `life-${++lives}`
    const clock = new SimClock(scheduler, life, time)
    const own = random.fork(id)
    const registry = new MemoryRegistry({
      storage,
      clock,
      random: own,
      delayMsMax: own.pick([1, 20, 400]),
      isShared: true,
    })
    const candidate: Candidate = { id, time, life, registry, term: undefined, leadership: undefined! }
    candidate.leadership = new Leadership({
      registry,
      clock,
      logger: silentLogger,
      self: { id, grpc: id, http: '' },
      begin: async (term) => {
        expect(terms.get(term.number) ?? id).toBe(id)
        terms.set(term.number, id)
        expect(term.heard.seq).toBe(term.guard.revision - 1)
        candidate.term = term
        return {
          close: () => {
            candidate.term = undefined
          },
        }
      },
      onFatal: (error) => fatal.push(error),
    })
    candidate.leadership.start()
    return candidate
  }
  const rates = [0.97, 1, 1.03]
  const running = rates.map((rate) => start(new MachineTime(scheduler, rate, -1000 * random.integer(100))))
  const certain = (): string[] =>
    running.filter(({ life, term }) => !life.ended && (term?.leadershipMs() ?? 0) > 0).map(({ id }) => id)
  const trouble = (): void => {
    const at = random.integer(running.length)
    const one = running[at]!
    switch (random.integer(4)) {
      case 0:
        one.life.end()
        one.registry.crash()
        running[at] = start(one.time)
        return
      case 1: {
        if (one.life.isStopped) return
        const isAsleep = random.chance(0.5)
        one.life.stop()
        if (isAsleep) one.time.sleep()
        scheduler.schedule('wake', '', random.integer(9000), () => {
          if (isAsleep) one.time.wake()
          if (one.life.ended) return
          one.life.resume(scheduler)
          wakes += 1
        })
        return
      }
      case 2:
        one.registry.failNext({ code: 'TIMED_OUT', isDone: random.chance(0.5) })
        return
      case 3:
        one.registry.failNext({ code: 'DISK' })
    }
  }
  const work = new Promise<void>((resolve) => {
    const next = (left: number): void => {
      expect(certain().length, certain().join(' and ')).toBeLessThanOrEqual(1)
      if (left === 0) {
        resolve()
        return
      }
      if (random.chance(0.05)) trouble()
      scheduler.schedule('look', '', 5 + random.integer(50), () => next(left - 1))
    }
    next(2000)
  })
  await scheduler.until(work, { what: 'the race', limitMs: 400_000 })
  expect(fatal).toEqual([])
  for (const { leadership } of running) leadership.close()
  return { terms: terms.size, wakes }
}

describe('several masters', () => {
  it('never lead two at once, whatever stops, sleeps, dies or goes unanswered', async () => {
    let [terms, wakes] = [0, 0]
    for (let seed = 1; seed <= 25; seed++) {
      const outcome = await race(seed)
      terms += outcome.terms
      wakes += outcome.wakes
    }
    // or the race has shown nothing
    expect(terms).toBeGreaterThan(50)
    expect(wakes).toBeGreaterThan(100)
  })

  it('begins again what could not begin, and stops what is lost before anything else', async () => {
    const scheduler = new Scheduler(1)
    const clock = new SimClock(scheduler, new Life())
    const random = new SeededRandom(1)
    const storage = new MemoryStorage(random)
    const registry = new MemoryRegistry({ storage, clock, random, delayMsMax: 1, isShared: true })
    const begun: Term[] = []
    let closed = 0
    const leadership = new Leadership({
      registry,
      clock,
      logger: silentLogger,
      self: SELF,
      begin: async (term) => {
        begun.push(term)
        if (begun.length === 1) throw new BlockError('DISK', 'the registry cannot be read')
        return { close: () => closed++ }
      },
      onFatal: () => expect.unreachable(),
    })
    const work = async (): Promise<void> => {
      leadership.start()
      await clock.sleep(2000)
      expect(begun.map(({ number }) => number)).toEqual([1, 1])
      expect(begun[1]?.leadershipMs()).toBeGreaterThan(2900)
      begun[1]?.lost('its store is gone')
      expect(closed).toBe(1)
      expect(begun[1]?.leadershipMs()).toBe(0)
      await clock.sleep(2000)
      // the term is still its own
      expect(begun.map(({ number }) => number)).toEqual([1, 1, 1])
      expect(leadership.leader).toEqual({ ...SELF, term: 1 })
      leadership.close()
      expect(closed).toBe(2)
    }
    await scheduler.until(work(), { what: 'the test', limitMs: 60_000 })
  })
})
