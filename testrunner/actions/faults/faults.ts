/** Group `fault`. */
import type { Action } from '../action.ts'
import { chaosRound } from './chaos-round.ts'
import { corruptExtent, corruptLog } from './corrupt.ts'
import { diskFill, diskFree } from './disk-fill.ts'
import { delay, heal, isolate, loss, partition } from './links.ts'
import {
  masterKill,
  masterPause,
  masterResume,
  powerCut,
  serverKill,
  serverPause,
  serverResume,
} from './processes.ts'
import { serverWipe } from './wipe.ts'

export const FAULTS: readonly Action[] = [
  ...[serverKill, serverPause, serverResume, masterKill, masterPause, masterResume, powerCut],
  ...[partition, isolate, delay, loss, heal],
  ...[diskFill, diskFree, corruptExtent, corruptLog, serverWipe, chaosRound],
]
