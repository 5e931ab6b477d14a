import { Script } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import { ScriptedRegistry } from '../../../test/master/scripted-registry.ts'
import { eventRecord } from '../../../test/master/scripted-views.ts'
import type { Observed } from '../core/observed.ts'
import { addMasterMetrics } from './master-metrics.ts'
import { MeteredRegistry } from './registry-meter.ts'

let test: TestMaster
beforeEach(async () => {
  test = await testMaster()
})
afterEach(() => test.app.close())

describe('the page', () => {
  it('is one document without anything from elsewhere, under a policy that forbids it', async () => {
    const page = await test.call('GET', '/ui')
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const policy = String(page.headers['content-security-policy'])
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-/)
    expect(policy).not.toContain('unsafe')
    expect(page.body).not.toMatch(/(?:src|href)=|https?:\/\/|\sstyle=|\son\w+=|innerHTML/)
    for (const url of ['/', '/block', '/block/']) {
      expect((await test.call('GET', url)).headers.location, url).toBe('/ui')
    }
  })

  it('has a script that parses and asks only for what a viewer may see', async () => {
    const { body } = await test.call('GET', '/ui')
    const script = /<script>(.*)<\/script>/s.exec(body)?.[1] ?? ''
    expect(() => new Script(script)).not.toThrow()
    test.token('admin')
    const token = test.token('viewer')
    const paths = [...script.matchAll(/'(\/block\/[^'?`]*)/g), ...script.matchAll(/`(\/block\/[^'?`]*)/g)]
    expect(paths.length).toBeGreaterThan(4)
    for (const [, path = ''] of paths.filter(([, path]) => path !== '/block/events/stream')) {
      expect((await test.call('GET', path, { token })).statusCode, path).toBe(200)
    }
    expect(script).not.toMatch(/method:/)
  })

  it('is served without a token, and tells nothing', async () => {
    test.token('admin')
    const page = await test.call('GET', '/ui', { remoteAddress: '10.0.0.9', headers: { host: 'a.example' } })
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toContain('vol1')
  })
})

const OBSERVED: Observed = {
  volumes: [{ name: 'vol1', health: 'degraded', isServing: true, replicas: 3, inSync: 2 }],
  servers: [{ id: 's1', name: 'server-1', isConnected: false, isInMaintenance: false }],
  jobs: [{ kind: 'backup', running: 1, failed: 2, oldestAt: 5000, lastFailedAt: 7000 }],
  schedules: [{ name: 'nightly', lateMs: 3000 }],
  tokens: [{ name: 'ci', role: 'viewer', expiresAt: 9000 }],
}

describe('metrics', () => {
  it('tell of cluster, registry and events', async () => {
    const inner = new ScriptedRegistry()
    const registry = new MeteredRegistry(inner, test.clock)
    const end = addMasterMetrics(test.metrics, test.master, {
      heartbeatStreams: () => 2,
      registry,
      observe: () => OBSERVED,
    })
    test.master.record(eventRecord(1, { severity: 'error' }))
    await registry.commit({ checks: [], writes: [] })
    inner.outcome = { kind: 'conflict', key: 'volume/x' }
    await registry.commit({ checks: [], writes: [] })
    inner.failure = new Error('EIO')
    await expect(registry.commit({ checks: [], writes: [] })).rejects.toThrow('EIO')

    const answer = await test.call('GET', '/metrics')
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0.0.4/)
    for (const line of [
      'basalt_master_volumes{health="unsafe"} 1',
      'basalt_master_servers{connection="lost"} 1',
      'basalt_master_locked 0',
      'basalt_master_promotions_total 5',
      'basalt_master_jobs_running 2',
      'basalt_master_heartbeat_streams 2',
      'basalt_master_registry_commits_total 1',
      'basalt_master_registry_conflicts_total 1',
      'basalt_master_registry_failures_total 1',
      'basalt_master_registry_commit_seconds_count{} 1',
      'basalt_master_events_total{severity="error"} 1',
      'basalt_master_volume_health{volume="vol1",health="degraded"} 1',
      'basalt_master_volume_health{volume="vol1",health="healthy"} 0',
      'basalt_master_volume_serving{volume="vol1"} 1',
      'basalt_master_volume_in_sync_replicas{volume="vol1"} 2',
      'basalt_master_server_connected{server="s1",name="server-1"} 0',
      'basalt_master_jobs{kind="backup",state="running"} 1',
      'basalt_master_job_oldest_timestamp_seconds{kind="backup"} 5',
      'basalt_master_job_last_failed_timestamp_seconds{kind="backup"} 7',
      'basalt_master_schedule_late_seconds{schedule="nightly"} 3',
      'basalt_master_token_expiry_timestamp_seconds{token="ci",role="viewer"} 9',
    ]) {
      expect(answer.body.split('\n')).toContain(line)
    }
    end()
    expect(test.master.listeners).toBe(0)
  })
})
