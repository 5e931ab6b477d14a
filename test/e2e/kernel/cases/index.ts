/** The cases, in the order in which they run: short ones first. */
import type { KernelCase } from '../fixture/case.ts'
import { alua } from './alua.ts'
import { chap } from './chap.ts'
import { csi } from './csi.ts'
import { expand, nvmeExpand } from './expand.ts'
import { failoverReservations } from './failover-reservations.ts'
import { ext4, xfs } from './filesystem.ts'
import { kill } from './kill.ts'
import { logical4096 } from './logical4096.ts'
import { multipath } from './multipath.ts'
import { nvmeAccess } from './nvme-access.ts'
import { nvmeFilesystems } from './nvme-filesystems.ts'
import { nvmeMultipath } from './nvme-multipath.ts'
import { nvmeReservations } from './nvme-reservations.ts'
import { nvmeSmoke } from './nvme-smoke.ts'
import { parameters } from './parameters.ts'
import { redirect } from './redirect.ts'
import { reservations } from './reservations.ts'
import { restartCase } from './restart.ts'
import { smoke } from './smoke.ts'
import { snapshots } from './snapshots.ts'
import { stall } from './stall.ts'
import { tools } from './tools.ts'

export const CASES: readonly KernelCase[] = [
  smoke,
  nvmeSmoke,
  chap,
  logical4096,
  parameters,
  tools,
  reservations,
  nvmeAccess,
  nvmeReservations,
  expand,
  nvmeExpand,
  restartCase,
  stall,
  kill,
  multipath,
  failoverReservations,
  snapshots,
  redirect,
  alua,
  nvmeMultipath,
  nvmeFilesystems,
  csi,
  ext4,
  xfs,
]
