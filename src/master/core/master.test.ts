/** What people ask of the master, from the call to the end of the job, over scripted servers in virtual time. */
import { describe, expect, it } from 'vitest'
import { JobWorld, LOST_AFTER_MS, servedVolume } from '../../../test/support/master/job-world.ts'
import { BlockError } from '../../base/errors.ts'
import { GIB, MIB } from '../../base/units.ts'
import { isOver } from '../jobs/turns.ts'
import type { CreateVolume, MasterApi } from '../master-api.ts'
import type { JobRecord } from '../records.ts'

const ANNA = { actor: 'anna', requestId: 'r-1' }
const SMALL: CreateVolume = { name: 'v', sizeBytes: 64 * MIB, replicas: 3, durability: 'sync_all' }

async function started(
  options?: ConstructorParameters<typeof JobWorld>[0],
  arrange?: (world: JobWorld) => void,
) {
  const world = new JobWorld(options)
  arrange?.(world)
  await world.start()
  const ask = <T>(call: (master: MasterApi) => Promise<T>): Promise<T> =>
    world.scheduler.until(call(world.master), { what: 'an answer' })
  const ended = async (job: JobRecord): Promise<JobRecord> => {
    await world.until(`the end of ${job.kind}`, () => isOver(world.job(job.id)))
    return world.job(job.id)
  }
  return { world, ask, ended }
}

/** Code and stable reason of a refusal. */
async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (error instanceof BlockError) return `${error.code} ${String(error.facts.reason)}`
    throw error
  }
  return 'not refused'
}

describe('a volume', () => {
  it('is made, shown, grown and deleted', async () => {
    const { world, ask, ended } = await started()
    const made = await ask((master) => master.createVolume(ANNA, SMALL))
    expect(made.volume.record.state).toBe('creating')
    expect((await ended(made.job!)).state).toBe('succeeded')

    const view = world.master.volume('v')
    expect(view).toMatchObject({
      health: 'healthy',
      isServing: true,
      iqn: 'iqn.2026-11.io.basalt:v',
      jobs: [],
    })
    expect(view.iscsi).toEqual([`${view.record.lead.primary}:3260`])
    expect(view.replicas.map(({ isInSync, standing }) => [isInSync, standing])).toEqual([
      [true, 'sound'],
      [true, 'sound'],
      [true, 'sound'],
    ])
    expect(world.master.volume(view.record.uuid)).toEqual(view)
    expect(world.servers.held()).toHaveLength(3)

    const grown = await ended(await ask((master) => master.expandVolume(ANNA, 'v', GIB)))
    expect(grown.state).toBe('succeeded')
    expect(world.master.volume('v').record.sizeBytes).toBe(GIB)

    const deleted = await ended(await ask((master) => master.deleteVolume(ANNA, 'v')))
    expect(deleted.state).toBe('succeeded')
    expect(() => world.master.volume('v')).toThrow(/there is no volume 'v'/)
    expect(world.servers.held()).toEqual([])
    const kinds = world.master.events({ limit: 100 }).map(({ kind, actor }) => `${kind} ${actor}`)
    expect(kinds).toEqual(
      expect.arrayContaining([
        'volume.creating anna',
        'volume.created anna',
        'volume.expanding anna',
        'volume.deleting anna',
        'volume.deleted master',
      ]),
    )
    expect(world.master.events({ limit: 100 })[0]).toMatchObject({ requestId: 'r-1' })
  })

  it('that is asked for again is the same, or refused', async () => {
    const { world, ask, ended } = await started()
    const first = await ask((master) => master.createVolume(ANNA, SMALL))
    const again = await ask((master) => master.createVolume(ANNA, SMALL))
    expect(again.volume.record.uuid).toBe(first.volume.record.uuid)
    expect(again.job?.id).toBe(first.job?.id)
    await ended(first.job!)
    const later = await ask((master) => master.createVolume(ANNA, SMALL))
    expect(later).toMatchObject({ job: null, volume: { record: { uuid: first.volume.record.uuid } } })
    expect(await refusalOf(ask((m) => m.createVolume(ANNA, { ...SMALL, sizeBytes: GIB })))).toBe(
      'CONFLICT exists_otherwise',
    )
    await ask((master) => master.deleteVolume(ANNA, 'v'))
    expect(await refusalOf(ask((m) => m.createVolume(ANNA, SMALL)))).toBe('CONFLICT being_deleted')
    expect(world.records.volumes()).toHaveLength(1)
  })

  it('is one, when two ask for it at once', async () => {
    const { world, ask } = await started()
    const [one, two] = await ask((m) =>
      Promise.all([m.createVolume(ANNA, SMALL), m.createVolume(ANNA, SMALL)]),
    )
    expect(one.volume.record.uuid).toBe(two.volume.record.uuid)
    await world.calm()
    expect(world.records.jobs()).toHaveLength(1)
  })

  it('is planned as it is placed', async () => {
    const { world, ask } = await started()
    const { plan, errors } = world.master.planVolume(SMALL)
    expect(errors).toEqual([])
    const made = await ask((master) => master.createVolume(ANNA, SMALL))
    expect(made.volume.record.replicas.map(({ server }) => server)).toEqual(plan.replicas)
    expect(made.volume.record.lead.primary).toBe(plan.primary)
    expect(world.master.planVolume({ ...SMALL, replicas: 9 }).plan.primary).toBeNull()
  })

  it('that cannot be is refused with its reason', async () => {
    const { ask } = await started({ servers: ['s1', 's2', 's3'] })
    const create = (wish: CreateVolume): Promise<string> => refusalOf(ask((m) => m.createVolume(ANNA, wish)))
    expect(await create({ ...SMALL, name: '../etc' })).toBe('INVALID_ARGUMENT invalid_name')
    expect(await create({ ...SMALL, sizeBytes: 0 })).toBe('INVALID_ARGUMENT size_too_small')
    expect(await create({ ...SMALL, sizeBytes: 2 ** 60 })).toBe('INVALID_ARGUMENT size_too_large')
    expect(await create({ ...SMALL, replicas: 0 })).toBe('INVALID_ARGUMENT invalid_replicas')
    expect(await create({ ...SMALL, replicas: 4 })).toBe('CONFLICT rf_not_satisfiable')
    expect(await create({ ...SMALL, zones: ['nowhere'] })).toBe('NO_SPACE no_viable_primary')
    const volume = { name: 'v', sizeBytes: 64 * MIB }
    await ask((m) => m.createVolume(ANNA, volume))
    expect(await refusalOf(ask((m) => m.expandVolume(ANNA, 'v', GIB)))).toBe('CONFLICT being_made')
  })

  it('does not shrink, and does not outgrow its servers', async () => {
    const { world, ask, ended } = await started(undefined, (w) => w.addVolume('v', ['s1', 's2', 's3']))
    const expand = (size: number): Promise<string> => refusalOf(ask((m) => m.expandVolume(ANNA, 'v', size)))
    expect(await expand(32 * MIB)).toBe('INVALID_ARGUMENT shrink_refused')
    expect(await expand(3 * 1024 * GIB)).toBe('NO_SPACE insufficient_space')
    expect(await expand(64 * MIB + 1)).toBe('INVALID_ARGUMENT size_not_aligned')
    const same = await ended(await ask((m) => m.expandVolume(ANNA, 'v', 64 * MIB)))
    expect(same.state).toBe('succeeded')
    expect(world.servers.calls).toEqual([])
  })

  it('moves its lead, and a replica of it', async () => {
    const { world, ask, ended } = await started(undefined, (w) => w.addVolume('v', ['s1', 's2', 's3']))
    expect((await ended(await ask((m) => m.moveVolume(ANNA, 'v', { to: 's2' })))).state).toBe('succeeded')
    expect(world.master.volume('v').record.lead.primary).toBe('s2')
    const moved = await ended(await ask((m) => m.moveVolume(ANNA, 'v', { from: 's1' })))
    expect(moved.state).toBe('succeeded')
    expect(world.master.volume('v').replicas.map(({ server }) => server)).toEqual(['s2', 's3', 's4'])
    const move = (request: { to?: string; from?: string }): Promise<string> =>
      refusalOf(ask((m) => m.moveVolume(ANNA, 'v', request)))
    expect(await move({})).toBe('INVALID_ARGUMENT nothing_to_move')
    expect(await move({ to: 's1' })).toBe('CONFLICT not_in_sync')
    expect(await move({ from: 's1' })).toBe('CONFLICT no_replica')
    expect(await move({ from: 's2', to: 's3' })).toBe('NO_SPACE has_replica')
    expect(await move({ to: 's9' })).toBe('NOT_FOUND no_such_server')
  })

  it('has limits and access that can be changed', async () => {
    const { world, ask } = await started(undefined, (w) => w.addVolume('v', ['s1']))
    await ask((m) => m.setQos(ANNA, 'v', { iops: 500 }))
    expect(world.master.volume('v').record.qos).toMatchObject({ iops: 500, bytesPerSecond: 0 })
    await ask((m) =>
      m.setAccess(ANNA, 'v', {
        initiators: ['iqn.2026-11.org.example:h'],
        chap: null,
        hosts: null,
        dhchap: [],
      }),
    )
    expect(world.master.volume('v').record.access.initiators).toEqual(['iqn.2026-11.org.example:h'])
    expect(await refusalOf(ask((m) => m.setQos(ANNA, 'v', { iops: -1 })))).toBe(
      'INVALID_ARGUMENT invalid_qos',
    )
  })
})

describe('a thousand volumes', () => {
  it('come in pages, each once, also when some are made and deleted meanwhile', async () => {
    const nameOf = (i: number): string => `v${String(i).padStart(4, '0')}`
    const { world, ask } = await started(undefined, (w) => {
      for (let i = 0; i < 1000; i++) w.put({ kind: 'volume', record: servedVolume(nameOf(i), ['s1', 's2']) })
    })
    const seen: string[] = []
    let after: string | null = null
    do {
      const page = world.master.volumes(after === null ? { limit: 128 } : { limit: 128, after })
      seen.push(...page.items.map(({ record }) => record.name))
      if (seen.length === 256) await ask((m) => m.deleteVolume(ANNA, nameOf(255)))
      after = page.next
    } while (after !== null)
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, i) => nameOf(i)))
    expect(() => world.master.volumes({ limit: 10, after: '%%' })).toThrow(/not a cursor/)
    expect(() => world.master.volumes({ limit: 0 })).toThrow(/limit/)
    expect(world.master.volumes({ limit: 10, server: 's3' }).items).toEqual([])
    expect(world.master.cluster().volumes.total).toBe(1000)
  })
})

describe('a server', () => {
  it('is drained, uncordoned and removed', async () => {
    const { world, ask, ended } = await started(undefined, (w) => {
      for (const name of ['v', 'w', 'x']) w.addVolume(name, ['s1', 's2', 's3'])
    })
    const job = await ask((m) => m.drainServer(ANNA, 's1'))
    expect((await ask((m) => m.drainServer(ANNA, 's1'))).id).toBe(job.id)
    expect(await refusalOf(ask((m) => m.setCordoned(ANNA, 's1', false)))).toBe('CONFLICT draining')
    expect((await ended(job)).state).toBe('succeeded')
    expect(world.job(job.id).progress).toEqual({ done: 3, total: 3, unit: 'volumes' })
    expect(world.master.server('s1')).toMatchObject({
      replicas: 0,
      primaries: 0,
      record: { isCordoned: true },
    })
    for (const { record } of world.master.volumes({ limit: 10 }).items) {
      expect(record.lead.set.members).toHaveLength(3)
    }
    await ask((m) => m.setCordoned(ANNA, 's1', false))
    expect(world.master.server('s1').record).toMatchObject({ isCordoned: false, state: 'active' })
    await ask((m) => m.removeServer(ANNA, 's1', { force: false }))
    expect(() => world.master.server('s1')).toThrow(/there is no server/)
  })

  it('with nowhere to go waits, says why, and is cancelled', async () => {
    const { world, ask, ended } = await started({ servers: ['s1', 's2', 's3'] }, (w) => {
      w.addVolume('v', ['s1', 's2', 's3'])
    })
    const job = await ask((m) => m.drainServer(ANNA, 's1'))
    await world.until('the reason', () => world.master.job(job.id).message?.includes('blocked') === true)
    expect(world.master.job(job.id).message).toMatch(/v: no server can take one more replica/)
    expect(world.records.volume('u-v')?.lead.primary).not.toBe('s1')
    await ask((m) => m.cancelJob(ANNA, job.id))
    expect((await ended(job)).state).toBe('cancelled')
    expect(world.master.server('s1').record.isCordoned).toBe(true)
    expect(await refusalOf(ask((m) => m.cancelJob(ANNA, job.id)))).toBe('CONFLICT job_over')
  })

  it('that is away is replaced after the grace period', async () => {
    const { world } = await started({ servers: ['s1', 's2', 's3', 's4'] }, (w) => {
      w.addVolume('v', ['s1', 's2', 's3'])
    })
    world.servers.setUp('s2', false)
    await world.scheduler.pass(LOST_AFTER_MS - 10_000)
    expect(world.records.jobs()).toEqual([])
    await world.until('a replacement', () => world.records.jobs().length > 0)
    expect(world.records.jobs()[0]).toMatchObject({ kind: 'replace', actor: 'master', volume: 'u-v' })
    await world.calm()
    expect(world.records.jobs()[0]?.state).toBe('succeeded')
    expect(world.records.volume('u-v')?.lead.set.members.toSorted()).toEqual(['s1', 's3', 's4'])
    expect(world.records.volume('u-v')?.replicas).toContainEqual({
      server: 's2',
      state: 'leaving',
      slot: 1,
    })
    expect(world.master.cluster().rebuildsTotal).toBe(1)
    world.servers.setUp('s2', true)
    await world.until('the end of the old replica', () => world.records.volume('u-v')?.replicas.length === 3)
    expect(world.orphans()).toEqual([])
  })

  it('is not removed while it has replicas, unless by force and when it is away', async () => {
    const { world, ask } = await started(undefined, (w) => w.addVolume('v', ['s1', 's2', 's3']))
    const remove = (force: boolean): Promise<string> =>
      refusalOf(ask((m) => m.removeServer(ANNA, 's2', { force })))
    expect(await remove(false)).toBe('CONFLICT has_replicas')
    expect(await remove(true)).toBe('CONFLICT still_connected')
    world.servers.setUp('s2', false)
    expect(await remove(true)).toBe('not refused')
    await world.until('a replacement', () => world.records.jobs().some(({ kind }) => kind === 'replace'))
    await world.calm()
    expect(world.records.volume('u-v')?.replicas.map(({ server }) => server)).toEqual(['s1', 's3', 's4'])
  })
})

describe('the cluster', () => {
  it('is evened out by the moves that the dry run shows', async () => {
    const { world, ask, ended } = await started(undefined, (w) => {
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) w.addVolume(name, ['s1', 's2'])
    })
    const plan = world.master.planRebalance()
    expect(plan.length).toBeGreaterThan(0)
    const job = await ask((m) => m.rebalance(ANNA))
    expect((await ended(job)).state).toBe('succeeded')
    const moves = world.records.jobs().filter((one) => one.data.parent === job.id)
    expect(moves.map(({ volume, data }) => [volume, data.to])).toEqual(plan.map((m) => [m.volume, m.to]))
    expect(world.master.planRebalance()).toEqual([])
    expect(world.orphans()).toEqual([])
  })

  it('that is locked changes nothing until it is recovered', async () => {
    const lock = { reason: 'seq' as const, detail: 'servers have seen a newer registry', since: 0 }
    const { ask } = await started(undefined, (w) => {
      w.addVolume('v', ['s1', 's2', 's3'])
      w.put({ kind: 'cluster', record: { clusterId: 'c0', createdAt: 0, lock } })
    })
    for (const call of [
      (m: MasterApi) => m.createVolume(ANNA, { ...SMALL, name: 'w' }),
      (m: MasterApi) => m.deleteVolume(ANNA, 'v'),
      (m: MasterApi) => m.drainServer(ANNA, 's1'),
      (m: MasterApi) => m.removeServer(ANNA, 's1', { force: true }),
      (m: MasterApi) => m.moveVolume(ANNA, 'v', { from: 's1' }),
      (m: MasterApi) => m.promoteVolume(ANNA, 'v', { force: true, reason: 'test' }),
    ]) {
      expect(await refusalOf(ask((m) => call(m).then(() => undefined)))).toBe('CONFLICT locked')
    }
    expect((await ask((m) => m.recover(ANNA, { force: false }))).lock).toBeNull()
    expect(await refusalOf(ask((m) => m.deleteVolume(ANNA, 'v')))).toBe('not refused')
  })
})
