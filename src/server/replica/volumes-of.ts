/** Replicas as volumes, for what is told of both alike: counters, latencies, log and dirty blocks. */
import { BlockError } from '../../base/errors.ts'
import type { SpaceReport } from '../../blockvol/api.ts'
import type { VolumeHost, VolumeState, VolumeView } from '../volume-host.ts'
import type { ReplicaView } from './replica-view.ts'

/** Only those that are open: the others have no status. */
export function volumesOf(list: () => readonly ReplicaView[]): Pick<VolumeHost, 'list' | 'space'> {
  /** Of the last list. */
  let spaces = new Map<string, SpaceReport | undefined>()
  return {
    list: () => {
      const replicas = list()
      spaces = new Map(replicas.map(({ name, space }) => [name, space]))
      return replicas.flatMap((replica): VolumeView[] => {
        const { name, status, outage, reopens, iscsi, nvme, latency } = replica
        if (status === undefined) return []
        return [
          { name, state: stateOf(replica), status: status.volume, outage, reopens, iscsi, nvme, latency },
        ]
      })
    },
    space: async (name) => {
      const space = spaces.get(name)
      if (space !== undefined) return space
      throw new BlockError('CLOSED', `the space of replica ${name} is not counted yet`)
    },
  }
}

function stateOf({ state, isServed }: ReplicaView): VolumeState {
  switch (state) {
    case 'open':
      return isServed ? 'serving' : 'standby'
    case 'opening':
    case 'waiting':
      return 'reopening'
    case 'closed':
      return 'closed'
  }
}
