/** Repositories and backups as people ask for them, over scripted servers in virtual time. */
import { describe, expect, it } from 'vitest'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import { backupInfo } from '../../../test/support/master/script-volumes.ts'
import { isBlockError } from '../../base/errors.ts'
import { isOver } from '../jobs/turns.ts'
import type { MasterApi } from '../master-api.ts'
import type { JobRecord } from '../records.ts'
import type { NewRepository } from '../snapshot-api.ts'

const ANNA = { actor: 'anna', requestId: 'r-1' }
const REPOSITORY: NewRepository = {
  name: 'r',
  target: {
    ...{ kind: 's3', endpoint: null, region: 'us-east-1', bucket: 'b', prefix: '' },
    ...{ accessKeyId: 'key', sealedSecretAccessKey: 'sealed:secret', sealedSessionToken: null },
    forcePathStyle: false,
  },
  sealedEncryptionKey: null,
}

async function started() {
  const world = new JobWorld()
  world.addVolume('v', ['s1', 's2', 's3'])
  await world.start()
  const ask = <T>(call: (master: MasterApi) => Promise<T>): Promise<T> =>
    world.scheduler.until(call(world.master), { what: 'an answer', limitMs: 120_000 })
  const ended = async (job: JobRecord): Promise<JobRecord> => {
    await world.until(`the end of ${job.kind}`, () => isOver(world.job(job.id)))
    return world.job(job.id)
  }
  await ask((m) => m.createRepository(ANNA, REPOSITORY))
  return { world, ask, ended }
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (isBlockError(error)) return `${error.code} ${String(error.facts.reason)}`
    throw error
  }
  return 'not refused'
}

describe('a repository', () => {
  it('is named, checked by a server with its secrets opened, changed and forgotten', async () => {
    const { world, ask } = await started()
    expect(await refusalOf(ask((m) => m.createRepository(ANNA, REPOSITORY)))).toBe('CONFLICT exists')
    expect(await ask((m) => m.checkRepository(ANNA, 'r'))).toEqual({ server: 's1' })
    expect(world.servers.volumes.specs).toMatchObject([{ repository: { secretAccessKey: 'secret' } }])
    world.servers.volumes.failures.set('checkRepository', [{ code: 'ACCESS_DENIED', message: 'refused' }])
    expect(await refusalOf(ask((m) => m.checkRepository(ANNA, 'r')))).toBe('ACCESS_DENIED repository')
    await ask((m) => m.setRepository(ANNA, { ...REPOSITORY, sealedEncryptionKey: 'sealed:00' }))
    expect(world.master.repository('r').sealedEncryptionKey).toBe('sealed:00')
    await ask((m) => m.deleteRepository(ANNA, 'r'))
    expect(() => world.master.repository('r')).toThrow(/there is no repository 'r'/)
    expect(JSON.stringify(world.master.events({ limit: 100 }))).not.toContain('secret')
  })

  it('that a job or a schedule uses stays', async () => {
    const { ask, ended } = await started()
    const job = await ask((m) => m.backupVolume(ANNA, 'v', { repository: 'r', full: false }))
    expect(await refusalOf(ask((m) => m.deleteRepository(ANNA, 'r')))).toBe('CONFLICT in_use')
    expect(await refusalOf(ask((m) => m.setRepository(ANNA, REPOSITORY)))).toBe('CONFLICT in_use')
    expect((await ended(job)).state).toBe('succeeded')
    const backup = { repository: 'r', fullEveryMs: null, keep: null }
    const wish = { volumes: ['v'], when: { everyMs: 3_600_000 }, keep: {}, backup, isPaused: true }
    await ask((m) => m.createSchedule(ANNA, { name: 's', ...wish }))
    expect(await refusalOf(ask((m) => m.deleteRepository(ANNA, 'r')))).toBe('CONFLICT in_use')
    await ask((m) => m.deleteSchedule(ANNA, 's'))
    await ask((m) => m.deleteRepository(ANNA, 'r'))
  })
})

describe('backups', () => {
  it('are listed, verified, pruned and deleted by a server', async () => {
    const { world, ask, ended } = await started()
    world.servers.volumes.backups.push(backupInfo('b1'))
    const page = await ask((m) => m.backups('r', { volume: 'v', limit: 10 }))
    expect(page.items.map(({ id }) => id)).toEqual(['b1'])
    expect(world.servers.volumes.specs.at(-1)).toMatchObject({ kind: 'listBackups', volume: 'u-v' })
    expect((await ended(await ask((m) => m.verifyBackup(ANNA, 'r', 'b1')))).state).toBe('succeeded')
    world.servers.volumes.failures.set('verifyBackup', [{ code: 'CORRUPT', message: 'pack p9 is damaged' }])
    const failed = await ended(await ask((m) => m.verifyBackup(ANNA, 'r', 'b1')))
    expect(failed).toMatchObject({ state: 'failed', message: 's1: pack p9 is damaged' })
    expect(world.master.events({ limit: 100 }).map(({ kind }) => kind)).toContain('backup.verify_failed')
    const wish = { keep: { last: 1 }, dryRun: true }
    expect((await ended(await ask((m) => m.pruneBackups(ANNA, 'r', wish)))).data.result).toMatchObject({
      deleted: ['old'],
    })
    expect(await refusalOf(ask((m) => m.pruneBackups(ANNA, 'r', { keep: {}, dryRun: false })))).toBe(
      'INVALID_ARGUMENT keep_nothing',
    )
    expect((await ended(await ask((m) => m.deleteBackup(ANNA, 'r', 'b1')))).state).toBe('succeeded')
  })

  it('become a new volume, or one that is there when nobody is logged in', async () => {
    const { world, ask, ended } = await started()
    world.servers.volumes.backups.push(backupInfo('b1'))
    const restore = (name: string, force = false) =>
      ask((m) => m.restoreBackup(ANNA, 'r', 'b1', { force, wish: { name, replicas: 2 } }))
    const made = await restore('c')
    expect(made.volume.record.access.initiators).toEqual([])
    expect((await ended(made.job)).state).toBe('succeeded')
    expect(world.master.volume('c').record).toMatchObject({ state: 'active', access: { initiators: null } })
    world.servers.sessions.set('u-v', 1)
    await expect(restore('v')).rejects.toMatchObject({ facts: { unsafe: true } })
    expect((await ended((await restore('v', true)).job)).state).toBe('succeeded')
    world.servers.sessions.clear()
    world.servers.volumes.backups[0] = { ...backupInfo('b1'), sizeBytes: 2 ** 40 }
    expect(await refusalOf(restore('v'))).toBe('INVALID_ARGUMENT too_small')
    world.servers.volumes.backups[0] = { ...backupInfo('b1'), state: 'unreadable' }
    expect(await refusalOf(restore('v'))).toBe('CONFLICT unreadable')
  })

  it('do not take the base away from a clone that is filled from it', async () => {
    const { world, ask, ended } = await started()
    const back = () => ask((m) => m.backupVolume(ANNA, 'v', { repository: 'r', full: false }))
    const states = (): string[] => world.records.snapshotsOf('u-v').map(({ state }) => state)
    const first = await ended(await back())
    const base = `backup-${String(first.data.snapshot)}`
    world.servers.volumes.failures.set('hydrate', Array(10_000).fill({ code: 'BUSY', message: 'slow' }))
    const clone = await ask((m) => m.cloneSnapshot(ANNA, 'v', base, { name: 'c' }))
    await world.until('its use', () => world.job(clone.job!.id).step === 'fill')
    expect((await ended(await back())).state).toBe('succeeded')
    expect(states()).toEqual(['ready', 'ready'])
    await ask((m) => m.deleteRepository(ANNA, 'r'))
    await world.until('the other base to go', () => states().length === 1)
    expect(world.records.snapshotsOf('u-v')).toMatchObject([{ name: base, state: 'ready' }])
    world.servers.volumes.failures.clear()
    expect((await ended(clone.job!)).state).toBe('succeeded')
    await ask((m) => m.createRepository(ANNA, REPOSITORY))
    expect((await ended(await back())).state).toBe('succeeded')
    await world.until('the base to go', () => states().length === 1)
    expect(world.records.snapshotsOf('u-v')[0]?.name).not.toBe(base)
  })

  it('that are complete do not hold up the deletion of their volume; one that is made does', async () => {
    const { world, ask, ended } = await started()
    await ask((m) => m.createRepository(ANNA, { ...REPOSITORY, name: 'r2' }))
    const backUp = (repository: string) => ask((m) => m.backupVolume(ANNA, 'v', { repository, full: false }))
    const keeping = (m: MasterApi) => m.deleteVolume(ANNA, 'v', { keepSnapshots: true })
    for (const repository of ['r', 'r2'])
      expect((await ended(await backUp(repository))).state).toBe('succeeded')
    expect(world.records.snapshotsOf('u-v')).toHaveLength(2)
    const running = await backUp('r')
    expect(await refusalOf(ask(keeping))).toBe('CONFLICT in_use')
    await world.until('its copy', () => world.job(running.id).step === 'copy')
    expect(await refusalOf(ask(keeping))).toBe('CONFLICT in_use')
    await ended(running)
    const base = world.records.snapshotsOf('u-v').find(({ state }) => state === 'ready')
    await ask((m) => m.exposeSnapshot(ANNA, 'v', base?.name ?? '', true))
    expect(await refusalOf(ask(keeping))).toBe('CONFLICT has_snapshots')
    await ask((m) => m.exposeSnapshot(ANNA, 'v', base?.name ?? '', false))
    const clone = await ask((m) => m.cloneSnapshot(ANNA, 'v', base?.name ?? '', { name: 'c', replicas: 2 }))
    expect(await refusalOf(ask(keeping))).toBe('CONFLICT clone_filling')
    await ended(clone.job!)
    expect((await ended(await ask(keeping))).state).toBe('succeeded')
    await world.until('its end', () => world.records.volume('u-v') === undefined)
    expect(world.records.snapshotVolumes()).toEqual([])
    expect(world.master.protection().backups).toEqual([])
    for (const name of ['r', 'r2']) await ask((m) => m.deleteRepository(ANNA, name))
  })

  it('cannot be asked for while no server is there', async () => {
    const { world, ask } = await started()
    for (const server of ['s1', 's2', 's3', 's4']) world.servers.setUp(server, false)
    expect(await refusalOf(ask((m) => m.backups('r', { limit: 1 })))).toBe('BUSY no_server')
  })
})
