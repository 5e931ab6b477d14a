import { describe, expect, it } from 'vitest'
import { argumentsOf, mergeFlags } from './daemon-flags.ts'

describe('flags of a daemon', () => {
  it('are those that the runner needs, and what a scenario says instead', () => {
    const flags = mergeFlags(
      { data: '/d', 'drain-timeout': '10s' },
      { 'drain-timeout': '2s', overcommit: 3, 'plain-replication': true, 'read-only': false },
    )
    expect(argumentsOf(flags)).toEqual([
      ...['--data', '/d', '--drain-timeout', '2s', '--overcommit', '3'],
      ...['--plain-replication', '--no-read-only'],
    ])
  })

  it('are given once for each of a list', () => {
    expect(argumentsOf(mergeFlags({}, { nvme: ['a:1', 'b:2'] }))).toEqual(['--nvme', 'a:1', '--nvme', 'b:2'])
  })

  it('refuse what is no value of a flag', () => {
    expect(() => mergeFlags({}, { zone: { a: 1 } })).toThrow('flag zone: must be text')
  })
})
