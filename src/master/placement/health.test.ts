import { describe, expect, it } from 'vitest'
import { SOUND } from '../../v2engine/marks.ts'
import type { LiveCluster } from '../core/live.ts'
import type { PeerBeat } from '../links.ts'
import type { VolumeRecord } from '../records.ts'
import { healthOf, isServing } from './health.ts'
import { aBeat, aLive, aRecord } from './testing.ts'

const leading = (...peers: PeerBeat[]) => aBeat('v', { isLeading: true, peers })
const following = aBeat('v')
const peer = (server: string, facts: Partial<PeerBeat> = {}): PeerBeat => ({
  server,
  isConnected: true,
  lagEntries: 0,
  lagBytes: 0,
  resync: null,
  ...facts,
})
const three = aRecord('v', ['a', 'b', 'c'])
const without = (...gone: string[]): VolumeRecord => {
  const members = ['a', 'b', 'c'].filter((server) => !gone.includes(server))
  return aRecord('v', ['a', 'b', 'c'], { lead: { set: { epoch: 3, version: 2, members } } })
}
const told = (volume: VolumeRecord, live: LiveCluster): string => {
  const { health, reasons } = healthOf(volume, live)
  return [health, ...reasons.map(({ code, server }) => (server === null ? code : `${code} ${server}`))].join(
    ', ',
  )
}
const resync = { sentBytes: 1, scannedBlocks: 1, sizeBlocks: 2 }
const doubtful = { ...SOUND, isDoubtful: true }
const damaged = { ...SOUND, isDamaged: true }
const resyncing = { ...SOUND, isResyncing: true }

describe('a volume is', () => {
  it.each([
    ['healthy', three, aLive({ a: [leading()], b: [following], c: [following] })],
    ['degraded, replica_away c', three, aLive({ a: [leading()], b: [following], c: null })],
    ['degraded, replica_away c', without('c'), aLive({ a: [leading()], b: [following] })],
    ['degraded, replica_missing c', without('c'), aLive({ a: [leading()], b: [following], c: [] })],
    [
      'degraded, replica_not_open c',
      without('c'),
      aLive({ a: [leading()], b: [following], c: [aBeat('v', null, { state: 'waiting', outage: 'EIO' })] }),
    ],
    [
      'degraded, replica_cut_off c',
      without('c'),
      aLive({ a: [leading(peer('c', { isConnected: false }))], b: [following], c: [following] }),
    ],
    [
      'rebuilding, catching_up c',
      without('c'),
      aLive({ a: [leading(peer('c', { lagEntries: 9 }))], b: [following], c: [following] }),
    ],
    [
      'rebuilding, resyncing c',
      without('c'),
      aLive({ a: [leading(peer('c', { resync }))], b: [following], c: [following] }),
    ],
    [
      'rebuilding, resyncing c',
      without('c'),
      aLive({ a: [leading()], b: [following], c: [aBeat('v', { standing: resyncing })] }),
    ],
    [
      'degraded, replica_in_doubt c',
      three,
      aLive({ a: [leading()], b: [following], c: [aBeat('v', { standing: doubtful })] }),
    ],
    [
      'degraded, replica_in_doubt c',
      three,
      aLive({ a: [leading()], b: [following], c: [aBeat('v', { standing: damaged })] }),
    ],
    [
      'degraded, replica_outage c',
      three,
      aLive({ a: [leading()], b: [following], c: [aBeat('v', {}, { outage: 'no space' })] }),
    ],
    [
      'unsafe, last_copy a, replica_away b, replica_away c',
      without('b', 'c'),
      aLive({ a: [leading()], b: null, c: null }),
    ],
    [
      'unsafe, last_copy a, resyncing b, replica_away c',
      without('b', 'c'),
      aLive({ a: [leading(peer('b', { resync }))], b: [following], c: null }),
    ],
    ['unsafe, primary_unheard a', three, aLive({ a: null, b: [following], c: [following] })],
    ['unsafe, primary_unheard a, replica_away b, replica_away c', three, aLive({})],
    ['unsafe, primary_not_serving a', three, aLive({ a: [following], b: [following], c: [following] })],
    [
      'unsafe, primary_not_serving a, last_copy b, replica_not_open a, replica_away c',
      three,
      aLive({ a: [aBeat('v', null, { state: 'opening' })], b: [following], c: null }),
    ],
  ])('%s', (expected, volume, live) => {
    expect(told(volume, live)).toBe(expected)
  })

  it('unsafe while it is sealed, and when fewer are in sync than hosts were promised', () => {
    const live = aLive({ a: [leading()], b: [following], c: [following] })
    expect(told(aRecord('v', ['a', 'b', 'c'], { lead: { state: 'sealing' } }), live)).toBe('unsafe, sealing')
    const policy = { replicaFactor: 3, mode: { kind: 'sync_all', minInSync: 3 } } as const
    const short = told({ ...without('c'), policy }, aLive({ a: [leading()], b: [following], c: null }))
    expect(short).toBe('unsafe, too_few_members, replica_away c')
  })

  it('healthy with the one copy that was asked for', () => {
    expect(told(aRecord('v', ['a']), aLive({ a: [leading()] }))).toBe('healthy')
  })

  it('degraded with fewer replicas than asked for; one that leaves counts for nothing', () => {
    const policy = { replicaFactor: 3, mode: { kind: 'sync_all', minInSync: 1 } } as const
    const two = aRecord('v', ['a', 'b'], { policy })
    const live = aLive({ a: [leading()], b: [following] })
    expect(told(two, live)).toBe('degraded, too_few_replicas')
    const leaving = {
      ...two,
      replicas: [...two.replicas, { server: 'c', state: 'leaving' as const, slot: 2 }],
    }
    expect(told(leaving, live)).toBe('degraded, too_few_replicas')
    const next = {
      ...two,
      replicas: [...two.replicas, { server: 'c', state: 'allocating' as const, slot: 2 }],
    }
    expect(told(next, aLive({ a: [leading()], b: [following], c: [] }))).toBe('rebuilding, allocating c')
  })

  it('degraded while it is made, and in order while it is deleted', () => {
    expect(told({ ...three, state: 'creating' }, aLive({}))).toBe('degraded, being_made')
    expect(told({ ...three, state: 'deleting' }, aLive({}))).toBe('healthy')
  })
})

describe('a volume is served', () => {
  it('when its primary says that it leads exactly the epoch of the registry', () => {
    const live = aLive({ a: [leading()] })
    const led = (lead: Partial<VolumeRecord['lead']>) => isServing(aRecord('v', ['a', 'b'], { lead }), live)
    expect(led({})).toBe(true)
    expect(led({ epoch: { number: 4, id: '77' } })).toBe(false)
    expect(led({ epoch: { number: 3, id: '78' } })).toBe(false)
    expect(led({ primary: 'b' })).toBe(false)
    expect(led({ state: 'sealing' })).toBe(false)
    expect(isServing(aRecord('v', ['a']), aLive({ a: null }))).toBe(false)
    const held = aLive({ a: [aBeat('v', { isLeading: true, isServing: false })] })
    expect(isServing(aRecord('v', ['a']), held)).toBe(false)
  })
})
