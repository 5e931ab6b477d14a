/** Metrics of the run's daemons, asked now. */
import type { Daemon } from '../../cluster/cluster.ts'
import type { ActionContext } from '../action.ts'
import { type MetricSample, parseExposition } from './exposition.ts'
import { daemonOf } from './servers.ts'

/** Of `from` (see `daemonOf`), or `all` for every daemon that runs: what does not answer has none. */
export async function metricsOf(context: ActionContext, from: string): Promise<readonly MetricSample[]> {
  if (from !== 'all') return parseExposition(await (await daemonOf(context, from)).metrics())
  return metricsOfAll([...context.world.cluster.daemons.values()])
}

export async function metricsOfAll(daemons: readonly Daemon[]): Promise<readonly MetricSample[]> {
  const texts = await Promise.allSettled(
    daemons.filter(({ isRunning }) => isRunning).map((daemon) => daemon.metrics()),
  )
  return texts.flatMap((one) => (one.status === 'fulfilled' ? parseExposition(one.value) : []))
}
