import { describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import { final, STATUS } from '../status.ts'
import { AnaState } from './pages.ts'
import { choosePath, outcomeOfError, outcomeOfStatus, type PathFacts } from './path-choice.ts'

const path = (anaState: number | undefined, outstanding = 0, isOpen = true): PathFacts => ({
  isOpen,
  anaState,
  outstanding,
})
const { optimized, nonOptimized, inaccessible, persistentLoss, change } = AnaState

describe('the choice of a path', () => {
  it.each<[string, readonly PathFacts[], number]>([
    ['none without paths', [], -1],
    ['the optimized one', [path(inaccessible), path(nonOptimized), path(optimized, 9)], 2],
    ['one that is not optimized where no other is', [path(change), path(nonOptimized)], 1],
    ['the least busy of several', [path(optimized, 3), path(optimized, 1), path(optimized, 2)], 1],
    ['one that has not told its state', [path(inaccessible), path(undefined)], 1],
    ['none that is closed', [path(optimized, 0, false)], -1],
    ['none while all change or are lost', [path(change), path(persistentLoss), path(inaccessible)], -1],
  ])('%s', (_, paths, expected) => {
    expect(choosePath(paths)).toBe(expected)
  })

  it('is another than the one that failed', () => {
    expect(choosePath([path(optimized), path(optimized, 5)], 0)).toBe(1)
    expect(choosePath([path(optimized)], 0)).toBe(-1)
  })
})

describe('the end of a command on a path', () => {
  it('is the end where the path is not to blame', () => {
    for (const status of [0, final(STATUS.LBA_OUT_OF_RANGE), STATUS.COMPARE_FAILURE]) {
      expect(outcomeOfStatus(status)).toEqual({ kind: 'over' })
    }
    expect(outcomeOfStatus(final(STATUS.ANA_INACCESSIBLE))).toEqual({ kind: 'over' })
    expect(outcomeOfError(new BlockError('PROTOCOL', ''))).toEqual({ kind: 'over' })
  })

  it('is a reason to take another where it is', () => {
    const refused = (anaState: number | undefined) => ({ kind: 'path refused', anaState })
    expect(outcomeOfStatus(STATUS.ANA_INACCESSIBLE)).toEqual(refused(inaccessible))
    expect(outcomeOfStatus(STATUS.ANA_TRANSITION)).toEqual(refused(change))
    expect(outcomeOfStatus(STATUS.INTERNAL_PATH_ERROR)).toEqual(refused(undefined))
    expect(outcomeOfError(new BlockError('DISCONNECTED', ''))).toEqual({ kind: 'path lost' })
  })
})
