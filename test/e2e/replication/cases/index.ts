/** The cases, in the order in which they run: short ones first. */
import type { ReplicationCase } from '../fixture/scene.ts'
import { authority, moves } from './control.ts'
import { links } from './links.ts'
import { kills, quorum, restarts, smoke, stops, together } from './processes.ts'

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
]
