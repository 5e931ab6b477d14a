/** Where the replicas of a volume lie, and when what they store is all that they have. */
import type { Daemon } from '../../cluster/cluster.ts'
import type { ActionContext, World } from '../action.ts'
import { type MetricSample, parseExposition, selectSamples } from '../shared/exposition.ts'
import { until } from '../shared/until.ts'
import { ReplicaFolder } from './replica-folder.ts'

export function folderOf({ scenario }: World, daemon: Daemon, volumeId: string): ReplicaFolder {
  const logFolder = scenario.topology.serverFlags['log-dir']
  return new ReplicaFolder(daemon, volumeId, logFolder === undefined ? undefined : `${logFolder}`)
}

/** LSNs of a volume at one server; undefined where it has none. */
interface Flushed {
  readonly appendedLsn: number
  readonly checkpointLsn: number
}

function flushedIn(samples: readonly MetricSample[], volume: string): Flushed | undefined {
  const [appended] = selectSamples(samples, 'basalt_appended_lsn', { volume })
  const [checkpoint] = selectSamples(samples, 'basalt_checkpoint_lsn', { volume })
  if (appended === undefined || checkpoint === undefined) return undefined
  return { appendedLsn: appended.value, checkpointLsn: checkpoint.value }
}

/**
 * Resolves with the LSN up to which all of `daemons` have everything in their extents, and beyond which none has anything:
 * a volume that nobody writes to gets there by itself. TIMEOUT at the step's end.
 */
export const untilFlushed = (
  context: ActionContext,
  daemons: readonly Daemon[],
  volume: string,
): Promise<number> =>
  until(context, `${volume} to be flushed everywhere`, async () => {
    const all = await Promise.all(
      daemons.map(async (daemon) => ({
        name: daemon.name,
        lsns: flushedIn(parseExposition(await daemon.metrics()), volume),
      })),
    )
    const first = all[0]?.lsns?.appendedLsn
    const late = all.find(({ lsns }) => lsns?.checkpointLsn !== first || lsns?.appendedLsn !== first)
    if (late === undefined && first !== undefined) return { is: first }
    const { name, lsns } = late ?? { name: 'nobody', lsns: undefined }
    return {
      not:
        lsns === undefined
          ? `${name} shows no replica of it`
          : `${name} appended ${lsns.appendedLsn} and flushed ${lsns.checkpointLsn}, ${all[0]?.name} has ${first}`,
    }
  })
