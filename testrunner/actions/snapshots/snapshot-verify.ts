/**
 * Whether a snapshot shows what was acknowledged when it was made. It is read through a clone, so that whatever hosts read
 * volumes with also reads this; the clone goes again.
 */
import { Job } from '../../../src/client/wire/job.ts'
import { snapshotPath } from '../../../src/client/wire/snapshot.ts'
import { Created, volumePath } from '../../../src/client/wire/volume.ts'
import { TRANSPORTS } from '../../hosts/disk.ts'
import { machineName, oneOf, optional, text, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { hostOf } from '../hosts/attached.ts'
import { finishedJob } from '../shared/jobs.ts'
import { until } from '../shared/until.ts'
import { describeVolume } from '../shared/volume-states.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'

export const SNAPSHOT_VERIFY = defineAction({
  name: 'snapshot_verify',
  group: 'snapshot',
  summary:
    'Read a snapshot, through a clone that goes again, and compare it with what was remembered of that moment',
  parameters: {
    volume: volumeName(),
    snapshot: text('name of the snapshot'),
    host: optional(machineName('the machine that reads it: h1, h2, …; the first one unless told', ['h'])),
    transport: withDefault(oneOf(TRANSPORTS, 'how the clone is attached'), 'iscsi'),
  },
  result: '{blocks}: how many were compared',
  timeoutMs: 180_000,
  run: async (context, { volume, snapshot, host, transport }) => {
    const { world, signal } = context
    const clone = `${volume}-${snapshot}-read`
    const path = snapshotPath({ volume, snapshot }, 'clone')
    const wish = { name: clone, replica_factor: 1 }
    const { job } = await world.cluster.api.call('POST', path, Created, wish, signal)
    if (job !== null) await finishedJob(context, job)
    await until(context, `${clone} to be served`, async () => {
      const now = await volumeOf(context, clone)
      return now.serving ? { is: now } : { not: describeVolume(now) }
    })
    const options = { volume: clone, transport, isMultipath: false, isReadOnly: false }
    const disk = await hostOf(world, host).attach(options, signal)
    const { blocks } = await world.oracle
      .ledger(volume)
      .verifyAt(snapshot, disk, signal)
      .finally(() => disk.detach())
    const gone = await world.cluster.api.call('DELETE', volumePath(clone), Job, undefined, signal)
    await finishedJob(context, gone.id)
    return { blocks }
  },
})
