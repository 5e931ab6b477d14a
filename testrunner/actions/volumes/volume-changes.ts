/** What is done to a volume that is there. */
import { Job } from '../../../src/client/wire/job.ts'
import { ClusterVolume, PolicyChanged, Promoted, volumePath } from '../../../src/client/wire/volume.ts'
import { integer, listOf, oneOf, optional, size, text, truth, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { asValue } from '../shared/failures.ts'
import { finishedJob } from '../shared/jobs.ts'
import { serverName, serverOf } from '../shared/servers.ts'
import { volumeResult } from '../shared/volume-states.ts'
import { postForJob, volumeName, volumeOf } from '../shared/volumes.ts'

const WAIT = withDefault(truth('wait until its job has succeeded'), true)
const JOB = 'the job as the API shows it'

const jobOrItsEnd = async (context: ActionContext, job: Job, isAwaited: boolean) =>
  asValue(isAwaited ? await finishedJob(context, job.id) : job)

/** The server's id, by which the API knows it whatever it is called there. */
const idOf = async (context: ActionContext, name: string | undefined): Promise<string | undefined> =>
  name === undefined ? undefined : ((await serverOf(context, name)).id ?? name)

export const VOLUME_DELETE = defineAction({
  name: 'volume_delete',
  group: 'volume',
  summary: 'Delete a volume and everything in it',
  parameters: { volume: volumeName(), wait: WAIT },
  result: JOB,
  run: async (context, { volume, wait }) => {
    const { world, signal } = context
    const job = await world.cluster.api.call('DELETE', volumePath(volume), Job, undefined, signal)
    return jobOrItsEnd(context, job, wait)
  },
})

export const VOLUME_EXPAND = defineAction({
  name: 'volume_expand',
  group: 'volume',
  summary: 'Make a volume larger while it serves; hosts see it after disk_rescan',
  parameters: { volume: volumeName(), size: size('the whole new size'), wait: WAIT },
  result: JOB,
  run: async (context, { volume, size: sizeBytes, wait }) => {
    const job = await postForJob(context, volumePath(volume, 'expand'), { new_size_bytes: sizeBytes })
    return jobOrItsEnd(context, job, wait)
  },
})

export const VOLUME_SHOW = defineAction({
  name: 'volume_show',
  group: 'volume',
  summary: 'Look at a volume',
  parameters: { volume: volumeName() },
  result: 'the volume as the API shows it, with leader: the name of the server that leads',
  run: async (context, { volume }) => volumeResult(context.world, await volumeOf(context, volume)),
})

export const VOLUME_MOVE = defineAction({
  name: 'volume_move',
  group: 'volume',
  summary: 'Hand the lead to another replica in good order, or with `from` move a replica to another server',
  parameters: {
    volume: volumeName(),
    to: optional(serverName('where to; of a replica, the best place unless given')),
    from: optional(serverName('whose replica is to go elsewhere')),
    wait: WAIT,
  },
  result: JOB,
  timeoutMs: 180_000,
  isFault: true,
  run: async (context, { volume, to, from, wait }) => {
    const body = { to: await idOf(context, to), from: await idOf(context, from) }
    const job = await postForJob(context, volumePath(volume, 'move'), body)
    return jobOrItsEnd(context, job, wait)
  },
})

export const VOLUME_PROMOTE = defineAction({
  name: 'volume_promote',
  group: 'volume',
  summary: 'Have another replica lead, as after the loss of the primary',
  parameters: {
    volume: volumeName(),
    to: optional(serverName('the one that is to lead; the best unless given')),
    force: withDefault(truth('even when acknowledged writes may be lost'), false),
    reason: withDefault(text('for the event log'), 'a scenario'),
  },
  result: '{epoch, volume}',
  isFault: true,
  run: async (context, { volume, to, force, reason }) => {
    const body = { target_server: await idOf(context, to), force, reason }
    const { world, signal } = context
    const path = volumePath(volume, 'promote')
    const promoted = await world.cluster.api.call('POST', path, Promoted, body, signal)
    if (force) world.oracle.ledger(volume).allowLoss('unsettled')
    return { epoch: promoted.epoch, volume: volumeResult(world, promoted.volume) }
  },
})

export const VOLUME_SET = defineAction({
  name: 'volume_set',
  group: 'volume',
  summary: 'Change the limits of a volume, or its preset',
  parameters: {
    volume: volumeName(),
    iops: optional(integer('commands a second; 0 for no limit')),
    iops_burst: optional(integer('commands that may pass at once after an idle time')),
    bandwidth: optional(size('bytes a second; 0 for no limit')),
    bandwidth_burst: optional(size('bytes that may pass at once after an idle time')),
    preset: optional(oneOf(['general', 'database', 'throughput'], 'another preset')),
  },
  result: 'the volume as the API shows it',
  timeoutMs: 180_000,
  run: async (context, { volume, preset, ...limits }) => {
    const { world, signal } = context
    const { api } = world.cluster
    const body = {
      ...(limits.iops !== undefined && { iops: limits.iops }),
      ...(limits.iops_burst !== undefined && { iops_burst: limits.iops_burst }),
      ...(limits.bandwidth !== undefined && { bytes_per_second: limits.bandwidth }),
      ...(limits.bandwidth_burst !== undefined && { bytes_burst: limits.bandwidth_burst }),
    }
    if (Object.keys(body).length > 0)
      await api.call('PUT', volumePath(volume, 'qos'), ClusterVolume, body, signal)
    if (preset !== undefined) {
      const path = volumePath(volume, 'policy')
      const { job } = await api.call('PUT', path, PolicyChanged, { preset }, signal)
      if (job !== null) await finishedJob(context, job)
    }
    return volumeResult(world, await volumeOf(context, volume))
  },
})

export const VOLUME_ACCESS = defineAction({
  name: 'volume_access',
  group: 'volume',
  summary: 'Say which hosts may log in; replaces what was said before',
  parameters: {
    volume: volumeName(),
    initiators: optional(listOf(text('IQNs that may log in over iSCSI; left out: as the servers have it'))),
    hosts: optional(listOf(text('NQNs that may connect over NVMe/TCP; left out: as the servers have it'))),
    chap_user: optional(text('name that an initiator has to prove')),
    chap_secret: optional(text('12 to 16 bytes')),
  },
  result: 'the volume as the API shows it',
  run: async ({ world, signal }, { volume, initiators, hosts, chap_user: user, chap_secret: secret }) => {
    const chap = user === undefined ? null : { user, secret: secret ?? '', mutual: null }
    const body = { initiators: initiators ?? null, chap, hosts: hosts ?? null, dhchap: [] }
    const path = volumePath(volume, 'access')
    return volumeResult(world, await world.cluster.api.call('PUT', path, ClusterVolume, body, signal))
  },
})
