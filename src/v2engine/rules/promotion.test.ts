import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { opening, type ServerId, serverId } from '../identity.ts'
import { SOUND, type Standing } from '../marks.ts'
import type { SealAnswer } from '../messages.ts'
import { type Policy, votesNeeded } from '../policy.ts'
import { decidePromotion, type PromotionVerdict } from './promotion.ts'

const [A, B, C] = ['a', 'b', 'c'].map(serverId) as [ServerId, ServerId, ServerId]
const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const quorum: Policy = { mode: { kind: 'sync_quorum' }, replicaFactor: 3 }
const bestEffort: Policy = { mode: { kind: 'best_effort', maxLagEntries: 9, maxLagMs: 9 }, replicaFactor: 3 }

const DOUBTFUL: Standing = { ...SOUND, isDoubtful: true }
const DAMAGED: Standing = { ...SOUND, isDamaged: true }
const RESYNCING: Standing = { ...SOUND, isResyncing: true }

const answer = (
  server: ServerId,
  epoch: number,
  lsn: number,
  standing: Standing = SOUND,
  hasServed = false,
): SealAnswer => ({
  kind: 'sealed',
  epoch: { number: epochNumber(9), id: 99n },
  server,
  opening: opening(lsn + 100),
  last: { epoch: epochNumber(epoch), lsn },
  standing,
  hasServed,
})

const decide = (
  policy: Policy,
  answers: readonly SealAnswer[],
  options: Partial<Parameters<typeof decidePromotion>[0]> = {},
): PromotionVerdict =>
  decidePromotion({
    policy,
    set: [A, B, C],
    answers,
    isGrantOver: true,
    isWaitOver: false,
    preferred: null,
    ...options,
  })

describe('a promotion', () => {
  it('takes any whole member in sync_all, the greatest of a majority in sync_quorum', () => {
    expect(decide(syncAll, [answer(B, 1, 5)])).toMatchObject({
      kind: 'promote',
      server: B,
      mayHaveLost: false,
    })
    expect(decide(quorum, [answer(B, 1, 5)])).toMatchObject({ kind: 'wait', why: 'answers', missing: [A, C] })
    expect(decide(quorum, [answer(B, 1, 5), answer(C, 1, 7)])).toMatchObject({ kind: 'promote', server: C })
  })

  it('prefers the later epoch to the longer log', () => {
    expect(decide(quorum, [answer(B, 2, 5), answer(C, 1, 90)])).toMatchObject({ server: B })
  })

  it('names the opening that answered', () => {
    expect(decide(syncAll, [answer(B, 1, 5)])).toMatchObject({ opening: 105 })
  })

  it('lets the preferred one win among equals only', () => {
    const answers = [answer(A, 1, 5), answer(B, 1, 5), answer(C, 1, 6)]
    expect(decide(syncAll, answers.slice(0, 2), { preferred: B })).toMatchObject({ server: B })
    expect(decide(syncAll, answers.slice(0, 2))).toMatchObject({ server: A })
    expect(decide(syncAll, answers, { preferred: B })).toMatchObject({ server: C })
  })

  it('waits for the old grant, whoever answered', () => {
    expect(
      decide(syncAll, [answer(A, 1, 1), answer(B, 1, 1), answer(C, 1, 1)], { isGrantOver: false }),
    ).toEqual({
      kind: 'wait',
      why: 'grant',
      missing: [],
    })
  })

  it('does not count a server outside the set', () => {
    expect(decide(syncAll, [answer(serverId('x'), 9, 99)])).toMatchObject({ kind: 'wait' })
  })

  it('asks everybody when too few are free of doubt, and records the possible loss', () => {
    const two = [answer(A, 1, 5, DOUBTFUL), answer(B, 1, 6, DOUBTFUL)]
    expect(decide(syncAll, two)).toMatchObject({ kind: 'wait', missing: [C] })
    const all = [...two, answer(C, 1, 9, DAMAGED)]
    expect(decide(syncAll, all)).toMatchObject({ kind: 'promote', server: B, mayHaveLost: true })
  })

  it('promotes nobody that is resyncing or damaged', () => {
    const all = [answer(A, 1, 5, DAMAGED), answer(B, 1, 6, RESYNCING), answer(C, 1, 7, DAMAGED)]
    expect(decide(syncAll, all)).toEqual({ kind: 'operator' })
  })

  it('leaves it to an operator when all who had what was flushed may be damaged', () => {
    const all = [answer(A, 1, 5, DAMAGED), answer(B, 1, 5, DAMAGED), answer(C, 1, 1, DOUBTFUL)]
    expect(decide(quorum, all)).toEqual({ kind: 'operator' })
    expect(decide(quorum, [all[0]!, answer(B, 1, 4, DOUBTFUL), all[2]!])).toMatchObject({ server: B })
  })

  it('takes what a resyncing member gave up for what nobody needs', () => {
    const all = [answer(A, 1, 5), answer(B, 1, 5, RESYNCING), answer(C, 1, 4, RESYNCING)]
    expect(decide(quorum, all)).toMatchObject({ server: A, mayHaveLost: true })
  })

  it('with one damaged asks that the winner covers who is resyncing', () => {
    const winner = answer(A, 2, 9, DOUBTFUL)
    const damaged = answer(B, 2, 9, DAMAGED)
    expect(decide(quorum, [winner, damaged, answer(C, 2, 9, RESYNCING)])).toMatchObject({ server: A })
    expect(decide(quorum, [winner, damaged, answer(C, 1, 90, RESYNCING)])).toMatchObject({ server: A })
    expect(decide(quorum, [winner, damaged, answer(C, 2, 10, RESYNCING)])).toEqual({ kind: 'operator' })
    expect(decide(quorum, [winner, damaged, answer(C, 3, 1, RESYNCING)])).toEqual({ kind: 'operator' })
  })

  it('seals again when the epoch was led already', () => {
    expect(decide(syncAll, [answer(B, 1, 5, SOUND, true)])).toEqual({ kind: 'sealAgain', server: B })
  })

  it('in best_effort waits for a while and takes the greatest of who answered', () => {
    const answers = [answer(A, 1, 5), answer(B, 1, 6, DOUBTFUL)]
    expect(decide(bestEffort, answers)).toMatchObject({ kind: 'wait' })
    expect(decide(bestEffort, answers, { isWaitOver: true })).toMatchObject({ server: B, mayHaveLost: true })
  })

  it('never misses a committed write while enough members are whole', () => {
    const policies = fc.constantFrom(syncAll, quorum)
    const lastLsns = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(policies, lastLsns, fc.subarray([A, B, C]), (policy, ends, whole) => {
        const servers = [A, B, C]
        // committed is what so many members have; who answers free of doubt has what it had
        const votes = votesNeeded(policy, 3)
        const committed = [...ends].sort((x, y) => y - x)[votes - 1]!
        const answers = servers
          .filter((s) => whole.includes(s))
          .map((s) => answer(s, 1, ends[servers.indexOf(s)]!))
        const verdict = decide(policy, answers)
        if (verdict.kind !== 'promote') return whole.length < 3 - votes + 1
        return ends[servers.indexOf(verdict.server)]! >= committed
      }),
    )
  })
})
