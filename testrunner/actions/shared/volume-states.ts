/** What a volume is like, in the words of waits and reports. */
import type { ClusterVolume, Replica } from '../../../src/client/wire/volume.ts'
import type { ValueMap } from '../../model/value.ts'
import type { World } from '../action.ts'
import { asValue } from './failures.ts'
import { nameOfReplica } from './servers.ts'
import type { Look } from './until.ts'
import { leaderIn } from './volumes.ts'

/** One line: `degraded, epoch 3: s1 primary in sync, s2 not in sync, not connected (damaged)`. */
export function describeVolume(volume: ClusterVolume): string {
  const state = [volume.status === 'active' ? volume.health_state : volume.status]
  if (!volume.serving) state.push('not serving')
  state.push(`epoch ${volume.epoch}`)
  return `${state.join(', ')}: ${volume.replicas.map(describeReplica).join('; ') || 'no replicas'}`
}

export function describeReplica(replica: Replica): string {
  const { server_name, role, state, in_sync, connected, standing, wal_lag, resync_ratio } = replica
  return [
    `${server_name} ${role}`,
    ...(state === 'ready' ? [] : [state]),
    in_sync ? 'in sync' : 'not in sync',
    ...(connected ? [] : ['not connected']),
    ...(standing === 'sound' ? [] : [standing]),
    ...(wal_lag === null || wal_lag === 0 ? [] : [`${wal_lag} entries behind`]),
    ...(resync_ratio === null ? [] : [`resynced to ${Math.round(resync_ratio * 100)} %`]),
  ].join(' ')
}

/** It serves, and everything that it is made of is there. */
export const isWhole = ({ replicas, replica_factor, health_state, serving }: ClusterVolume): boolean =>
  serving &&
  health_state === 'healthy' &&
  replicas.length >= replica_factor &&
  replicas.every(({ in_sync, connected, state }) => in_sync && connected && state === 'ready')

export const isUsable = (volume: ClusterVolume): Look<ClusterVolume> =>
  volume.status === 'active' && isWhole(volume)
    ? { is: volume }
    : { not: describeVolume(volume), seen: asValue(volume) }

/** What steps save of a volume: as the API shows it, with `leader`, the name of the server that leads, or null. */
export function volumeResult(world: World, volume: ClusterVolume): ValueMap {
  const leader = leaderIn(volume)
  return {
    ...(asValue(volume) as ValueMap),
    leader: leader === undefined ? null : nameOfReplica(world, leader),
  }
}
