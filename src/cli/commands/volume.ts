/** `basalt volume …`: volumes of the cluster, over the master's API. */
import { BlockError } from '../../base/errors.ts'
import { parseSize } from '../../base/sizes.ts'
import { fetchJob, Job } from '../../client/wire/job.ts'
import {
  ClusterVolume,
  Created,
  fetchVolume,
  fetchVolumes,
  Plan,
  Preflight,
  Resolved,
  volumePath,
} from '../../client/wire/volume.ts'
import {
  type Call,
  type CommandDescription,
  LIMIT,
  NO_WAIT,
  type Noun,
  VOLUME,
  WIDE,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import {
  planFacts,
  preflightFacts,
  qosFacts,
  resolvedFacts,
  VOLUME_COLUMNS,
  volumeFacts,
} from '../views/volume.ts'
import { waitForJob } from '../wait-for-job.ts'
import { finishJob, sayItGoesOn } from './finish-job.ts'
import { serverNamesFor } from './server-names.ts'
import { VOLUME_ACCESS } from './volume-access.ts'
import { VOLUME_ATTACH_INFO } from './volume-attach.ts'
import { VOLUME_CLONE } from './volume-clone.ts'
import { VOLUME_PRESET } from './volume-preset.ts'
import { VOLUME_PROMOTE } from './volume-promote.ts'
import { VOLUME_UNPUBLISH } from './volume-publications.ts'
import { NEW_NAME, QOS_FLAGS, readQos, readWish, WISH_FLAGS } from './volume-wish.ts'

export const VOLUME_NOUN: Noun = {
  words: ['volume'],
  summary: 'make, see and change the volumes of a cluster',
  more: `Examples:
  basalt volume create db1 --size 100GiB --preset database
  basalt volume list -o wide
  basalt volume expand db1 200GiB
  basalt volume clone db1@before-upgrade db1-test`,
}

const SERVER_FLAG = 'SERVER'

export const VOLUME_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['volume', 'create'],
    summary: 'make a volume; the same again changes nothing',
    args: [NEW_NAME],
    flags: [...WISH_FLAGS, NO_WAIT],
    service: 'master',
    run: create,
  },
  {
    words: ['volume', 'list'],
    summary: 'list volumes',
    flags: [
      { name: 'server', placeholder: SERVER_FLAG, help: 'only those with a replica on this server' },
      {
        name: 'health',
        placeholder: 'HEALTH',
        choices: ['healthy', 'degraded', 'rebuilding', 'unsafe'],
        help: 'only those',
      },
      LIMIT,
      WIDE,
    ],
    service: 'master',
    run: async (call) => {
      const filter = {
        server: call.text('server'),
        health_state: call.text('health'),
        limit: call.count('limit'),
      }
      const volumes = await fetchVolumes(await call.connect(), filter)
      call.printTable(VOLUME_COLUMNS, volumes, 'no volumes')
    },
  },
  {
    words: ['volume', 'get'],
    summary: 'show one volume and its replicas',
    args: [VOLUME],
    service: 'master',
    run: async (call) => printVolume(call, await fetchVolume(await call.connect(), call.arg('VOLUME'))),
  },
  VOLUME_CLONE,
  {
    words: ['volume', 'delete'],
    summary: 'delete a volume and everything in it',
    args: [VOLUME],
    flags: [YES, NO_WAIT],
    service: 'master',
    run: remove,
  },
  {
    words: ['volume', 'expand'],
    summary: 'make a volume larger while it serves',
    args: [VOLUME, { name: 'SIZE', help: 'the whole new size, such as 20GiB' }],
    flags: [NO_WAIT],
    service: 'master',
    run: async (call) => {
      const sizeBytes = parseSize(call.arg('SIZE'), 'SIZE')
      const api = await call.connect()
      await finishJob(
        call,
        api,
        await api.post(volumePath(call.arg('VOLUME'), 'expand'), Job, { new_size_bytes: sizeBytes }),
      )
    },
  },
  {
    words: ['volume', 'plan'],
    summary: 'show where a volume would be placed, and why not elsewhere; makes nothing',
    args: [NEW_NAME],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const wish = readWish(call)
      const answer = await (await call.connect()).post('/block/volume/plan', Plan, wish)
      call.printFacts(answer, () => planFacts(answer))
      refuseErrors(answer.resolved_policy, answer.errors)
    },
  },
  {
    words: ['volume', 'resolve'],
    summary: 'show what preset and flags come to; makes nothing',
    args: [NEW_NAME],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const wish = readWish(call)
      const answer = await (await call.connect()).post('/block/volume/resolve', Resolved, wish)
      call.printFacts(answer, () => resolvedFacts(answer))
      refuseErrors(answer.policy, answer.errors)
    },
  },
  {
    words: ['volume', 'preflight'],
    summary: 'show whether another replica could lead now, and why not',
    args: [VOLUME],
    service: 'master',
    run: async (call) => {
      const api = await call.connect()
      const answer = await api.get(volumePath(call.arg('VOLUME'), 'preflight'), Preflight)
      const nameOf = await serverNamesFor(call, api)
      call.printFacts(answer, () => preflightFacts(answer, nameOf))
    },
  },
  VOLUME_PROMOTE,
  {
    words: ['volume', 'move'],
    summary: 'move the lead to another replica, or with --from a replica to another server',
    args: [VOLUME],
    flags: [
      { name: 'to', placeholder: SERVER_FLAG, help: 'where to; of a replica, the best place unless given' },
      { name: 'from', placeholder: SERVER_FLAG, help: 'the server whose replica is to go elsewhere' },
      NO_WAIT,
    ],
    service: 'master',
    run: async (call) => {
      const body = { to: call.text('to'), from: call.text('from') }
      if (body.to === undefined && body.from === undefined) {
        throw new BlockError(
          'INVALID_ARGUMENT',
          '--to SERVER moves the lead there, --from SERVER moves the replica that this server has; give one',
        )
      }
      const api = await call.connect()
      await finishJob(call, api, await api.post(volumePath(call.arg('VOLUME'), 'move'), Job, body))
    },
  },
  VOLUME_ACCESS,
  VOLUME_UNPUBLISH,
  VOLUME_PRESET,
  VOLUME_ATTACH_INFO,
  {
    words: ['volume', 'qos'],
    summary: 'show or change how much hosts may ask of a volume',
    args: [VOLUME],
    flags: QOS_FLAGS,
    service: 'master',
    run: qos,
  },
]

/** INVALID_ARGUMENT when the wish makes no sense, CONFLICT when the cluster as it is cannot grant it. */
function refuseErrors(policy: object | null, errors: Resolved['errors']): void {
  if (errors.length === 0) return
  throw new BlockError(
    policy === null ? 'INVALID_ARGUMENT' : 'CONFLICT',
    `such a volume cannot be made: ${errors.map(({ message }) => message).join('; ')}`,
  )
}

/** The document is the volume, with the id of the job that makes it, or null when it was there already. */
async function create(call: Call): Promise<void> {
  const wish = readWish(call)
  const api = await call.connect()
  const created = await api.post('/block/volume', Created, wish)
  const { job } = created
  if (job === null || call.isSet('no-wait')) {
    call.printFacts(created, () => volumeFacts(created))
    if (job !== null) sayItGoesOn(call, job)
    return
  }
  await waitForJob(call, api, await fetchJob(api, job))
  const made = await fetchVolume(api, created.id)
  call.printFacts({ ...made, job }, () => volumeFacts(made))
}

async function remove(call: Call): Promise<void> {
  const api = await call.connect()
  const name = call.arg('VOLUME')
  // By name, so that what is asked and what is deleted are the same volume.
  const volume = await fetchVolume(api, name)
  await confirm(call, {
    consequence: `This deletes the volume '${volume.name}' and everything in it.`,
    name: volume.name,
  })
  // When the job has ended the master has forgotten the name.
  await finishJob(call, api, await api.call('DELETE', volumePath(volume.id), Job), { of: volume.name })
}

async function qos(call: Call): Promise<void> {
  const change = readQos(call)
  const api = await call.connect()
  const name = call.arg('VOLUME')
  const isChange = Object.keys(change).length > 0
  const volume = isChange
    ? await api.call('PUT', volumePath(name, 'qos'), ClusterVolume, change)
    : await fetchVolume(api, name)
  call.printFacts(volume.qos, () => qosFacts(volume.qos))
}

const printVolume = (call: Call, volume: ClusterVolume): void =>
  call.printFacts(volume, () => volumeFacts(volume))
