import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GIB, KIB, MIB, TIB } from '../../base/units.ts'
import type { CreateVolume } from '../master-api.ts'
import type { ServerRecord } from '../records.ts'
import { changeQos, NO_LIMITS } from './qos-limits.ts'
import { resolvePolicy } from './resolve.ts'

const wish = (more: object = {}): CreateVolume => ({ name: 'vol1', sizeBytes: 10 * GIB, ...more })
const errorsOf = (more: object): string[] => resolvePolicy(wish(more)).errors.map(({ code }) => code)
const warningsOf = (more: object): string[] => resolvePolicy(wish(more)).warnings.map(({ code }) => code)

describe('presets', () => {
  it('general: two replicas, each write on both, and one may go away', () => {
    expect(resolvePolicy(wish())).toEqual({
      policy: {
        name: 'vol1',
        sizeBytes: 10 * GIB,
        logicalBlockBytes: 512,
        logBytes: null,
        preset: 'general',
        policy: { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } },
        placement: { diskType: null, zones: [], zoneSpread: 'preferred', rackSpread: 'preferred' },
        isMultipath: false,
        qos: NO_LIMITS,
      },
      overrides: [],
      warnings: [],
      errors: [],
    })
  })

  it.each([
    ['database', 3, 2, null],
    ['throughput', 2, 1, 640 * MIB],
  ] as const)('%s', (preset, replicaFactor, minInSync, logBytes) => {
    expect(resolvePolicy(wish({ preset }))).toMatchObject({
      policy: { preset, logBytes, policy: { replicaFactor, mode: { kind: 'sync_all', minInSync } } },
      overrides: [],
      warnings: [],
    })
  })

  it('throughput: a log of 1 GiB at most, and never less than others have', () => {
    const log = (sizeBytes: number) =>
      resolvePolicy(wish({ preset: 'throughput', sizeBytes })).policy?.logBytes
    expect([GIB, 4 * GIB, 16 * GIB, 64 * TIB].map(log)).toEqual([256 * MIB, 256 * MIB, GIB, GIB])
    expect(log(MIB)).toBe(256 * KIB)
  })

  it('database with fewer replicas still lets one go', () => {
    const mode = (replicas: number) =>
      resolvePolicy(wish({ preset: 'database', replicas })).policy?.policy.mode
    expect([1, 2, 3, 5].map(mode)).toMatchObject([1, 1, 2, 2].map((minInSync) => ({ minInSync })))
  })
})

describe('overrides', () => {
  it('are what was given and differs', () => {
    const same = {
      preset: 'general',
      replicas: 2,
      durability: 'sync_all',
      minInSync: 1,
      zoneSpread: 'preferred',
    }
    expect(resolvePolicy(wish({ ...same, qos: { iops: 0 }, zones: [] })).overrides).toEqual([])
    const other = {
      preset: 'database',
      replicas: 5,
      durability: 'sync_quorum',
      logicalBlockBytes: 4096,
      logBytes: 512 * MIB,
      diskType: 'nvme',
      zones: ['b', 'a', 'b'],
      rackSpread: 'required',
      qos: { iops: 1000 },
    }
    const { policy, overrides } = resolvePolicy(wish(other))
    expect(overrides).toEqual([
      'replicas',
      'durability',
      'logicalBlockBytes',
      'logBytes',
      'diskType',
      'zones',
      'rackSpread',
      'qos',
    ])
    expect(policy).toMatchObject({
      policy: { replicaFactor: 5, mode: { kind: 'sync_quorum' } },
      placement: { zones: ['a', 'b'], diskType: 'nvme' },
      qos: { iops: 1000, iopsBurst: 0 },
    })
  })
})

describe('warnings', () => {
  it.each([
    [{ replicas: 1 }, 'single_replica'],
    [{ durability: 'best_effort' }, 'best_effort_may_lose'],
    [{ durability: 'sync_quorum', replicas: 4 }, 'even_quorum'],
    [{ minInSync: 2 }, 'min_in_sync_equals_replicas'],
    [{ logBytes: 16 * MIB }, 'small_log'],
    [{ qos: { iopsBurst: 10 } }, 'burst_without_limit'],
    [{ qos: { iops: 5 } }, 'low_limit'],
  ])('%o', (more, code) => {
    expect(warningsOf(more)).toEqual([code])
    expect(errorsOf(more)).toEqual([])
  })

  it('of what the cluster has not', () => {
    const server = (zone: string | null, rack: string | null, state: ServerRecord['state'] = 'active') =>
      ({ zone, rack, state, diskType: 'hdd' }) as ServerRecord
    const servers = [server('a', 'r1'), server('a', 'r1'), server('b', null, 'left')]
    const codes = (more: object) => resolvePolicy(wish(more), servers).warnings.map(({ code }) => code)
    expect(codes({})).toEqual([])
    expect(codes({ replicas: 3 })).toEqual(['few_servers'])
    expect(codes({ zoneSpread: 'required' })).toEqual(['few_zones'])
    expect(codes({ rackSpread: 'required', zones: ['a', 'b'] })).toEqual(['unknown_zone', 'few_racks'])
    expect(codes({ diskType: 'ssd' })).toEqual(['disk_type_missing'])
    expect(codes({ preset: 'database', replicas: 2 })).toEqual(['preferred_disk_missing'])
  })
})

describe('errors', () => {
  it.each([
    ...['', '../a', 'a\0', 'A', 'a'.repeat(300), 'vоl', '-a', 'a/b', '%2e', 7, null, undefined, {}].map(
      (name) => [{ name }, 'invalid_name'] as const,
    ),
    ...[undefined, null, '10', Number.NaN, Number.POSITIVE_INFINITY, 1.5 * MIB + 0.5, [], 1n].map(
      (sizeBytes) => [{ sizeBytes }, 'invalid_size'] as const,
    ),
    ...[0, -4096, MIB - 4096].map((sizeBytes) => [{ sizeBytes }, 'size_too_small'] as const),
    ...[2 ** 60, 64 * TIB + 4096].map((sizeBytes) => [{ sizeBytes }, 'size_too_large'] as const),
    [{ sizeBytes: GIB + 512 }, 'size_not_aligned'],
    ...['fast', 'constructor', '__proto__', 'toString', '', 3, null, ['general']].map(
      (preset) => [{ preset }, 'unknown_preset'] as const,
    ),
    ...[0, -1, 6, 2.5, Number.NaN, '2', null].map((replicas) => [{ replicas }, 'invalid_replicas'] as const),
    ...['sync', '__proto__', 1, null].map((durability) => [{ durability }, 'unknown_durability'] as const),
    [{ durability: 'sync_quorum' }, 'quorum_needs_three'],
    [{ durability: 'sync_quorum', replicas: 3, minInSync: 2 }, 'min_in_sync_not_applicable'],
    [{ durability: 'best_effort', minInSync: 1 }, 'min_in_sync_not_applicable'],
    [{ maxLagMs: 5 }, 'max_lag_not_applicable'],
    [{ durability: 'best_effort', maxLagEntries: 0 }, 'invalid_max_lag'],
    [{ durability: 'best_effort', maxLagMs: 1e300 }, 'invalid_max_lag'],
    [{ minInSync: 0 }, 'invalid_min_in_sync'],
    [{ minInSync: 3 }, 'min_in_sync_above_replicas'],
    [{ logicalBlockBytes: 1024 }, 'invalid_block_size'],
    ...[0, 4096, 8 * GIB, MIB + 512, '1', Number.NaN].map(
      (logBytes) => [{ logBytes }, 'invalid_log_size'] as const,
    ),
    [{ diskType: 'tape' }, 'unknown_disk_type'],
    ...['a', [''], ['a b'], [1], ['ä'], Array.from({ length: 65 }, (_, i) => `z${i}`)].map(
      (zones) => [{ zones }, 'invalid_zones'] as const,
    ),
    [{ zoneSpread: 'maybe' }, 'invalid_spread'],
    ...[-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, '1', null].map(
      (iops) => [{ qos: { iops } }, 'invalid_qos'] as const,
    ),
    ...[null, 1, 'fast', []].map((qos) => [{ qos }, 'invalid_qos'] as const),
    [{ qos: { constructor: 1 } }, 'unknown_field'],
    [JSON.parse('{"__proto__":{"replicas":1}}') as object, 'unknown_field'],
    [{ size: 5 }, 'unknown_field'],
  ] as const)('%o: %s', (more, code) => {
    const asGiven: object = Object.defineProperties(wish(), Object.getOwnPropertyDescriptors(more))
    const { policy, errors } = resolvePolicy(asGiven as CreateVolume)
    expect(errors.map((error) => error.code)).toEqual([code])
    expect(policy).toBeNull()
    expect(errors[0]!.message).toMatch(/^[\x20-\x7e…]{20,300}$/)
  })

  it.each([[null], [undefined], ['x'], [[]], [5]])('%o is no wish', (value: unknown) => {
    expect(resolvePolicy(value as CreateVolume).errors).toMatchObject([{ code: 'invalid_request' }])
  })

  it('are told all at once', () => {
    expect(errorsOf({ name: '', sizeBytes: 0, replicas: 0, zones: 1 })).toEqual([
      'invalid_name',
      'size_too_small',
      'invalid_replicas',
      'invalid_zones',
    ])
  })

  it('and nothing throws, whatever the fields hold', () => {
    const fields = [
      'name',
      'sizeBytes',
      'preset',
      'replicas',
      'durability',
      'minInSync',
      'zones',
      'qos',
      'logBytes',
    ]
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...fields), fc.anything()), (fieldsGiven) => {
        const { policy, errors } = resolvePolicy(wish(fieldsGiven), [])
        expect(policy === null).toBe(errors.length > 0)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('limits of a volume that is there', () => {
  it('change one by one', () => {
    const now = { iops: 100, iopsBurst: 200, bytesPerSecond: 0, bytesBurst: 0 }
    expect(changeQos(now, { iops: 500 })).toEqual({ qos: { ...now, iops: 500 }, warnings: [], errors: [] })
    expect(changeQos(now, { iops: -1 })).toMatchObject({ qos: now, errors: [{ code: 'invalid_qos' }] })
  })
})
