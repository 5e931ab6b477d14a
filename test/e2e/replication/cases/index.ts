/** The cases, in the order in which they run: short ones first. */
import type { ReplicationCase } from '../fixture/scene.ts'
import { authority, moves } from './control.ts'
import { damagedRecord, failedDisk, fullDisk, lostDisk } from './disks.ts'
import { links } from './links.ts'
import { bestEffort } from './modes.ts'
import { kills, quorum, restarts, smoke, stops, together } from './processes.ts'
import { wrongId, wrongKey } from './refusals.ts'

export const CASES: readonly ReplicationCase[] = [
  smoke,
  authority,
  moves,
  together,
  restarts,
  kills,
  stops,
  quorum,
  links,
  bestEffort,
  wrongKey,
  wrongId,
  damagedRecord,
  lostDisk,
  fullDisk,
  failedDisk,
]
