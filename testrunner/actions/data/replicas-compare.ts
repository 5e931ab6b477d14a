import { StepFailure } from '../../model/failure.ts'
import { integer, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { couldNot } from '../shared/failures.ts'
import { daemonOfReplica } from '../shared/servers.ts'
import { until } from '../shared/until.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'
import { folderOf, untilFlushed } from '../stored/folders.ts'
import { compareStored, readReplica } from '../stored/stored-replica.ts'

const DIFFERENCES_MAX = 20
const ATTEMPTS = 3

export const replicasCompare = defineAction({
  name: 'replicas_compare',
  group: 'data',
  summary:
    'Wait until all replicas of a volume that nobody writes to are in sync and flushed, and compare what their files hold, byte by byte',
  parameters: {
    volume: volumeName(),
    replicas: withDefault(integer('how many there must be at least', 2, 16), 2),
  },
  result: 'replicas, blocks that have content, and the LSN as of which they were compared',
  timeoutMs: 180_000,
  async run(context, { volume, replicas: least }) {
    const { id, replicas } = await until(context, `all replicas of ${volume} in sync`, async () => {
      const found = await volumeOf(context, volume)
      const away = found.replicas.find(({ in_sync, standing }) => !in_sync || standing !== 'sound')
      return away === undefined && found.serving
        ? { is: found }
        : {
            not:
              away === undefined
                ? 'nobody serves it'
                : `${away.server_name} is ${away.state} and ${away.standing}`,
          }
    })
    if (replicas.length < least)
      throw couldNot(`${volume} has ${replicas.length} replicas, expected ${least}`)
    const daemons = replicas.map((replica) => daemonOfReplica(context.world, replica))
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const lsn = await untilFlushed(context, daemons, volume)
      const stored = []
      for (const daemon of daemons) {
        context.progress(`reading what ${daemon.name} stores`)
        stored.push({ name: daemon.name, stored: await readReplica(folderOf(context.world, daemon, id)) })
      }
      // what was flushed meanwhile may stand in one of them and not yet in another
      if ((await untilFlushed(context, daemons, volume)) !== lsn) continue
      const { blocks, differences } = compareStored(stored, DIFFERENCES_MAX)
      if (differences.length === 0) return { replicas: daemons.length, blocks, lsn }
      throw new StepFailure('DATA_MISMATCH', `replicas of ${volume} differ: ${differences[0]}`, {
        lsn,
        differences,
      })
    }
    throw couldNot(`${volume} was written to each time its replicas were compared`)
  },
})
