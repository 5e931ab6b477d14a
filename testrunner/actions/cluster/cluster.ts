/** Actions about the cluster as a whole and its processes. */
import { text, withDefault } from '../../model/parameters.ts'
import { type Action, defineAction } from '../action.ts'
import { API_GET, API_REQUEST, CLI } from './api.ts'
import {
  CLUSTER_READY,
  MASTER_START,
  MASTER_STOP,
  SERVER_MAINTENANCE,
  SERVER_START,
  SERVER_STOP,
} from './daemons.ts'

const COLLECT_LOGS = defineAction({
  name: 'collect_logs',
  group: 'cluster',
  summary: 'Keep the logs of all daemons as they are now in the bundle',
  parameters: { folder: withDefault(text('folder for them, below artifacts'), 'logs') },
  run: async ({ world, artifact }, { folder }) => {
    await world.cluster.collect((path, content, about) => artifact(`${folder}/${path}`, content, about))
    return undefined
  },
})

export const CLUSTER_ACTIONS: readonly Action[] = [
  ...[SERVER_START, SERVER_STOP, MASTER_START, MASTER_STOP],
  ...[CLUSTER_READY, SERVER_MAINTENANCE],
  ...[API_GET, API_REQUEST, CLI, COLLECT_LOGS],
]
