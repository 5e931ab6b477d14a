/** Tasks of jobs that are cancelled: what a server was told to do it does not go on with behind the back of who asked. */
import { describe, expect, it } from 'vitest'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import type { JobKind, JobRecord } from '../records.ts'
import { isOver } from './turns.ts'

const CALLER = { actor: 'anna', requestId: null }
const THREE = ['s1', 's2', 's3']
const JOB = '33333333-3333-4333-8333-333333333333'

/** A job whose task runs on s1, and takes hours. */
async function running(
  wish: { readonly kind: JobKind; readonly volume: string | null; readonly step: string },
  data: JobRecord['data'] = {},
): Promise<JobWorld> {
  const world = new JobWorld()
  world.servers.volumes.taskMs = 10_000_000
  world.addVolume('v', THREE)
  const target = { kind: 'directory' as const, path: '/backups' }
  world.put({ kind: 'repository', record: { name: 'r', target, sealedEncryptionKey: null, createdAt: 0 } })
  world.addJob(JOB, { ...wish, data: { repository: 'r', backup: 'b1', ...data } })
  await world.start()
  await world.until('its task', () => stateAt(world, 's1') === 'running')
  return world
}
const restoring = (): Promise<JobWorld> =>
  running({ kind: 'restore_backup', volume: 'u-v', step: 'queued' }, { isNew: false })
const verifying = (): Promise<JobWorld> => running({ kind: 'verify_backup', volume: null, step: 'run' })

const stateAt = (world: JobWorld, server: string): string =>
  world.servers.volumes.task(server, { task: JOB }).state
const state = (world: JobWorld): string => world.job(JOB).state
const said = (world: JobWorld): string | null => world.master.job(JOB).message
const cancel = (world: JobWorld): Promise<JobRecord> =>
  world.scheduler.until(world.master.cancelJob(CALLER, JOB), { what: 'the answer' })

describe('a job that is cancelled', () => {
  it('while its server is not reached waits for it, for that one may run it still', async () => {
    const world = await restoring()
    world.servers.setCut('s1', true)
    await cancel(world)
    await world.scheduler.pass(120_000)
    expect([state(world), stateAt(world, 's1')]).toEqual(['cancelling', 'running'])
    expect(said(world)).toMatch(/waits for s1 to stop it: .*not connected/)
    world.servers.setCut('s1', false)
    await world.until('the end', () => state(world) === 'cancelled')
    expect(stateAt(world, 's1')).toBe('cancelled')
  })

  it('right after a start of the master waits until its server was asked', async () => {
    const world = await restoring()
    world.kill()
    world.servers.setCut('s1', true)
    await world.restart()
    await cancel(world)
    await world.scheduler.pass(3000)
    world.servers.setCut('s1', false)
    await world.until('the end', () => state(world) === 'cancelled')
    expect(stateAt(world, 's1')).toBe('cancelled')
  })

  it('has ended when its task has, not when the task was told to', async () => {
    const world = await restoring()
    world.servers.volumes.stoppingMs = 20_000
    await cancel(world)
    await world.scheduler.pass(10_000)
    expect([state(world), stateAt(world, 's1')]).toEqual(['cancelling', 'running'])
    expect(said(world)).toBe('waits until s1 has stopped it')
    await world.until('the end', () => isOver(world.job(JOB)))
    expect([state(world), stateAt(world, 's1')]).toEqual(['cancelled', 'cancelled'])
    expect(world.job(JOB).message).toContain('nobody may log in to v')
  })

  it('while its task is being begun ends that one', async () => {
    const world = new JobWorld()
    world.servers.volumes.taskMs = 10_000_000
    world.addVolume('v', THREE)
    world.servers.fault('startTask', 's1', 'answer lost')
    world.addJob(JOB, { kind: 'scrub', volume: 'u-v', step: 'run', data: {} })
    await world.start()
    await world.until('its place', () => world.job(JOB).data.at === 's1')
    await cancel(world)
    await world.until('the end', () => isOver(world.job(JOB)))
    expect([state(world), stateAt(world, 's1')]).toEqual(['cancelled', 'cancelled'])
  })

  it('does not wait when the volume is led elsewhere: what the old primary does counts no more', async () => {
    const world = await restoring()
    world.servers.setCut('s1', true)
    await cancel(world)
    await world.scheduler.pass(10_000)
    expect(state(world)).toBe('cancelling')
    await world.scheduler.until(world.running.cluster!.move('u-v', 's2'), { what: 'the move' })
    await world.until('the end', () => state(world) === 'cancelled')
  })

  it('does not wait when the same server leads it in another epoch', async () => {
    const world = await restoring()
    world.servers.setCut('s1', true)
    await cancel(world)
    for (const to of ['s2', 's1']) {
      await world.scheduler.until(world.running.cluster!.move('u-v', to), { what: 'the move' })
    }
    await world.until('the end', () => state(world) === 'cancelled')
  })

  it('of no volume waits for its server for a while', async () => {
    const world = await verifying()
    world.servers.setCut('s1', true)
    await cancel(world)
    await world.scheduler.pass(5000)
    expect([state(world), stateAt(world, 's1')]).toEqual(['cancelling', 'running'])
    await world.until('the end', () => state(world) === 'cancelled')
    expect(world.scheduler.nowMs).toBeLessThan(120_000)

    const back = await verifying()
    back.servers.setCut('s1', true)
    await cancel(back)
    await back.scheduler.pass(5000)
    back.servers.setCut('s1', false)
    await back.until('the end', () => state(back) === 'cancelled')
    expect(stateAt(back, 's1')).toBe('cancelled')
  })
})

describe('a clone that is being filled', () => {
  it('that was filled, of which a registry of before does not know, is whole although its snapshot is gone', async () => {
    const world = new JobWorld()
    world.addVolume('v', THREE)
    const origin = { volume: 'u-v', snapshot: '00000000000000a1', sizeBytes: 4096 }
    world.addVolume('c', ['s4', 's3'], { origin })
    world.addJob(JOB, { kind: 'clone', volume: 'u-c', step: 'fill', data: {} })
    await world.start()
    await world.until('its end', () => world.job(JOB).state !== 'running')
    expect(world.job(JOB).state).toBe('succeeded')
    expect(world.records.volume('u-c')?.origin).toBeNull()
  })

  it('has a ticket of the next primary of its source soon after the old one ended', async () => {
    const world = new JobWorld()
    world.servers.volumes.taskMs = 10_000_000
    world.addVolume('v', THREE)
    const origin = { volume: 'u-v', snapshot: '00000000000000a1', sizeBytes: 4096 }
    world.addVolume('c', ['s4', 's3'], { origin })
    const { volumes } = world.servers
    volumes.createSnapshot({ volume: 'u-v', epoch: 1, id: origin.snapshot, name: 'one' })
    volumes.setOrigin({ volume: 'u-c', epoch: 1, origin })
    world.addJob(JOB, { kind: 'clone', volume: 'u-c', step: 'fill', data: {} })
    await world.start()
    await world.until('its task', () => stateAt(world, 's4') === 'running')
    await world.scheduler.pass(60_000)
    await world.scheduler.until(world.running.cluster!.move('u-v', 's2'), { what: 'the move' })
    volumes.failTask('s4', JOB, { code: 'BUSY', message: 'the ticket is not known' })
    const fromMs = world.scheduler.nowMs
    await world.until('its task', () => volumes.begun.length === 2)
    expect(world.scheduler.nowMs - fromMs).toBeLessThan(2500)
    expect(volumes.specs.map((spec) => spec.kind === 'hydrate' && spec.origin.address)).toEqual([
      's1:7461',
      's2:7461',
    ])
  })
})
