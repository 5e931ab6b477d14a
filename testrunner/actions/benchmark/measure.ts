/** How long hosts wait when a primary is lost, and how long and how much a replica needs to be in sync again. */
import { duration, integer, optional, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { LOAD_NAME, loadOf, progressOf } from '../data/loads.ts'
import { lastHarmMs } from '../faults/damage.ts'
import { selectSamples } from '../shared/exposition.ts'
import { couldNot, notAsStated } from '../shared/failures.ts'
import { metricsOfAll } from '../shared/metrics.ts'
import { until } from '../shared/until.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'

export const measureFailover = defineAction({
  name: 'measure_failover',
  group: 'benchmark',
  summary:
    'After a fault, measure the time from it to the first write of a running load that is acknowledged again',
  parameters: {
    volume: volumeName(),
    ...LOAD_NAME,
    writes: withDefault(integer('so many more are waited for, which shows that it goes on', 1), 20),
    at_most: optional(duration('a longer time fails the step')),
  },
  result: 'failover_ms',
  timeoutMs: 120_000,
  async run(context, { volume, load, writes, at_most }) {
    const { world, clock } = context
    const faultMs = lastHarmMs(world)
    if (faultMs === undefined) throw couldNot('no fault was before this step, so there is nothing to measure')
    const running = loadOf(world, load ?? volume)
    await progressOf(context, running, 1)
    const failover_ms = Math.round(clock.monotonicMs() - faultMs)
    context.sample('failover', failover_ms, 'ms')
    await progressOf(context, running, writes)
    if (at_most !== undefined && failover_ms > at_most)
      throw notAsStated(
        `it took ${failover_ms} ms until a write was acknowledged again`,
        at_most,
        failover_ms,
      )
    return { failover_ms }
  },
})

const RESYNCED = 'basalt_replication_resynced_bytes_total'

export const measureResync = defineAction({
  name: 'measure_resync',
  group: 'benchmark',
  summary: 'Measure the time until all replicas of a volume are in sync, and what resyncs sent for it',
  parameters: { volume: volumeName(), at_most: optional(duration('a longer time fails the step')) },
  result: 'resync_ms, resynced_bytes, bytes_per_second',
  timeoutMs: 300_000,
  async run(context, { volume, at_most }) {
    const { clock } = context
    const beganMs = clock.monotonicMs()
    const before = await resyncedBytes(context, volume)
    await until(context, `all replicas of ${volume} in sync`, async () => {
      const { replicas, replica_factor } = await volumeOf(context, volume)
      const inSync = replicas.filter(({ in_sync }) => in_sync).length
      return inSync >= replica_factor ? { is: true } : { not: `${inSync} of ${replica_factor} are` }
    })
    const resync_ms = Math.round(clock.monotonicMs() - beganMs)
    const resynced_bytes = Math.max(0, (await resyncedBytes(context, volume)) - before)
    const bytes_per_second = Math.round((resynced_bytes * 1000) / Math.max(1, resync_ms))
    context.sample('resync', resync_ms, 'ms')
    context.sample('resync rate', bytes_per_second, 'B/s')
    if (at_most !== undefined && resync_ms > at_most)
      throw notAsStated(`it took ${resync_ms} ms until all replicas were in sync`, at_most, resync_ms)
    return { resync_ms, resynced_bytes, bytes_per_second }
  },
})

async function resyncedBytes({ world }: ActionContext, volume: string): Promise<number> {
  const samples = selectSamples(await metricsOfAll(world.cluster.servers), RESYNCED, { volume })
  return samples.reduce((sum, { value }) => sum + value, 0)
}
