import { describe, expect, it } from 'vitest'
import { parseBenchOptions } from './options.ts'

const URL = 'iscsi://localhost/iqn.2026-11.org.example:disk'

describe('flags of a benchmark', () => {
  it('have defaults', () => {
    expect(parseBenchOptions({ iscsi: URL })).toEqual({
      ...{ url: URL, load: 'randread', unitBytes: 4096, queueDepth: 32, connections: 1 },
      ...{ seconds: 5, syncEvery: 0, verify: false, destroysData: false },
    })
  })

  it('take sizes as benchmarks are used to, and as other flags', () => {
    const sizes = { '4k': 4096, '64K': 65_536, '1m': 1_048_576, '8KiB': 8192, '512': 512 }
    for (const [bs, bytes] of Object.entries(sizes)) {
      expect(parseBenchOptions({ iscsi: URL, bs }).unitBytes).toBe(bytes)
    }
  })

  it.each([
    { bs: '700' },
    { bs: '17m' },
    { bs: '0' },
    { rw: 'randtrim' },
    { qd: '0' },
    { qd: '1025' },
    { qd: 'many' },
    { seconds: '0' },
    { connections: '65' },
    { 'sync-every': '-1' },
  ])('are refused with their name: %o', (flags) => {
    expect(() => parseBenchOptions({ iscsi: URL, ...flags })).toThrow(`--${Object.keys(flags)[0]}: '`)
  })

  it('need a URL', () => {
    expect(() => parseBenchOptions({})).toThrow('--iscsi URL is needed')
    expect(() => parseBenchOptions({ iscsi: 'nvme://host/nqn.x' })).toThrow('--iscsi URL is needed')
    expect(() => parseBenchOptions({ nvme: URL })).toThrow('--nvme')
    expect(() => parseBenchOptions({ iscsi: URL, nvme: 'nvme://host/nqn.x' })).toThrow('two targets')
    expect(parseBenchOptions({ nvme: 'nvme://host/nqn.x' }).url).toBe('nvme://host/nqn.x')
  })
})
