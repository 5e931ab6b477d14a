/** What one process's NVMe/TCP target takes from the outside. Every figure bounds a queue, a count or a wait. */
import { KIB, MIB } from '../../base/units.ts'

export interface NvmeTargetLimits {
  /** TCP connections of all kinds. */
  readonly connectionsMax: number
  /** Connections whose queue is not connected yet; for the next one the oldest is closed. */
  readonly handshakesMax: number
  /** Controllers of all subsystems together; the next Connect is told "controller busy". */
  readonly controllersMax: number
  readonly controllersPerSubsystemMax: number
  /** Of the discovery service, whose hosts nobody has let in: they shall not take the places of others. */
  readonly discoveryControllersMax: number
  /** I/O queues of one controller. */
  readonly ioQueuesMax: number
  /** Entries of a submission queue, at least 2. */
  readonly queueEntries: number
  /** From the connection to the end of Connect, and of authentication. */
  readonly handshakeTimeoutMs: number
  /** Seconds for which a controller may stay disabled, or a discovery controller without keep alive silent. */
  readonly idleSecondsMax: number
  /** Longest keep alive time that a host may ask for, in ms; a longer wish is refused. */
  readonly keepAliveMsMax: number
  /** Seconds that a host may take for the next data that it owes; ten times as long for all data of one command. */
  readonly dataTimeoutSeconds: number
  /** Seconds for which a host may take none of the answers that wait for it. */
  readonly outputStallSeconds: number
  /** Data in flight of all connections together. */
  readonly bytesMax: number
  /** Data in flight of one connection, as far as it is more than one command's. */
  readonly connectionBytesMax: number
  /** Data in flight of one admin queue, as far as it is more than one command's: anybody may have one, for discovery. */
  readonly adminBytesMax: number
  /** How much more than `bytesMax` data may be that came in capsules, which cannot be told to wait. */
  readonly capsuleBytesMax: number
  /** Data that a command may bring in its own capsule, on I/O queues. At least 8 KiB. */
  readonly inCapsuleBytes: number
}

export const NVME_TARGET_LIMITS: NvmeTargetLimits = {
  connectionsMax: 4096,
  handshakesMax: 512,
  controllersMax: 1024,
  controllersPerSubsystemMax: 128,
  discoveryControllersMax: 256,
  ioQueuesMax: 128,
  queueEntries: 256,
  handshakeTimeoutMs: 15_000,
  idleSecondsMax: 120,
  keepAliveMsMax: 600_000,
  dataTimeoutSeconds: 30,
  outputStallSeconds: 60,
  bytesMax: 256 * MIB,
  connectionBytesMax: 32 * MIB,
  adminBytesMax: 256 * KIB,
  capsuleBytesMax: 64 * MIB,
  inCapsuleBytes: 16 * KIB,
}
