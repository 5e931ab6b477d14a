/** Snapshots as people ask for them, over scripted servers in virtual time: whatever happens, both sides end the same. */
import { describe, expect, it } from 'vitest'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import { isBlockError } from '../../base/errors.ts'
import type { MasterApi } from '../master-api.ts'
import type { JobRecord, SnapshotRecord } from '../records.ts'

const ANNA = { actor: 'anna', requestId: 'r-1' }
const THREE = ['s1', 's2', 's3']

async function started(arrange: (world: JobWorld) => void = () => undefined) {
  const world = new JobWorld()
  world.addVolume('v', THREE)
  world.addVolume('w', ['s2', 's3', 's1'])
  arrange(world)
  await world.start()
  const ask = <T>(call: (master: MasterApi) => Promise<T>): Promise<T> =>
    world.scheduler.until(call(world.master), { what: 'an answer', limitMs: 120_000 })
  const names = (volume = 'u-v'): string[] =>
    world.records.snapshotsOf(volume).map(({ name, state }) => `${name} ${state}`)
  const there = (volume = 'u-v'): string[] =>
    world.servers.volumes.log(volume).snapshots.map(({ name }) => name)
  const settled = (what: string, is: () => boolean): Promise<void> => world.until(what, is)
  return { world, ask, names, there, settled }
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

describe('a snapshot', () => {
  it('is found by its name in the list of all volumes', async () => {
    const { ask, world } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    await ask((m) => m.createSnapshot(ANNA, 'w', { name: 'two' }))
    await ask((m) => m.createSnapshotGroup(ANNA, { name: 'both', volumes: ['v', 'w'] }))
    const found = (filter: { name?: string; volume?: string; group?: string }): string[] =>
      world.master
        .allSnapshots({ limit: 10, ...filter })
        .items.map(({ volumeName, record }) => `${volumeName}@${record.name}`)
    expect(found({ name: 'two' })).toEqual(['w@two'])
    expect(found({ name: 'both' }).sort()).toEqual(['v@both', 'w@both'])
    expect(found({ name: 'both', volume: 'v' })).toEqual(['v@both'])
    expect(found({ name: 'one', group: 'both' })).toEqual([])
    expect(found({}).length).toBe(4)
  })

  it('is made, shown, exposed and deleted', async () => {
    const { world, ask, names, there } = await started()
    const made = await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    expect(made).toMatchObject({ volumeName: 'v', record: { state: 'ready', lsn: 101 }, exposed: null })
    expect(await ask((m) => m.snapshots('v'))).toMatchObject([{ heldBytes: 8192, exclusiveBytes: 4096 }])
    expect(world.master.volume('v').snapshots).toEqual({ count: 1, bytes: 8192 + 4096 })
    expect(await refusalOf(ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' })))).toBe('CONFLICT exists')

    const shown = await ask((m) => m.exposeSnapshot(ANNA, 'v', 'one', true))
    expect(shown.exposed).toMatchObject({ iqn: 'iqn.2026-11.io.basalt:v:snap:one', iscsi: ['s1:3260'] })
    expect(world.servers.volumes.log('u-v').snapshots[0]?.isExposed).toBe(true)
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('CONFLICT exposed')
    await ask((m) => m.exposeSnapshot(ANNA, 'v', made.record.id, false))
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'one'))
    expect([names(), there()]).toEqual([[], []])
    const kinds = world.master.events({ limit: 100 }).map(({ kind, actor }) => `${kind} ${actor}`)
    expect(kinds).toEqual([
      'snapshot.created anna',
      'snapshot.exposed anna',
      'snapshot.hidden anna',
      'snapshot.deleting anna',
      'snapshot.deleted master',
    ])
  })

  it('whose answer is lost is there all the same', async () => {
    const { world, ask, names, there } = await started()
    world.servers.fault('createSnapshot', 's1', 'answer lost')
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    expect([names(), there()]).toEqual([['one ready'], ['one']])
  })

  it('that cannot be had leaves nothing, also when it is made later', async () => {
    const { world, ask, names, there, settled } = await started()
    world.servers.fault('createSnapshot', 's1', 'late', 'lost', 'lost', 'lost')
    expect(await refusalOf(ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' })))).toMatch(/^TIMED_OUT/)
    await settled('the end of it', () => names().length === 0 && there().length === 0)
    world.servers.fault('createSnapshot', 's1', 'refused')
    expect(await refusalOf(ask((m) => m.createSnapshot(ANNA, 'v', { name: 'two' })))).toMatch(/^NO_SPACE/)
    await settled('the end of that', () => names().length === 0)
    expect(there()).toEqual([])
  })

  it('is made at the next primary when the one before goes', async () => {
    const { world, ask, there } = await started()
    world.scheduler.schedule('down', 's1', 1, () => world.servers.setUp('s1', false))
    const made = await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    expect(made.record.state).toBe('ready')
    expect(there()).toEqual(['one'])
  })

  it('that is read stays; one whose server does not answer is deleted later', async () => {
    const { world, ask, names, there, settled } = await started()
    const { record } = await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.volumes.read.add(record.id)
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toMatch(/^CONFLICT/)
    expect(names()).toEqual(['one ready'])
    world.servers.volumes.read.clear()
    world.servers.fault('deleteSnapshot', 's1', 'lost', 'lost', 'lost', 'lost')
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('BUSY deleted_later')
    await settled('its end', () => names().length === 0)
    expect(there()).toEqual([])
  })
})

describe('a snapshot that is deleted', () => {
  const NOT_YET = Array.from({ length: 8 }, () => 'not led' as const)

  it('at a primary that does not lead yet is waited for', async () => {
    const { world, ask, names, there } = await started()
    world.servers.fault('createSnapshot', 's1', ...NOT_YET)
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.fault('deleteSnapshot', 's1', ...NOT_YET)
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'one'))
    expect([names(), there()]).toEqual([[], []])
    // longer than anybody waits
    world.servers.fault('createSnapshot', 's1', ...Array.from({ length: 60 }, () => 'not led' as const))
    expect(await refusalOf(ask((m) => m.createSnapshot(ANNA, 'v', { name: 'two' })))).toBe('BUSY not_served')
  })

  it('by a server that dies before it answers was not lost', async () => {
    const { world, ask, names, there, settled } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.fault('deleteSnapshot', 's1', 'answer lost')
    // longer than anybody waits
    world.servers.fault('deleteSnapshot', 's2', ...Array.from({ length: 60 }, () => 'not led' as const))
    world.scheduler.schedule('down', 's1', 1000, () => world.servers.setUp('s1', false))
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('BUSY deleted_later')
    expect([names(), there()]).toEqual([['one deleting'], []])
    world.servers.faults.clear()
    await settled('its end', () => names().length === 0)
    const kinds = world.master.events({ limit: 100 }).map(({ kind }) => kind)
    expect(kinds).not.toContain('snapshot.lost')
  })

  it('is no more ready by a conflict, when a request without an answer came before', async () => {
    const { world, ask, names, settled } = await started()
    const { record } = await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.volumes.read.add(record.id)
    world.servers.fault('deleteSnapshot', 's1', 'lost')
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('BUSY deleted_later')
    expect(names()).toEqual(['one deleting'])
    world.servers.volumes.read.clear()
    await settled('its end', () => names().length === 0)
  })

  it('is going still when it was before, whoever reads it', async () => {
    const id = 'a'.repeat(16)
    const { world, ask, names, settled } = await started((one) => {
      const record = {
        ...{ id, volume: 'u-v', name: 'one', state: 'deleting' as const, lsn: null, sizeBytes: 1 },
        ...{ createdAt: 0, schedule: null, isExposed: false, group: null, backup: null },
      }
      one.put({ kind: 'snapshot', record })
      one.servers.volumes.createSnapshot({ volume: 'u-v', epoch: 1, id, name: 'one' })
      one.servers.volumes.read.add(id)
    })
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('BUSY deleted_later')
    expect(names()).toEqual(['one deleting'])
    world.servers.volumes.read.clear()
    await settled('its end', () => names().length === 0)
  })
})

describe("the registry's list", () => {
  it('follows the volume: lost, taken in, found again', async () => {
    const { world, ask, names, settled } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    const log = world.servers.volumes.log('u-v')
    const [one] = log.snapshots
    const other = { ...one!, id: '00000000000000ff', name: 'other', lsn: 7 }
    log.snapshots = [other]
    await settled('the loss', () => names().length === 2)
    expect(names().sort()).toEqual(['one lost', 'other ready'])
    log.snapshots = [other, one!]
    await settled('the finding', () => names().includes('one ready'))
    log.snapshots = [other]
    await settled('the loss again', () => names().includes('one lost'))
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'one'))
    expect(names()).toEqual(['other ready'])
    const times = (kind: string): number =>
      world.master.events({ limit: 100 }).reduce((sum, one) => sum + (one.kind === kind ? one.count : 0), 0)
    expect([times('snapshot.lost'), times('snapshot.found')]).toEqual([2, 2])
  })

  it('is put in order by a master that finds things half done', async () => {
    const half = (id: string, state: 'creating' | 'deleting', group: string | null = null) => ({
      kind: 'snapshot' as const,
      record: {
        ...{ id, volume: 'u-v', name: `n${id}`, state, lsn: null, sizeBytes: 1, createdAt: 0 },
        ...{ schedule: null, isExposed: false, group, backup: null },
      },
    })
    const [made, never, grouped, going] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(16))
    const { names, there, settled } = await started((world) => {
      world.put(half(made!, 'creating'), half(never!, 'creating'))
      world.put(half(grouped!, 'creating', 'g'), half(going!, 'deleting'))
      for (const id of [made!, grouped!, going!]) {
        world.servers.volumes.createSnapshot({ volume: 'u-v', epoch: 1, id, name: `n${id}` })
      }
    })
    await settled('the order', () => names().length === 1)
    // of a group nobody knows any more whether it is of one moment
    expect(names()).toEqual([`n${made} ready`])
    expect(there()).toEqual([`n${made}`])
  })

  it('is kept for all others when one of them cannot be deleted', async () => {
    const [read, going, shown] = ['a', 'b', 'c'].map((digit) => digit.repeat(16))
    const { world, names, settled } = await started((one) => {
      const { volumes } = one.servers
      for (const [id, state] of [
        [read!, 'deleting'],
        [going!, 'deleting'],
        [shown!, 'ready'],
      ] as const) {
        volumes.createSnapshot({ volume: 'u-v', epoch: 1, id, name: `n${id}` })
        const record = {
          ...{ id, volume: 'u-v', name: `n${id}`, state, lsn: null, sizeBytes: 1, createdAt: 0 },
          ...{ schedule: null, isExposed: state === 'ready', group: null, backup: null },
        }
        one.put({ kind: 'snapshot', record })
      }
      volumes.read.add(read!)
    })
    const log = world.servers.volumes.log('u-v')
    const isShown = (): boolean => log.snapshots.some(({ id, isExposed }) => id === shown && isExposed)
    await settled('what can be done', () => names().length === 2 && isShown())
    expect(names()).toEqual([`n${read} deleting`, `n${shown} ready`])
    world.servers.volumes.read.clear()
    await settled('the rest', () => names().length === 1)
  })

  it('tells the next primary what hosts may log in to', async () => {
    const { world, ask, settled } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    await ask((m) => m.exposeSnapshot(ANNA, 'v', 'one', true))
    const log = world.servers.volumes.log('u-v')
    log.snapshots = log.snapshots.map((one) => ({ ...one, isExposed: false }))
    await settled('the word', () => log.snapshots[0]?.isExposed === true)
  })
})

describe('a clone that the registry does not know', () => {
  it('is filled on, as soon as it is known what from', async () => {
    const { world, ask, settled } = await started((one) => {
      one.servers.volumes.setOrigin({
        ...{ volume: 'u-w', epoch: 1 },
        origin: { volume: 'u-v', snapshot: 'ab'.repeat(8), sizeBytes: 4096 },
      })
    })
    const jobs = () => world.records.jobs().filter(({ kind, volume }) => kind === 'clone' && volume === 'u-w')
    await settled('some time', () => world.scheduler.nowMs > 20_000)
    expect(jobs()).toEqual([])
    expect(await refusalOf(ask((m) => m.deleteVolume(ANNA, 'v')))).toBe('CONFLICT clone_filling')
    world.servers.volumes.createSnapshot({ volume: 'u-v', epoch: 1, id: 'ab'.repeat(8), name: 'one' })
    await settled('its record', () => world.records.snapshotsOf('u-v')[0]?.state === 'ready')
    expect(jobs()).toEqual([])
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('CONFLICT in_use')
    await settled('its job', () => jobs().length === 1)
    expect(world.records.volume('u-w')?.origin).toMatchObject({ volume: 'u-v', snapshot: 'ab'.repeat(8) })
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('CONFLICT in_use')
    // and the servers fill it
    world.servers.volumes.log('u-w').origin = null
    await settled('its end', () => jobs()[0]?.state === 'succeeded')
    expect(world.records.volume('u-w')?.origin).toBeNull()
    await settled('some time', () => world.scheduler.nowMs > 120_000)
    expect(jobs()).toHaveLength(1)
  })
})

describe('a clone that a registry of before does not know', () => {
  it('keeps its snapshot, which that one gave up, until it is filled', async () => {
    const id = 'ab'.repeat(8)
    const { world, settled, there } = await started((one) => {
      one.servers.volumes.createSnapshot({ volume: 'u-v', epoch: 1, id, name: 'one' })
      one.servers.volumes.setOrigin({
        ...{ volume: 'u-w', epoch: 1 },
        origin: { volume: 'u-v', snapshot: id, sizeBytes: 4096 },
      })
      one.servers.volumes.taskMs = 60_000
      const record: SnapshotRecord = {
        ...{ id, volume: 'u-v', name: 'one', state: 'deleting', lsn: 1, sizeBytes: 4096, createdAt: 0 },
        ...{ schedule: null, isExposed: false, group: null, backup: null },
      }
      one.put({ kind: 'snapshot', record })
    })
    await settled('some time', () => world.scheduler.nowMs > 30_000)
    expect(there('u-v')).toHaveLength(1)
    expect(world.records.volume('u-w')?.origin).toMatchObject({ volume: 'u-v', snapshot: id })
    world.servers.volumes.log('u-w').origin = null
    await settled('its end', () => there('u-v').length === 0)
    expect(world.records.volume('u-w')?.origin).toBeNull()
  })
})

describe('a group', () => {
  it('is of one moment: all are held before the first is made', async () => {
    const { world, ask, names } = await started()
    const group = await ask((m) => m.createSnapshotGroup(ANNA, { name: 'g', volumes: ['v', 'w'] }))
    expect(group.map(({ volumeName }) => volumeName)).toEqual(['v', 'w'])
    expect(new Set(group.map(({ record }) => record.group)).size).toBe(1)
    const calls = world.servers.calls.filter((call) =>
      /^(holdWrites|createSnapshot|releaseWrites)/.test(call),
    )
    expect(calls.map((call) => call.split(' ')[0])).toEqual([
      ...['holdWrites', 'holdWrites', 'createSnapshot', 'createSnapshot', 'releaseWrites', 'releaseWrites'],
    ])
    expect([...names('u-v'), ...names('u-w')]).toEqual(['g ready', 'g ready'])
  })

  it('that was not held for long enough is none', async () => {
    const { world, ask, names, there, settled } = await started()
    world.servers.fault('createSnapshot', 's2', 'answer lost')
    expect(
      await refusalOf(ask((m) => m.createSnapshotGroup(ANNA, { name: 'g', volumes: ['v', 'w'] }))),
    ).toMatch(/^(TIMED_OUT|BUSY)/)
    await settled('its end', () => [...names('u-v'), ...names('u-w')].length === 0)
    expect([...there('u-v'), ...there('u-w')]).toEqual([])
    expect(world.servers.volumes.log('u-v').hold).toBeNull()
  })

  it('of which one volume cannot be held is none, and holds nobody up', async () => {
    const { world, ask, names, there, settled } = await started()
    world.servers.fault('holdWrites', 's2', 'refused')
    expect(
      await refusalOf(ask((m) => m.createSnapshotGroup(ANNA, { name: 'g', volumes: ['v', 'w'] }))),
    ).toMatch(/^NO_SPACE/)
    await settled('its end', () => [...names('u-v'), ...names('u-w')].length === 0)
    expect([...there('u-v'), ...there('u-w')]).toEqual([])
    expect(world.servers.volumes.log('u-v').hold).toBeNull()
  })
})

describe('a volume', () => {
  const ended = async (world: JobWorld, job: JobRecord): Promise<JobRecord> => {
    await world.until('the end', () => world.job(job.id).state !== 'running')
    return world.job(job.id)
  }

  it('is restored only when nobody is logged in, unless forced', async () => {
    const { world, ask } = await started()
    const { record } = await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.sessions.set('u-v', 2)
    const restore = (force: boolean) => ask((m) => m.restoreSnapshot(ANNA, 'v', 'one', { force }))
    await expect(restore(false)).rejects.toMatchObject({ code: 'CONFLICT', facts: { unsafe: true } })
    expect((await ended(world, await restore(true))).state).toBe('succeeded')
    expect(world.servers.volumes.log('u-v').restored).toEqual([record.id])
  })

  it('has its snapshot to itself when the clone is to go, also while servers of the clone are away', async () => {
    const { world, ask } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    world.servers.volumes.failures.set('hydrate', Array(10_000).fill({ code: 'BUSY', message: 'slow' }))
    const { volume, job } = await ask((m) => m.cloneSnapshot(ANNA, 'v', 'one', { name: 'c', replicas: 2 }))
    await world.until('its use', () => world.job(job!.id).step === 'fill')
    const away = volume.record.replicas.map(({ server }) => server).find((server) => server !== 's1')!
    world.servers.setUp(away, false)
    await ask((m) => m.deleteVolume(ANNA, 'c'))
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'one'))
    expect(world.records.volume(volume.record.uuid)?.state).toBe('deleting')
    expect(world.records.snapshotsOf('u-v')).toEqual([])
  })

  it('is cloned; until the clone is whole neither its snapshot nor it is deleted', async () => {
    const { world, ask } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    const clone = (m: MasterApi) => m.cloneSnapshot(ANNA, 'v', 'one', { name: 'c', replicas: 2 })
    const { volume, job } = await ask(clone)
    expect(volume.record).toMatchObject({ name: 'c', sizeBytes: 64 * 2 ** 20, access: { initiators: [] } })
    expect((await ask(clone)).job?.id).toBe(job?.id)
    expect(await refusalOf(ask((m) => m.deleteSnapshot(ANNA, 'v', 'one')))).toBe('CONFLICT in_use')
    expect(await refusalOf(ask((m) => m.deleteVolume(ANNA, 'v')))).toBe('CONFLICT clone_filling')
    expect(await refusalOf(ask((m) => m.setAccess(ANNA, 'c', volume.record.access)))).toBe(
      'CONFLICT being_made',
    )
    await world.until('its use', () => world.job(job!.id).step === 'fill')
    expect(world.master.volume('c').clone).toMatchObject({ source: 'v@one' })
    expect(await refusalOf(ask((m) => m.createSnapshot(ANNA, 'c', { name: 'x' })))).toBe(
      'CONFLICT clone_filling',
    )
    expect((await ended(world, job!)).state).toBe('succeeded')
    expect(world.master.volume('c')).toMatchObject({
      clone: null,
      record: { origin: null, access: { initiators: null, hosts: null } },
    })
    // the same again is the same volume for as long as it lives
    expect(await ask(clone)).toMatchObject({ volume: { record: { uuid: volume.record.uuid } }, job: null })
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'two' }))
    const other = (m: MasterApi) => m.cloneSnapshot(ANNA, 'v', 'two', { name: 'c', replicas: 2 })
    expect(await refusalOf(ask(other))).toBe('CONFLICT exists_otherwise')
    const keeping = (m: MasterApi) => m.deleteVolume(ANNA, 'v', { keepSnapshots: true })
    expect(await refusalOf(ask(keeping))).toBe('CONFLICT has_snapshots')
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'two'))
    await ask((m) => m.deleteSnapshot(ANNA, 'v', 'one'))
    await ended(world, await ask(keeping))
    expect(world.records.snapshotsOf('u-v')).toEqual([])
  })

  it('is cloned without letting anybody in, when that is asked for', async () => {
    const { world, ask } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    const { volume, job } = await ask((m) =>
      m.cloneSnapshot(ANNA, 'v', 'one', { name: 'c', replicas: 2, closed: true }),
    )
    const nobody = { initiators: [], hosts: [] }
    expect(volume.record.access).toMatchObject(nobody)
    await world.until('its use', () => world.master.volume('c').record.state === 'active')
    expect(world.master.volume('c').record.access).toMatchObject(nobody)
    expect((await ended(world, job!)).state).toBe('succeeded')
    expect(world.master.volume('c').record).toMatchObject({
      access: nobody,
      madeOf: { volume: 'u-v', snapshot: world.records.snapshotsOf('u-v')[0]?.id },
    })
  })

  it('cannot be cloned smaller', async () => {
    const { ask } = await started()
    await ask((m) => m.createSnapshot(ANNA, 'v', { name: 'one' }))
    const wish = { name: 'c', sizeBytes: 4096 * 16 }
    expect(await refusalOf(ask((m) => m.cloneSnapshot(ANNA, 'v', 'one', wish)))).toBe(
      'INVALID_ARGUMENT too_small',
    )
  })
})
