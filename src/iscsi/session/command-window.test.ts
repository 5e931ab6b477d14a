import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serialAdd } from '../../base/serial32.ts'
import { CommandWindow } from './command-window.ts'

describe('a command window', () => {
  it('lets in what is next, and ignores what is outside', () => {
    const window = new CommandWindow({ expCmdSn: 10, depth: 3 })
    expect([window.expCmdSn, window.maxCmdSn]).toEqual([10, 12])
    expect(window.accept(9)).toBe('ignored')
    expect(window.accept(13)).toBe('ignored')
    expect(window.accept(12)).toBe('gap')
    expect(window.accept(10)).toBe('accepted')
    expect(window.accept(10)).toBe('ignored')
    expect([window.expCmdSn, window.maxCmdSn]).toEqual([11, 12])
  })

  it('closes when it is full and opens as places are given back', () => {
    const window = new CommandWindow({ expCmdSn: 0xffff_ffff, depth: 2 })
    expect([window.accept(0xffff_ffff), window.accept(0)]).toEqual(['accepted', 'accepted'])
    expect([window.expCmdSn, window.maxCmdSn]).toEqual([1, 0])
    expect(window.accept(1)).toBe('ignored')
    window.free()
    expect(window.maxCmdSn).toBe(1)
    expect(window.accept(1)).toBe('accepted')
  })

  it('passes over what was aborted before it was sent', () => {
    const window = new CommandWindow({ expCmdSn: 5, depth: 8 })
    window.skip(6)
    window.skip(5)
    expect(window.expCmdSn).toBe(7)
    window.skip(8)
    expect(window.accept(7)).toBe('accepted')
    expect(window.expCmdSn).toBe(9)
  })

  it('never takes MaxCmdSN back, and never has more than its depth under way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.array(fc.boolean()), (first, steps) => {
        const window = new CommandWindow({ expCmdSn: first, depth: 4 })
        let taken = 0
        let last = window.maxCmdSn
        for (const arrive of steps) {
          if (arrive) {
            if (window.accept(window.expCmdSn) === 'accepted') taken++
          } else if (taken > 0) {
            window.free()
            taken--
          }
          expect(taken).toBeLessThanOrEqual(4)
          expect((window.maxCmdSn - last) | 0).toBeGreaterThanOrEqual(0)
          expect(window.maxCmdSn).toBe(serialAdd(window.expCmdSn, 3 - taken))
          last = window.maxCmdSn
        }
      }),
    )
  })
})
