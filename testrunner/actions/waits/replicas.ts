/** Waits for what a volume and its replicas are like. */
import type { ClusterVolume, Replica } from '../../../src/client/wire/volume.ts'
import type { Arguments } from '../../model/parameter.ts'
import {
  duration,
  integer,
  machineName,
  oneOf,
  optional,
  truth,
  withDefault,
} from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { asValue } from '../shared/failures.ts'
import { nameOfReplica, serverName, serverOf } from '../shared/servers.ts'
import { pause, until } from '../shared/until.ts'
import { describeReplica, describeVolume, isWhole, volumeResult } from '../shared/volume-states.ts'
import { leaderIn, volumeName, volumeOf } from '../shared/volumes.ts'

/** What waits and statements say of a volume; all that are given hold at once. */
export const VOLUME_STATES = {
  health: optional(oneOf(['healthy', 'degraded', 'rebuilding', 'unsafe'], 'its health')),
  status: optional(oneOf(['creating', 'active', 'deleting'], 'its status')),
  serving: optional(truth('hosts are served')),
  in_sync: optional(integer('so many replicas are in sync', 0, 9)),
  replicas: optional(integer('so many replicas are there', 0, 9)),
  epoch_above: optional(integer('its epoch is greater than this')),
  size_bytes: optional(integer('its size')),
} as const

/** In which way `volume` is not so; null when it is. */
export function unlike(volume: ClusterVolume, stated: Arguments<typeof VOLUME_STATES>): string | null {
  const inSync = volume.replicas.filter(({ in_sync }) => in_sync).length
  const differs = [
    stated.health !== undefined && volume.health_state !== stated.health,
    stated.status !== undefined && volume.status !== stated.status,
    stated.serving !== undefined && volume.serving !== stated.serving,
    stated.in_sync !== undefined && inSync !== stated.in_sync,
    stated.replicas !== undefined && volume.replicas.length !== stated.replicas,
    stated.epoch_above !== undefined && volume.epoch <= stated.epoch_above,
    stated.size_bytes !== undefined && volume.size_bytes !== stated.size_bytes,
  ]
  return differs.includes(true) ? describeVolume(volume) : null
}

export const WAIT_VOLUME = defineAction({
  name: 'wait_volume',
  group: 'wait',
  summary:
    'Wait until a volume is as told; when nothing is told, until it is healthy, served, and every replica is in sync',
  parameters: {
    volume: volumeName(),
    ...VOLUME_STATES,
    for: withDefault(duration('and stays so for this time'), '0s'),
  },
  result: 'the volume as the API shows it, with leader: the name of the server that leads',
  timeoutMs: 120_000,
  run: async (context, { volume: name, for: steadyMs, ...stated }) => {
    const isPlain = Object.values(stated).every((value) => value === undefined)
    let sinceMs: number | null = null
    const found = await until(context, `volume ${name}`, async () => {
      const volume = await volumeOf(context, name)
      const plain = isWhole(volume) ? null : describeVolume(volume)
      const not = isPlain ? plain : unlike(volume, stated)
      const nowMs = context.clock.monotonicMs()
      if (not !== null) {
        sinceMs = null
        return { not, seen: asValue(volume) }
      }
      sinceMs ??= nowMs
      return nowMs - sinceMs >= steadyMs ? { is: volume } : { not: `as wanted, not yet for ${steadyMs} ms` }
    })
    return volumeResult(context.world, found)
  },
})

export const REPLICA_STATES = {
  in_sync: optional(truth('it is one of the in-sync set')),
  connected: optional(truth('its server is connected')),
  standing: optional(oneOf(['sound', 'doubtful', 'damaged', 'resyncing', 'unknown'], 'how it stands')),
  there: withDefault(truth('false: the server has no replica of the volume any more'), true),
} as const

/** In which way a replica is not so; null when it is. */
export function unlikeReplica(
  replica: Replica | undefined,
  stated: Arguments<typeof REPLICA_STATES>,
): string | null {
  if (replica === undefined) return stated.there ? 'there is no replica on it' : null
  const differs = [
    !stated.there,
    stated.in_sync !== undefined && replica.in_sync !== stated.in_sync,
    stated.connected !== undefined && replica.connected !== stated.connected,
    stated.standing !== undefined && replica.standing !== stated.standing,
  ]
  return differs.includes(true) ? describeReplica(replica) : null
}

export const WAIT_REPLICA = defineAction({
  name: 'wait_replica',
  group: 'wait',
  summary: "Wait until a server's replica of a volume is as told",
  parameters: { volume: volumeName(), server: serverName(), ...REPLICA_STATES },
  result: 'the replica as the API shows it',
  timeoutMs: 120_000,
  run: async (context, { volume: name, server, ...stated }) => {
    const daemon = await serverOf(context, server)
    const found = await until(context, `the replica of ${name} on ${daemon.name}`, async () => {
      const { replicas } = await volumeOf(context, name)
      const replica = replicas.find((one) => nameOfReplica(context.world, one) === daemon.name)
      const not = unlikeReplica(replica, stated)
      return not === null ? { is: replica ?? null } : { not, seen: asValue(replicas) }
    })
    return asValue(found)
  },
})

/** What is saved of who leads. */
export const leadResult = (context: ActionContext, volume: ClusterVolume, leader: Replica): Value => ({
  ...{ volume: volume.name, server: nameOfReplica(context.world, leader) },
  ...{ id: leader.server, epoch: volume.epoch, in_sync: leader.in_sync },
})

/** Which leader is waited for, in words. `above`: -1 for any epoch. */
function leaderText(
  volume: string,
  {
    is,
    not,
    above,
  }: { readonly is?: string | undefined; readonly not?: string | undefined; readonly above: number },
): string {
  const who = is === undefined ? `a leader of ${volume}` : `${is} to lead ${volume}`
  const other = not === undefined ? '' : ` other than ${not}`
  return `${who}${other}${above < 0 ? '' : `, in an epoch above ${above}`}`
}

export const WAIT_LEADER = defineAction({
  name: 'wait_leader',
  group: 'wait',
  summary: 'Wait until a server leads a volume and serves it',
  parameters: {
    volume: volumeName(),
    is: optional(serverName('the server that is to lead')),
    not: optional(machineName('the server that is to lead no more, e.g. {{ before.server }}', ['s'])),
    epoch_above: optional(integer('the epoch is greater than this')),
  },
  result: '{volume, server, id, epoch, in_sync}: server is its name, e.g. s2',
  timeoutMs: 120_000,
  run: async (context, { volume: name, is, not, epoch_above: above = -1 }) => {
    const wanted = is === undefined ? undefined : (await serverOf(context, is)).name
    return await until(context, leaderText(name, { is: wanted, not, above }), async () => {
      const volume = await volumeOf(context, name)
      const leader = leaderIn(volume)
      const server = leader === undefined ? undefined : nameOfReplica(context.world, leader)
      const isSo = volume.serving && server !== not && (wanted ?? server) === server && volume.epoch > above
      if (isSo && leader !== undefined) return { is: leadResult(context, volume, leader) }
      return { not: describeVolume(volume), seen: asValue(volume) }
    })
  },
})

export const WAIT_RESYNC = defineAction({
  name: 'wait_resync',
  group: 'wait',
  summary:
    'Wait until every replica of a volume is in sync and none is resynced any more, or until a resync runs',
  parameters: {
    volume: volumeName(),
    until: withDefault(oneOf(['done', 'running'], 'what is waited for'), 'done'),
    settle: withDefault(duration('time to wait after that'), '0s'),
  },
  result: '{duration_ms}',
  timeoutMs: 300_000,
  run: async (context, { volume: name, until: wanted, settle }) => {
    const { clock } = context
    const beganMs = clock.monotonicMs()
    await until(context, `the resync of ${name}`, async () => {
      const volume = await volumeOf(context, name)
      const isResynced = volume.replicas.some(
        ({ resync_ratio, standing }) => resync_ratio !== null || standing === 'resyncing',
      )
      const isSo = wanted === 'running' ? isResynced : !isResynced && isWhole(volume)
      return isSo ? { is: true } : { not: describeVolume(volume), seen: asValue(volume) }
    })
    const durationMs = Math.round(clock.monotonicMs() - beganMs)
    await pause(context, settle)
    context.signal.throwIfAborted()
    return { duration_ms: durationMs }
  },
})
