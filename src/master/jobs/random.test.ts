/**
 * Random requests, outages, lost and late calls, and a master that is killed at random commits. Then everything is whole
 * again, and what is left must fit: every job has ended, every replica that a server holds is in a record and the other
 * way round, every set is its volume's replicas, every name is of one volume.
 */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../test/sim/random.ts'
import { JobWorld } from '../../../test/support/master/job-world.ts'
import type { Fault } from '../../../test/support/master/script-servers.ts'
import { isBlockError } from '../../base/errors.ts'
import { MIB } from '../../base/units.ts'
import type { MasterApi } from '../master-api.ts'
import { isOver } from './turns.ts'

const SERVERS = ['s1', 's2', 's3', 's4', 's5']
const NAMES = ['a', 'b', 'c', 'd']
const CALLER = { actor: 'chance', requestId: null }
const ROUNDS = 60

type Act = (world: JobWorld, random: SeededRandom) => Promise<unknown> | undefined

/** A master that has just died, or is starting, answers nobody. */
const asked =
  (call: (master: MasterApi, random: SeededRandom, world: JobWorld) => Promise<unknown>): Act =>
  (world, random) =>
    world.running.master === null ? undefined : call(world.master, random, world)

const ACTS: Readonly<Record<string, readonly [weight: number, act: Act]>> = {
  create: [
    8,
    asked((master, random) =>
      master.createVolume(CALLER, {
        name: random.pick(NAMES),
        sizeBytes: 64 * MIB,
        replicas: 1 + random.integer(3),
        durability: random.chance(0.3) ? 'best_effort' : 'sync_all',
      }),
    ),
  ],
  delete: [3, asked((master, random) => master.deleteVolume(CALLER, random.pick(NAMES)))],
  expand: [
    3,
    asked((master, random) =>
      master.expandVolume(CALLER, random.pick(NAMES), (64 + 4 * random.integer(40)) * MIB),
    ),
  ],
  moveReplica: [
    4,
    asked((master, random) => master.moveVolume(CALLER, random.pick(NAMES), { from: random.pick(SERVERS) })),
  ],
  moveLead: [
    3,
    asked((master, random) => master.moveVolume(CALLER, random.pick(NAMES), { to: random.pick(SERVERS) })),
  ],
  preset: [
    4,
    asked((master, random) =>
      master.setPreset(CALLER, random.pick(NAMES), random.pick(['general', 'database', 'throughput'])),
    ),
  ],
  drain: [1, asked((master, random) => master.drainServer(CALLER, random.pick(SERVERS)))],
  uncordon: [2, asked((master, random) => master.setCordoned(CALLER, random.pick(SERVERS), false))],
  rebalance: [1, asked((master) => master.rebalance(CALLER))],
  cancel: [
    4,
    asked((master, random, world) => {
      const running = world.records.jobs().filter((job) => !isOver(job))
      return running.length === 0
        ? Promise.resolve(undefined)
        : master.cancelJob(CALLER, random.pick(running).id)
    }),
  ],
  outage: [
    3,
    (world, random) => {
      const server = random.pick(SERVERS)
      world.servers.setUp(server, false)
      world.scheduler.schedule('back', server, random.integer(200_000), () =>
        world.servers.setUp(server, true),
      )
      return undefined
    },
  ],
  fault: [
    6,
    (world, random) => {
      const faults: Fault[] = ['refused', 'lost', 'answer lost', 'late']
      const kind = random.pick(['allocate', 'remove', 'expand'] as const)
      world.servers.fault(kind, random.pick(SERVERS), random.pick(faults))
      return undefined
    },
  ],
  crash: [
    4,
    (world, random) => {
      const side = random.chance(0.5) ? 'before' : 'after'
      world.count.crashAt ??= { commit: world.count.commits + 1 + random.integer(12), side }
      return undefined
    },
  ],
}

async function live(seed: number): Promise<JobWorld> {
  const random = new SeededRandom(seed)
  const world = new JobWorld({ servers: SERVERS, seed })
  await world.start()
  const weights = Object.fromEntries(Object.entries(ACTS).map(([name, [weight]]) => [name, weight]))
  for (let round = 0; round < ROUNDS; round++) {
    const act = ACTS[random.weighted(weights)]![1]
    act(world, random)?.catch((error: unknown) => {
      if (!isBlockError(error)) throw error
    })
    await world.scheduler.pass(random.integer(random.chance(0.2) ? 20_000 : 1500))
  }
  // calm: everything works, and nothing that waits for room goes on
  world.count.crashAt = null
  world.servers.faults.clear()
  await world.scheduler.pass(200_000)
  for (const job of world.records.jobs()) {
    if (isOver(job) || job.kind !== 'drain' || job.state === 'cancelling') continue
    await world.scheduler.until(world.master.cancelJob(CALLER, job.id), { what: 'the end of a drain' })
  }
  for (const id of SERVERS) {
    await world.scheduler.until(world.master.setCordoned(CALLER, id, true), { what: 'a cordon' })
    const isDrained = world.records
      .jobs()
      .some((job) => job.server === id && job.kind === 'drain' && !isOver(job))
    if (isDrained) continue
    await world.scheduler.until(world.master.setCordoned(CALLER, id, false), { what: 'its end' })
  }
  await world.calm()
  return world
}

function judge(world: JobWorld): void {
  expect(world.orphans()).toEqual([])
  expect(world.missing()).toEqual([])
  for (const volume of world.records.volumes()) {
    expect(volume.state, volume.name).toBe('active')
    expect(volume.replicas.every(({ state }) => state === 'ready')).toBe(true)
    const holders = volume.replicas.map(({ server }) => server).sort()
    expect(volume.lead.set.members.toSorted(), volume.name).toEqual(holders)
    expect(holders, volume.name).toHaveLength(volume.policy.replicaFactor)
    expect(holders).toContain(volume.lead.primary)
    for (const server of holders) {
      expect(world.servers.servers.get(server)?.replicas.get(volume.uuid)?.sizeBytes).toBe(volume.sizeBytes)
    }
  }
}

describe('random lives of a cluster', () => {
  it.each(Array.from({ length: 30 }, (_, i) => i + 1))(
    'seed %i ends with everything in its place',
    async (seed) => {
      const world = await live(seed)
      try {
        judge(world)
      } finally {
        world.kill()
      }
    },
  )
})
