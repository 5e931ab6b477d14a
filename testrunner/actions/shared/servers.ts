/** How steps name servers: `s2`, `leader:VOLUME`, `replica:VOLUME`, or the id that the cluster gave one. */
import type { Replica } from '../../../src/client/wire/volume.ts'
import type { Daemon } from '../../cluster/cluster.ts'
import { machineName } from '../../model/parameters.ts'
import type { ActionContext, World } from '../action.ts'
import { badArgument, couldNot } from './failures.ts'
import { until } from './until.ts'
import { leaderIn, volumeOf } from './volumes.ts'

export const serverName = (what = 'the server') =>
  machineName(
    `${what}: s1, s2, …, leader:VOLUME, replica:VOLUME (one that does not lead), or its id in the cluster`,
    ['s'],
  )

export const masterName = (what = 'the master') => machineName(`${what}: m1, m2, …`, ['m'])

/** The server that `name` means now. Waits for a volume to have a leader when it is named by that. */
export async function serverOf(context: ActionContext, name: string): Promise<Daemon> {
  const [, role, volume] = /^(leader|replica):(.+)$/.exec(name) ?? []
  if (role === undefined || volume === undefined) return namedServer(context.world, name)
  const replica = await until(context, `a ${role} of ${volume}`, async () => {
    const { replicas, ...rest } = await volumeOf(context, volume)
    const found =
      role === 'leader'
        ? leaderIn({ replicas, ...rest })
        : (replicas.find((one) => one.role !== 'primary' && one.in_sync) ??
          replicas.find((one) => one.role !== 'primary'))
    return found === undefined ? { not: 'there is none' } : { is: found }
  })
  return daemonOfReplica(context.world, replica)
}

/** Any process of the product: a server as above, or a master m1, m2, … */
export async function daemonOf(context: ActionContext, name: string): Promise<Daemon> {
  return context.world.cluster.daemons.get(name) ?? (await serverOf(context, name))
}

export function masterOf({ cluster }: World, name: string): Daemon {
  const found = cluster.masters.find((one) => one.name === name)
  if (found !== undefined) return found
  throw badArgument(`there is no master ${name}; there are ${namesOf(cluster.masters)}`)
}

/** The process behind a replica that the API shows. */
export function daemonOfReplica(
  { cluster }: World,
  replica: Pick<Replica, 'server' | 'server_name'>,
): Daemon {
  const found = cluster.servers.find(({ id, name }) => id === replica.server || name === replica.server_name)
  if (found !== undefined) return found
  throw couldNot(`the server ${replica.server_name} (${replica.server}) is none of this run's`)
}

/** Its name in the scenario when it is known, else as the cluster has it. */
export function nameOfReplica({ cluster }: World, replica: Pick<Replica, 'server' | 'server_name'>): string {
  const found = cluster.servers.find(({ id, name }) => id === replica.server || name === replica.server_name)
  return found?.name ?? replica.server_name
}

function namedServer({ cluster }: World, name: string): Daemon {
  const found = cluster.servers.find((one) => one.name === name || one.id === name)
  if (found !== undefined) return found
  throw badArgument(`there is no server ${name}; there are ${namesOf(cluster.servers)}`)
}

const namesOf = (daemons: readonly Daemon[]): string => daemons.map(({ name }) => name).join(', ')
