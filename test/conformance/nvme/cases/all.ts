/** Every behaviour of the suite, in the order that it runs. */
import type { Behaviour } from '../case.ts'
import * as admin from './admin.ts'
import * as blocks from './blocks.ts'
import * as connect from './connect.ts'
import * as controller from './controller.ts'
import * as discovery from './discovery.ts'
import * as fused from './fused.ts'
import * as initialize from './initialize-connection.ts'
import * as paths from './paths.ts'
import * as headers from './pdu-headers.ts'
import * as reservations from './reservations.ts'
import * as transfers from './transfers.ts'

export const BEHAVIOURS: readonly Behaviour[] = [
  initialize,
  headers,
  connect,
  controller,
  admin,
  blocks,
  transfers,
  fused,
  reservations,
  discovery,
  paths,
].flatMap((file) => Object.values(file))
