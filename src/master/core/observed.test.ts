import { describe, expect, it } from 'vitest'
import { jobRecord, serverView, volumeRecord } from '../../../test/master/scripted-views.ts'
import type { LiveCluster } from './live.ts'
import { observedOf } from './observed.ts'

const NOBODY: LiveCluster = {
  server: () => undefined,
  replica: () => undefined,
  subscribe: () => () => undefined,
}
const nothing = {
  volumes: () => [],
  servers: () => [],
  jobs: () => [],
  schedules: () => [],
  tokens: () => [],
}

describe('what is observed of a cluster', () => {
  it('counts jobs by kind, with the oldest that runs and the last that failed', () => {
    const jobs = [
      jobRecord({ kind: 'move', state: 'running', createdAt: 20 }),
      jobRecord({ kind: 'move', state: 'cancelling', createdAt: 10 }),
      jobRecord({ kind: 'move', state: 'failed', updatedAt: 30 }),
      jobRecord({ kind: 'move', state: 'failed', updatedAt: 40 }),
      jobRecord({ kind: 'backup', state: 'succeeded' }),
    ]
    expect(observedOf({ ...nothing, jobs: () => jobs }, NOBODY, 0).jobs).toEqual([
      { kind: 'move', running: 2, failed: 2, oldestAt: 10, lastFailedAt: 40 },
      { kind: 'backup', running: 0, failed: 0, oldestAt: null, lastFailedAt: null },
    ])
  })

  it('misses servers that are not heard of, and volumes that nobody serves', () => {
    const { record } = serverView('alpha')
    const records = {
      ...nothing,
      servers: () => [record, { ...record, state: 'left' as const }],
      volumes: () => [volumeRecord('vol1')],
    }
    const { servers, volumes } = observedOf(records, NOBODY, 0)
    expect(servers.map(({ isConnected, isInMaintenance }) => [isConnected, isInMaintenance])).toEqual([
      [false, false],
      [false, true],
    ])
    expect(volumes[0]).toMatchObject({ name: 'vol1', health: 'unsafe', isServing: false })
  })

  it('knows tokens that end some day', () => {
    const token = { id: 't', name: 'ci', role: 'viewer' as const, sha256: '', createdAt: 0 }
    const tokens = [
      { ...token, expiresAt: null },
      { ...token, expiresAt: 5 },
    ]
    expect(observedOf({ ...nothing, tokens: () => tokens }, NOBODY, 0).tokens).toEqual([
      { name: 'ci', role: 'viewer', expiresAt: 5 },
    ])
  })
})
