/** Actions that wait for something to be so. */
import { fetchServer } from '../../../src/client/wire/server.ts'
import { integer, oneOf, optional, text, truth, withDefault } from '../../model/parameters.ts'
import { type Action, defineAction } from '../action.ts'
import { EXPECTATIONS } from '../shared/expectations.ts'
import { selectSamples } from '../shared/exposition.ts'
import { asValue, couldNot, notAsStated } from '../shared/failures.ts'
import { endOfJob } from '../shared/jobs.ts'
import { METRIC, metricNow, unmetMetric } from '../shared/metric-parameters.ts'
import { metricsOf } from '../shared/metrics.ts'
import { serverName, serverOf } from '../shared/servers.ts'
import { until } from '../shared/until.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'
import { WAIT_LEADER, WAIT_REPLICA, WAIT_RESYNC, WAIT_VOLUME } from './replicas.ts'

const WAIT_METRIC = defineAction({
  name: 'wait_metric',
  group: 'wait',
  summary: 'Wait until a metric of a daemon, or of all of them, is as expected',
  parameters: { ...METRIC, ...EXPECTATIONS },
  result: 'its value then',
  timeoutMs: 120_000,
  run: (context, args) =>
    until(context, `metric ${args.metric}`, async () => {
      const value = await metricNow(context, args)
      const not = unmetMetric(value, args)
      return not === null ? { is: value } : { not, seen: value }
    }),
})

const WAIT_JOB = defineAction({
  name: 'wait_job',
  group: 'wait',
  summary: 'Wait for the end of a job, and state how it ends',
  parameters: {
    job: text('its id'),
    state: withDefault(oneOf(['succeeded', 'failed', 'cancelled'], 'how it must end'), 'succeeded'),
  },
  result: 'the job as the API shows it',
  timeoutMs: 300_000,
  run: async (context, { job: id, state }) => {
    const job = await endOfJob(context, id)
    if (job.state !== state)
      throw notAsStated(`the job ${id} (${job.kind}) ${job.state}`, state, asValue(job))
    return asValue(job)
  },
})

const WAIT_SERVER = defineAction({
  name: 'wait_server',
  group: 'wait',
  summary: 'Wait until the master sees a server as told',
  parameters: {
    server: serverName(),
    connection: withDefault(oneOf(['connected', 'lost'], 'what the master sees of it'), 'connected'),
    cordoned: optional(truth('it gets no new replicas')),
    volumes: optional(integer('it has so many replicas')),
  },
  result: 'the server as the API shows it',
  timeoutMs: 120_000,
  run: async (context, { server, connection, cordoned, volumes }) => {
    const daemon = await serverOf(context, server)
    const { api } = context.world.cluster
    const found = await until(context, `server ${daemon.name}`, async () => {
      const now = await fetchServer(api, daemon.id ?? daemon.name)
      const isSo =
        now.connection === connection &&
        (cordoned ?? now.cordoned) === now.cordoned &&
        (volumes ?? now.volume_count) === now.volume_count
      const not = `${now.connection}${now.cordoned ? ', cordoned' : ''}, ${now.volume_count} replicas`
      return isSo ? { is: now } : { not, seen: asValue(now) }
    })
    return asValue(found)
  },
})

const COMMIT = 'basalt_replication_commit_lsn'

const WAIT_LSN = defineAction({
  name: 'wait_lsn',
  group: 'wait',
  summary: 'Wait until replicas of a volume have committed up to an LSN',
  parameters: {
    volume: volumeName(),
    lsn: optional(integer('the LSN; left out: what the leader has committed when the step begins')),
    server: optional(serverName('only this server; left out: every server in sync')),
  },
  result: '{lsn}: the one that was waited for',
  timeoutMs: 120_000,
  run: async (context, { volume: name, lsn, server }) => {
    const committedAt = async (from: string): Promise<number | undefined> =>
      selectSamples(await metricsOf(context, from), COMMIT, { volume: name })[0]?.value
    const target = lsn ?? (await committedAt(`leader:${name}`))
    if (target === undefined) throw couldNot(`nobody knows an LSN of ${name}`)
    await until(context, `LSN ${target} of ${name}`, async () => {
      const { replicas } = await volumeOf(context, name)
      const asked =
        server === undefined
          ? replicas.filter(({ in_sync, connected }) => in_sync && connected).map((one) => one.server)
          : [(await serverOf(context, server)).name]
      const at = await Promise.all(asked.map(async (one) => [one, await committedAt(one)] as const))
      const isThere =
        at.length > 0 && at.every(([, committed]) => committed !== undefined && committed >= target)
      const not = at.map(([one, committed]) => `${one} is at ${committed ?? 'none'}`).join(', ')
      return isThere
        ? { is: true }
        : {
            not: not || 'no replica is in sync',
            seen: Object.fromEntries(at.map(([k, v]) => [k, v ?? null])),
          }
    })
    return { lsn: target }
  },
})

export const WAIT_ACTIONS: readonly Action[] = [
  ...[WAIT_VOLUME, WAIT_REPLICA, WAIT_LEADER, WAIT_RESYNC],
  ...[WAIT_METRIC, WAIT_JOB, WAIT_SERVER, WAIT_LSN],
]
