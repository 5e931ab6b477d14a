import { describe, expect, it } from 'vitest'
import { BLOCK_ERROR_CODES, BlockError } from '../base/errors.ts'
import { describeError } from './describe-error.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'

describe('exit codes', () => {
  it('tell failures from usage, absence, conflict, unavailability and refusal', () => {
    expect(EXIT).toEqual({ ok: 0, failed: 1, usage: 2, notFound: 3, conflict: 4, unavailable: 5, refused: 6 })
    for (const code of BLOCK_ERROR_CODES) expect(exitCodeOf(new BlockError(code, ''))).toBeGreaterThan(0)
    expect(exitCodeOf(new BlockError('INVALID_ARGUMENT', ''))).toBe(2)
    expect(exitCodeOf(new BlockError('NOT_FOUND', ''))).toBe(3)
    expect(exitCodeOf(new BlockError('IN_USE', ''))).toBe(4)
    expect(exitCodeOf(new BlockError('DISCONNECTED', ''))).toBe(5)
    expect(exitCodeOf(new BlockError('LOG_DAMAGED', ''))).toBe(6)
    expect(exitCodeOf(new BlockError('CONFLICT', ''))).toBe(4)
    expect(exitCodeOf(new BlockError('CONFLICT', '', { facts: { unsafe: true } }))).toBe(6)
    expect(exitCodeOf(new TypeError(''))).toBe(1)
  })
})

describe('describeError', () => {
  const error = new BlockError('DISK', 'cannot read /a', {
    cause: new Error('EIO: i/o error,\n  read', { cause: new Error('cannot read /a') }),
  })

  it('is one line with what the causes add', () => {
    expect(describeError(error, { stack: false })).toBe('cannot read /a (EIO: i/o error, read)')
    expect(describeError('text', { stack: false })).toBe('text')
    expect(describeError(new TypeError('a is undefined'), { stack: false })).toBe(
      'internal error: a is undefined; --log-level debug shows where',
    )
  })

  it('has stacks for those who ask', () => {
    expect(describeError(error, { stack: true })).toMatch(/cannot read \/a\n +at .*\ncaused by Error: EIO/s)
  })
})
