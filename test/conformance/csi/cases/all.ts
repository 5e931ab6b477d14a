/** All behaviours, in the order in which they are tried. */
import type { Behaviour } from '../case.ts'
import { ADVERTISED } from './advertised.ts'
import { CALLS } from './calls.ts'
import { CREATE_VOLUME, DELETE_VOLUME } from './create-volume.ts'
import { IDENTITY } from './identity.ts'
import { NODE_EXPAND, NODE_INFO, NODE_PUBLISH, NODE_UNPUBLISH, STAGE, STATS, UNSTAGE } from './node.ts'
import { PUBLISH, UNPUBLISH } from './publish.ts'
import { CLONES, CREATE_SNAPSHOT, DELETE_SNAPSHOT, GROUPS, LIST_SNAPSHOTS } from './snapshots.ts'
import { EXPAND, GET_CAPACITY, GET_VOLUME, LIST_VOLUMES, MODIFY, VALIDATE } from './volumes.ts'

export const BEHAVIOURS: readonly Behaviour[] = [
  ADVERTISED,
  CREATE_VOLUME,
  DELETE_VOLUME,
  PUBLISH,
  UNPUBLISH,
  VALIDATE,
  LIST_VOLUMES,
  GET_VOLUME,
  GET_CAPACITY,
  EXPAND,
  MODIFY,
  CREATE_SNAPSHOT,
  DELETE_SNAPSHOT,
  LIST_SNAPSHOTS,
  CLONES,
  GROUPS,
  NODE_INFO,
  STAGE,
  UNSTAGE,
  NODE_PUBLISH,
  NODE_UNPUBLISH,
  STATS,
  NODE_EXPAND,
  CALLS,
  IDENTITY,
]
