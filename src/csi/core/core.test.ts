/** Names, ids, tokens, sizes and capacity: properties that hold for whatever an orchestrator sends. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIscsiName, parseNqn, parseVolumeName } from '../../base/names.ts'
import { VOLUME_BYTES_MAX } from '../../base/volume-limits.ts'
import { capacityOf } from './capacity.ts'
import { conditionOf } from './conditions.ts'
import {
  decodeAttachment,
  encodePublishContext,
  encodeVolumeContext,
  type PublishContext,
} from './contexts.ts'
import { formatSnapshotId, parseSnapshotId } from './ids.ts'
import { cloneSnapshotName, isCloneSnapshotName, storageName } from './names.ts'
import { nodeNames } from './node-names.ts'
import { parseMutable, parseParameters, refuseParameters } from './parameters.ts'
import { chapOf, dhchapOf } from './secrets.ts'
import { chooseSize, parseRange } from './sizes.ts'
import { entriesOf, formatToken, parseToken } from './tokens.ts'
import { isIn, RACK_KEY, ZONE_KEY, zonesOf } from './topology.ts'

const csiName = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const refused = (code: string) => expect.objectContaining({ code })
const codeOf = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe('names', () => {
  it('are volume names, the same for the same text, and others for others', () => {
    fc.assert(
      fc.property(csiName, csiName, (a, b) => {
        expect(parseVolumeName(storageName(a), 'name')).toBe(storageName(a))
        expect(storageName(a) === storageName(b)).toBe(a === b)
        expect(isCloneSnapshotName(storageName(a))).toBe(false)
        expect(isCloneSnapshotName(cloneSnapshotName(storageName(a)))).toBe(true)
      }),
    )
  })

  it('stay as they are when they can, and are hashed when they could be taken for something else', () => {
    expect(storageName('pvc-4f5a')).toBe('pvc-4f5a')
    const odd = [
      'csi-x',
      'A',
      'a'.repeat(64),
      '5d0c1a3e-f2b8-4c0f-9d3a-6f27b1c4e895',
      '0123456789abcdef',
      'ä',
    ]
    for (const name of odd) expect(storageName(name)).toMatch(/^csi-[0-9a-f]{40}$/)
    expect(storageName('A')).toBe('csi-559aead08264d5795d3909718cdd05abd49572e8')
    expect(storageName('x'.repeat(128))).toMatch(/^csi-/)
    expect(codeOf(() => storageName('x'.repeat(129)))).toEqual(refused('INVALID_ARGUMENT'))
    expect(codeOf(() => storageName(''))).toEqual(refused('INVALID_ARGUMENT'))
  })

  it('of nodes are names of initiators and hosts', () => {
    const node = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/)
    fc.assert(
      fc.property(node, node, (a, b) => {
        const { iqn, nqn, hostId } = nodeNames(a)
        expect(parseIscsiName(iqn, 'iqn')).toBe(iqn)
        expect(parseNqn(nqn, 'nqn')).toBe(nqn)
        expect(hostId).toMatch(/^.{14}5.{4}[89ab]/)
        expect(nodeNames(b).hostId === hostId).toBe(a === b)
      }),
    )
    expect(nodeNames('worker-1')).toEqual({
      iqn: 'iqn.2026-11.io.basalt:node:worker-1',
      nqn: 'nqn.2026-11.io.basalt:node:worker-1',
      hostId: nodeNames('worker-1').hostId,
    })
    for (const id of ['', 'A', '-a', 'a'.repeat(64), 'a b', 'a\n']) {
      expect(codeOf(() => nodeNames(id))).toEqual(refused('INVALID_ARGUMENT'))
    }
  })
})

describe('ids and tokens', () => {
  const id = fc.record({
    volume: fc.uuid(),
    snapshot: fc.stringMatching(/^[0-9a-f]{16}$/),
  })
  it('round-trip, and what is none is none', () => {
    fc.assert(
      fc.property(id, (one) => {
        expect(parseSnapshotId(formatSnapshotId(one))).toEqual(one)
      }),
    )
    fc.assert(
      fc.property(csiName, (text) => {
        const parsed = parseSnapshotId(text)
        if (parsed !== undefined) expect(formatSnapshotId(parsed)).toBe(text)
      }),
    )
    for (const text of ['', '/', 'a/b', `${'0'.repeat(36)}/0123456789abcdef`]) {
      expect(parseSnapshotId(text)).toBeUndefined()
    }
  })

  it('of pages are given back, and all others are ABORTED', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,512}$/), (cursor) => {
        expect(parseToken(formatToken(cursor))).toBe(cursor)
      }),
    )
    expect(parseToken('')).toBeUndefined()
    expect(formatToken(null)).toBe('')
    for (const token of ['invalid-token', 'p1.', 'p1.a b', 'p2.abc']) {
      expect(codeOf(() => parseToken(token))).toEqual(refused('ABORTED'))
    }
    expect(entriesOf(0)).toBeGreaterThan(0)
    expect(entriesOf(3)).toBe(3)
    expect(codeOf(() => entriesOf(-1))).toEqual(refused('INVALID_ARGUMENT'))
  })
})

describe('sizes', () => {
  const bytes = fc.integer({ min: 0, max: 2 ** 45 })
  it('are blocks within what was asked for, or OUT_OF_RANGE', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (required, limit, least) => {
        const given = { requiredBytes: String(required), limitBytes: String(limit) }
        const chosen = codeOf(() => chooseSize(parseRange(given), least))
        if (typeof chosen !== 'number') {
          expect(chosen).toEqual(refused('OUT_OF_RANGE'))
          return
        }
        expect(chosen % 4096).toBe(0)
        expect(chosen).toBeGreaterThanOrEqual(Math.max(required, least))
        if (limit > 0) expect(chosen).toBeLessThanOrEqual(limit)
      }),
    )
  })

  it('are 1 GiB when nobody cares, and never more than a volume can be', () => {
    expect(chooseSize(parseRange(null), 0)).toBe(2 ** 30)
    expect(chooseSize(parseRange({ requiredBytes: '0', limitBytes: '5000000' }), 0)).toBe(4_997_120)
    const most = { requiredBytes: String(VOLUME_BYTES_MAX), limitBytes: '0' }
    expect(chooseSize(parseRange(most), 0)).toBe(VOLUME_BYTES_MAX)
    for (const requiredBytes of [String(VOLUME_BYTES_MAX + 1), '9223372036854775807']) {
      expect(codeOf(() => parseRange({ requiredBytes, limitBytes: '0' }))).toEqual(refused('OUT_OF_RANGE'))
    }
    expect(codeOf(() => parseRange({ requiredBytes: '-1', limitBytes: '0' }))).toEqual(
      refused('INVALID_ARGUMENT'),
    )
  })
})

describe('capacity', () => {
  const server = fc
    .record({ capacityBytes: fc.nat(2 ** 30), used: fc.nat(2 ** 30), allocatedBytes: fc.nat(2 ** 30) })
    .map(({ used, ...one }) => ({ ...one, freeBytes: Math.max(0, one.capacityBytes - used) }))

  it('is what fits: the largest volume, and no more bytes than there is room for', () => {
    fc.assert(
      fc.property(fc.array(server, { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), (servers, replicas) => {
        const { availableBytes, largestBytes } = capacityOf(servers, replicas)
        const rooms = servers.map((one) =>
          Math.max(0, Math.min(one.freeBytes, one.capacityBytes - one.allocatedBytes)),
        )
        expect(rooms.filter((room) => room >= largestBytes).length).toBeGreaterThanOrEqual(
          largestBytes === 0 ? 0 : replicas,
        )
        expect(availableBytes).toBeGreaterThanOrEqual(largestBytes)
        // each byte has its replicas on different servers
        const usable = rooms.reduce((sum, room) => sum + Math.min(room, availableBytes), 0)
        expect(usable).toBeGreaterThanOrEqual(availableBytes * replicas)
      }),
    )
  })

  it('counts a server with more room than all others only as far as it is of use', () => {
    const of = (...rooms: number[]) =>
      rooms.map((room) => ({ capacityBytes: room, freeBytes: room, allocatedBytes: 0 }))
    const mib = 2 ** 20
    expect(capacityOf(of(100 * mib, 3 * mib, 2 * mib), 2)).toEqual({
      availableBytes: 5 * mib,
      largestBytes: 3 * mib,
    })
    expect(capacityOf(of(4 * mib, 4 * mib, 4 * mib), 2).availableBytes).toBe(6 * mib)
    expect(capacityOf(of(100 * mib), 2)).toEqual({ availableBytes: 0, largestBytes: 0 })
  })
})

describe('parameters', () => {
  it('are read, and what is unknown is refused by name', () => {
    const given = { preset: 'general', replicas: '3', multipath: 'true', bandwidth: '10Mi', fsType: 'xfs' }
    expect(parseParameters({ ...given, 'csi.storage.k8s.io/pvc/name': 'x' }, { preset: 'database' })).toEqual(
      {
        preset: 'database',
        replicas: 3,
        isMultipath: true,
        qos: { bytesPerSecond: 10 * 2 ** 20 },
        transport: 'auto',
        fsType: 'xfs',
      },
    )
    expect(parseParameters({ 'csi.storage.k8s.io/fstype': 'xfs' }, {}).fsType).toBe('xfs')
    for (const [key, value] of Object.entries({
      Preset: 'general',
      preset: 'fast',
      replicas: '1.5',
      transport: 'fc',
      fsType: 'ntfs',
      logicalBlockSize: '1024',
      multipath: 'yes',
      bandwidth: '10M',
      constructor: 'x',
    })) {
      expect(codeOf(() => parseParameters({ [key]: value }, {}))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(key),
      })
    }
    expect(codeOf(() => parseMutable({ replicas: '2' }))).toEqual(refused('INVALID_ARGUMENT'))
    expect(codeOf(() => refuseParameters({ a: 'b' }))).toEqual(refused('INVALID_ARGUMENT'))
  })
})

describe('secrets', () => {
  it('are found under either name, whole or not at all, and never in an error', () => {
    const ours = { 'chap-user': 'u', 'chap-secret': 'very secret' }
    const theirs = { 'node.session.auth.username': 'u', 'node.session.auth.password': 'very secret' }
    expect(chapOf(ours)).toEqual({ user: 'u', secret: 'very secret', mutual: null })
    expect(chapOf(theirs)).toEqual(chapOf(ours))
    expect(chapOf({ 'chap-user': '', other: 'x' })).toBeNull()
    expect(dhchapOf({ 'dhchap-secret': 'DHHC-1:' })).toEqual({ secret: 'DHHC-1:', controllerSecret: null })
    const wrong = [
      { 'chap-user': 'very secret' },
      { 'chap-secret': 'very secret' },
      { ...ours, 'chap-mutual-secret': 'very secret' },
      { 'chap-mutual-user': 'very secret', 'chap-mutual-secret': 'very secret' },
      { ...ours, 'node.session.auth.password': 'very secret, too' },
    ]
    for (const secrets of wrong) {
      const error = codeOf(() => chapOf(secrets))
      expect(error).toEqual(refused('INVALID_ARGUMENT'))
      expect(String(error)).not.toContain('very secret')
    }
  })
})

describe('contexts', () => {
  it('come back as they were, and the publication wins', () => {
    const volume = { name: 'v', iqn: 'iqn.v', nqn: 'nqn.v', transport: 'iscsi', fsType: 'xfs' } as const
    const published: PublishContext = {
      ...{ iqn: 'iqn.p', nqn: 'nqn.p', transport: 'nvme' as const, isMultipath: true, isReadOnly: true },
      ...{ iscsiPortals: ['[::1]:3260', 'b:1'], nvmePortals: [], lun: 0, nsid: 1 },
    }
    expect(decodeAttachment(encodeVolumeContext(volume), encodePublishContext(published))).toEqual({
      ...published,
      fsType: 'xfs',
    })
    // a volume that CSI did not make has no context of its own
    expect(decodeAttachment({}, encodePublishContext(published))).toEqual({ ...published, fsType: 'ext4' })
    expect(codeOf(() => decodeAttachment({}, {}))).toEqual(refused('INVALID_ARGUMENT'))
  })
})

describe('topology and conditions', () => {
  it('zones are those preferred first, each once; what is not ours is anywhere', () => {
    const at = (zone: string) => ({ segments: { [ZONE_KEY]: zone } })
    expect(zonesOf({ requisite: [at('a'), at('b')], preferred: [at('b')] })).toEqual(['b', 'a'])
    expect(
      zonesOf({ requisite: [{ segments: { 'topology.basalt.io/driver': 'x' } }], preferred: [] }),
    ).toEqual([])
    expect(isIn({ segments: { [ZONE_KEY]: 'a', [RACK_KEY]: 'r' } }, { zone: 'a', rack: 'q' })).toBe(false)
    expect(isIn({ segments: { other: 'a' } }, { zone: null, rack: null })).toBe(true)
  })

  it('is abnormal what somebody has to look at', () => {
    const fine = { isServing: true, mayHaveLost: false, health: 'degraded', healthReasons: ['one is away'] }
    expect(conditionOf(fine)).toEqual({ abnormal: false, message: 'degraded: one is away' })
    for (const bad of [{ isServing: false }, { mayHaveLost: true }, { health: 'unsafe' }]) {
      expect(conditionOf({ ...fine, ...bad }).abnormal).toBe(true)
    }
  })
})
