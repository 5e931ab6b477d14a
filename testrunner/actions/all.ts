/** The table of all actions: what scenarios may say, and what `basalt scenario actions` tells. */
import type { ActionCatalog } from '../model/action-spec.ts'
import type { Action } from './action.ts'
import { ASSERT_ACTIONS } from './asserts/asserts.ts'
import { BACKUP_ACTIONS } from './backups/backups.ts'
import { BENCHMARK } from './benchmark/benchmark.ts'
import { CLUSTER_ACTIONS } from './cluster/cluster.ts'
import { CORE_ACTIONS } from './core/core.ts'
import { DATA } from './data/data.ts'
import { DATABASE } from './database/database.ts'
import { FAULTS } from './faults/faults.ts'
import { FILES } from './files/files.ts'
import { FIO } from './fio/fio.ts'
import { HOSTS } from './hosts/hosts.ts'
import { METRIC_ACTIONS } from './metrics/metrics.ts'
import { SNAPSHOT_ACTIONS } from './snapshots/snapshots.ts'
import { VOLUME_ACTIONS } from './volumes/volumes.ts'
import { WAIT_ACTIONS } from './waits/waits.ts'

export const ACTIONS: readonly Action[] = [
  ...CORE_ACTIONS,
  ...CLUSTER_ACTIONS,
  ...VOLUME_ACTIONS,
  ...SNAPSHOT_ACTIONS,
  ...BACKUP_ACTIONS,
  ...HOSTS,
  ...DATA,
  ...FILES,
  ...FIO,
  ...DATABASE,
  ...FAULTS,
  ...WAIT_ACTIONS,
  ...ASSERT_ACTIONS,
  ...METRIC_ACTIONS,
  ...BENCHMARK,
]

const byName = new Map(ACTIONS.map((action) => [action.name, action]))

export const CATALOG: ActionCatalog = byName

/** The action that the reader has seen to be there. */
export function actionOf(name: string): Action {
  const action = byName.get(name)
  if (action === undefined) throw new Error(`there is no action ${name}`)
  return action
}
