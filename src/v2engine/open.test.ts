import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import { opening, serverId } from './identity.ts'
import type { Marks, ResyncMark } from './marks.ts'
import { openReplica } from './open.ts'
import { DEFAULT_BOUNDS } from './policy.ts'

const EPOCH = { number: epochNumber(5), id: 5n }
const HISTORY = [{ epoch: { number: epochNumber(1), id: 1n }, firstLsn: lsn(1) }]
const RESYNC: ResyncMark = {
  phase: 'forgetting',
  base: lsn(82),
  common: lsn(82),
  target: lsn(121),
  history: HISTORY,
}

function reopened(resync: ResyncMark, durable: number) {
  const stored: Marks = {
    ...{ opening: opening(1), bootId: 'boot', sealed: EPOCH, served: epochNumber(0) },
    ...{ isDoubtful: false, isDamaged: false, resync, set: null },
  }
  const at = lsn(durable)
  return openReplica({
    ...{ self: serverId('c'), bounds: DEFAULT_BOUNDS, nowMs: 0, opening: opening(2), bootId: 'boot', stored },
    ...{ madeIn: null, wasClean: false, isDamaged: durable < 82, history: HISTORY },
    local: {
      ...{ appended: at, durable: at, checkpoint: at, image: at, retainedFrom: lsn(durable + 1) },
      hasUnknown: false,
    },
    committed: at,
  })
}

describe('a replica that reopens in the middle of a resync', () => {
  it('claims no more than its log has left when the rest of it was damaged', () => {
    const { state, effects } = reopened(RESYNC, 76)
    expect(state.marks.resync?.base).toBe(76)
    expect(effects.persist).toContainEqual({ kind: 'flushLog', through: 76 })
  })

  it('keeps nothing above where its log will begin, be it common', () => {
    const forgotten = (common: number): unknown =>
      reopened({ ...RESYNC, common: lsn(common) }, 90).effects.persist.find(({ kind }) => kind === 'forget')
    expect(forgotten(130)).toEqual({ kind: 'forget', above: 121 })
    expect(forgotten(115)).toEqual({ kind: 'forget', above: 115 })
  })

  it('keeps its base when what it claims is there, or the log has begun anew', () => {
    expect(reopened(RESYNC, 90).state.marks.resync?.base).toBe(82)
    expect(reopened({ ...RESYNC, phase: 'copying' }, 121).state.marks.resync?.base).toBe(82)
  })
})
