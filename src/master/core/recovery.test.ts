/** What is taken over from servers that do not say the same. */
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { opening, serverId } from '../../v2engine/identity.ts'
import { SOUND } from '../../v2engine/marks.ts'
import type { ReplicaBeat } from '../links.ts'
import type { VolumeRecord } from '../records.ts'
import { keptOf } from './kept-volume.ts'
import type { LiveServer } from './live.ts'
import { RecordsMirror } from './records-mirror.ts'
import { planRecovery } from './recovery.ts'
import { testUuid, testVolume } from './test-support.ts'

const VOLUME = testVolume(1)
const EPOCH = { number: epochNumber(9), id: 9n }

interface Says {
  /** Null: it was made anew in the place of a lost disk. */
  readonly set: {
    readonly epoch: number
    readonly version: number
    readonly members: readonly string[]
  } | null
  readonly kept?: VolumeRecord
  readonly sealed?: number
}

function server(id: string, { set, kept = VOLUME, sealed = 9 }: Says): LiveServer {
  const beat: ReplicaBeat = {
    ...{ volume: VOLUME.uuid, name: VOLUME.name, sizeBytes: VOLUME.sizeBytes, state: 'open' },
    open: {
      ...{ opening: opening(1), askedAtMs: 0, leads: null, isServing: false },
      sealed: { ...EPOCH, number: epochNumber(sealed) },
      set: set && {
        ...{ epoch: epochNumber(set.epoch), version: set.version },
        members: set.members.map(serverId),
      },
      standing: { ...SOUND, isDamaged: set === null },
      ...{ appended: 5, committed: 5, durable: 5, peers: [], sessions: 0 },
    },
    ...{ outage: null, usedBytes: 0, settingsTag: 1, kept: keptOf(kept).text, led: null, messages: [] },
  }
  return {
    hello: {
      ...{ id, name: id, clusterId: testUuid(9), zone: null, rack: null, diskType: 'ssd', process: id },
      addresses: { grpc: '', replication: '', http: '', iscsi: [], nvme: [] },
      registrySeen: null,
    },
    ...{ isConnected: true, heardMs: 0, lostSinceMs: null, beat: null, isComplete: true },
    replicas: new Map([[VOLUME.uuid, beat]]),
  }
}

function recovered(...live: readonly LiveServer[]): VolumeRecord {
  const lock = { reason: 'registryId', detail: '', since: 0 } as const
  const { writes } = planRecovery({
    records: new RecordsMirror({ clusterId: testUuid(9), createdAt: 0, lock }, []),
    live,
    ...{ isForced: false, actor: 'me', wallMs: 0, replaced: [] },
    epochId: () => 77n,
  })
  const write = writes.find(({ kind }) => kind === 'volume')
  if (write?.kind !== 'volume') throw new Error('nothing was taken over')
  return write.record
}

describe('a volume that is taken over', () => {
  it('waits for an operator when a member of its set has lost what it knew: there may be a newer set', () => {
    const here = server('a', { set: { epoch: 8, version: 3, members: ['a', 'b'] } })
    const anew = server('b', { set: null })
    expect(() => recovered(here, anew)).toThrow(/did not report what they know, such as \S+ at b:/)
    const alone = server('a', { set: { epoch: 8, version: 4, members: ['a'] } })
    expect(recovered(alone, anew).lead.set.members).toEqual(['a'])
  })

  it('is used by whom the newest settings name, not by whom a server names that was away', () => {
    const older = { ...VOLUME, access: { ...VOLUME.access, initiators: ['iqn.2026-11.org.example:gone'] } }
    const newer = { ...VOLUME, access: { ...VOLUME.access, initiators: ['iqn.2026-11.org.example:now'] } }
    const away = server('a', { set: { epoch: 8, version: 3, members: ['a', 'b'] }, kept: older })
    const here = server('b', { set: { epoch: 9, version: 4, members: ['b'] }, kept: newer })
    for (const live of [
      [away, here],
      [here, away],
    ]) {
      expect(recovered(...live).access).toEqual(newer.access)
      expect(recovered(...live).lead.set.members).toEqual(['b'])
    }
  })

  it('has the set of the later epoch, though one that was given up had more changes', () => {
    // a recovery that was forced without `c` raised the epoch, and counted on from what `a` and `b` knew
    const given = server('c', { set: { epoch: 9, version: 8, members: ['c'] }, sealed: 9 })
    const current = { epoch: 10, version: 6, members: ['a', 'b'] }
    const now = [server('a', { set: current, sealed: 10 }), server('b', { set: current, sealed: 10 })]
    const { lead } = recovered(given, ...now)
    expect(lead.set).toMatchObject({ epoch: 11, version: 9, members: ['a', 'b'] })
    expect(lead.epoch.number).toBe(11)
  })
})
