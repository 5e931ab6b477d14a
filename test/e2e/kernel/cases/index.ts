/** The cases, in the order in which they run: short ones first. */
import type { KernelCase } from '../fixture/case.ts'
import { alua } from './alua.ts'
import { chap } from './chap.ts'
import { failoverReservations } from './failover-reservations.ts'
import { ext4, xfs } from './filesystem.ts'
import { kill } from './kill.ts'
import { logical4096 } from './logical4096.ts'
import { multipath } from './multipath.ts'
import { parameters } from './parameters.ts'
import { redirect } from './redirect.ts'
import { reservations } from './reservations.ts'
import { restartCase } from './restart.ts'
import { smoke } from './smoke.ts'
import { stall } from './stall.ts'
import { tools } from './tools.ts'

export const CASES: readonly KernelCase[] = [
  smoke,
  chap,
  logical4096,
  parameters,
  tools,
  reservations,
  restartCase,
  stall,
  kill,
  multipath,
  failoverReservations,
  redirect,
  alua,
  ext4,
  xfs,
]
