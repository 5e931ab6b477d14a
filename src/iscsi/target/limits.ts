/** What one process's iSCSI target takes from the outside. Every figure bounds a queue, a count or a wait. */
import { MIB } from '../../base/units.ts'
import type { SessionLimits } from '../session/session-types.ts'

export interface TargetLimits extends SessionLimits {
  /** TCP connections of all kinds; the next one is closed at once. */
  readonly connectionsMax: number
  /** Connections that have not finished their login; the oldest gives way to the next one. */
  readonly loginsMax: number
  /** Sessions of all targets together; the next login is told "out of resources". */
  readonly sessionsMax: number
  readonly sessionsPerTargetMax: number
  /** From the connection to the end of the login. */
  readonly loginTimeoutMs: number
  /** How long the login at a target that nobody serves is not answered, unless somebody does before. */
  readonly unavailableHoldMs: number
  /** Logins that wait so; the next one is answered at once, so that others find a connection. */
  readonly heldLoginsMax: number
  /** Seconds for which an initiator may take none of the answers that wait for it. */
  readonly outputStallSeconds: number
  /** Data in flight of all sessions together. */
  readonly bytesMax: number
}

export const TARGET_LIMITS: TargetLimits = {
  connectionsMax: 2048,
  loginsMax: 256,
  sessionsMax: 1024,
  sessionsPerTargetMax: 128,
  loginTimeoutMs: 15_000,
  unavailableHoldMs: 500,
  heldLoginsMax: 512,
  outputStallSeconds: 60,
  bytesMax: 256 * MIB,
  queueDepth: 128,
  immediateCommandsMax: 16,
  sessionBytesMax: 32 * MIB,
  dataOutTimeoutSeconds: 30,
  pingAfterSeconds: 10,
  pingTimeoutSeconds: 10,
  discoveryIdleSeconds: 60,
}
