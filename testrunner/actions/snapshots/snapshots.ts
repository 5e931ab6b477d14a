/** Actions about snapshots and clones. */
import { Type } from 'typebox'
import { pathOf } from '../../../src/client/wire/common.ts'
import { Snapshot, SnapshotList, snapshotPath } from '../../../src/client/wire/snapshot.ts'
import { Created } from '../../../src/client/wire/volume.ts'
import { integer, optional, size, text, truth, withDefault } from '../../model/parameters.ts'
import { type Action, type ActionContext, defineAction } from '../action.ts'
import { asValue, notAsStated } from '../shared/failures.ts'
import { finishedJob } from '../shared/jobs.ts'
import { until } from '../shared/until.ts'
import { isUsable, volumeResult } from '../shared/volume-states.ts'
import { postForJob, volumeName, volumeOf } from '../shared/volumes.ts'
import { POLICY_PARAMETERS, policyOf } from '../volumes/volume-create.ts'
import { SNAPSHOT_VERIFY } from './snapshot-verify.ts'

const SNAPSHOT = text('name of the snapshot')

const SNAPSHOT_CREATE = defineAction({
  name: 'snapshot_create',
  group: 'snapshot',
  summary: 'Keep a volume as it is now; what it must show is remembered for snapshot_verify',
  parameters: { volume: volumeName(), snapshot: SNAPSHOT },
  result: 'the snapshot as the API shows it',
  run: async ({ world, signal }, { volume, snapshot }) => {
    const mark = world.oracle.ledger(volume).remember(snapshot)
    const path = pathOf('volume', volume, 'snapshots')
    const made = await world.cluster.api.call('POST', path, Snapshot, { name: snapshot }, signal)
    mark.end()
    return asValue(made)
  },
})

const SNAPSHOT_DELETE = defineAction({
  name: 'snapshot_delete',
  group: 'snapshot',
  summary: 'Give a snapshot up',
  parameters: { volume: volumeName(), snapshot: SNAPSHOT },
  run: async ({ world, signal }, { volume, snapshot }) => {
    await world.cluster.api.call(
      'DELETE',
      snapshotPath({ volume, snapshot }),
      Type.Unknown(),
      undefined,
      signal,
    )
    return undefined
  },
})

const SNAPSHOT_RESTORE = defineAction({
  name: 'snapshot_restore',
  group: 'snapshot',
  summary: 'Make a volume what it was; the oracle expects that from then on',
  parameters: {
    volume: volumeName(),
    snapshot: SNAPSHOT,
    force: withDefault(truth('even while hosts are logged in that may write'), false),
  },
  result: 'the job as the API shows it',
  timeoutMs: 180_000,
  run: async (context, { volume, snapshot, force }) => {
    const job = await postForJob(context, snapshotPath({ volume, snapshot }, 'restore'), { force })
    const ended = await finishedJob(context, job.id)
    context.world.oracle.ledger(volume).rewind(snapshot)
    return asValue(ended)
  },
})

const fetchSnapshots = async ({ world, signal }: ActionContext, volume: string) =>
  (
    await world.cluster.api.call(
      'GET',
      pathOf('volume', volume, 'snapshots'),
      SnapshotList,
      undefined,
      signal,
    )
  ).snapshots

const SNAPSHOT_LIST = defineAction({
  name: 'snapshot_list',
  group: 'snapshot',
  summary: 'Look at the snapshots of a volume, oldest first, and state how many are ready',
  parameters: { volume: volumeName(), ready: optional(integer('so many are ready, no more and no fewer')) },
  result: 'the snapshots as the API shows them',
  run: async (context, { volume, ready }) => {
    const found = await fetchSnapshots(context, volume)
    const count = found.filter(({ state }) => state === 'ready').length
    if (ready !== undefined && count !== ready)
      throw notAsStated(`${count} snapshots of ${volume} are ready, not ${ready}`, ready, asValue(found))
    return asValue(found)
  },
})

const CLONE_CREATE = defineAction({
  name: 'clone_create',
  group: 'snapshot',
  summary: 'Make a volume of a snapshot; it can be used while it is being filled',
  parameters: {
    volume: volumeName('name of the volume that the snapshot is of'),
    snapshot: SNAPSHOT,
    clone: text('name of the new volume'),
    size: optional(size('when it is to be larger')),
    ...POLICY_PARAMETERS,
    wait: withDefault(truth('wait until it is filled and every replica is in sync'), true),
  },
  result: 'the new volume as the API shows it',
  timeoutMs: 180_000,
  run: async (context, { volume, snapshot, clone, size: sizeBytes, wait, ...policy }) => {
    const { world, signal } = context
    const wish = {
      ...{ name: clone, ...policyOf(policy) },
      ...(sizeBytes !== undefined && { size_bytes: sizeBytes }),
    }
    const path = snapshotPath({ volume, snapshot }, 'clone')
    const created = await world.cluster.api.call('POST', path, Created, wish, signal)
    if (wait && created.job !== null) await finishedJob(context, created.job)
    const made = await until(context, `${clone} to be served`, async () => {
      const now = await volumeOf(context, clone)
      return !wait && now.serving ? { is: now } : isUsable(now)
    })
    return volumeResult(world, made)
  },
})

export const SNAPSHOT_ACTIONS: readonly Action[] = [
  ...[SNAPSHOT_CREATE, SNAPSHOT_DELETE, SNAPSHOT_RESTORE, SNAPSHOT_LIST],
  ...[CLONE_CREATE, SNAPSHOT_VERIFY],
]
