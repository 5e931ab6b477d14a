/**
 * What serves a volume to hosts, iSCSI for one, as the volume's host sees it. A front end outlives the openings
 * of its volume: it is told of each new one, and resets its connections when one ends, for a connection belongs
 * to the epoch in which it was made.
 */
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { VolumeView } from './volume-host.ts'

export interface FrontEnd {
  /** Serves `device` from now on: the volume has been opened. */
  attach(device: BlockDevice): Promise<void>
  /** The device is about to be closed: resets all connections to it and admits none until the next `attach`. */
  detach(): Promise<void>
  /**
   * No new sessions; asks hosts to log out and resolves when all have, after `timeoutMs`, or when `signal` fires.
   * Connections that are left end with `detach`.
   */
  drain(options: { timeoutMs: number; signal: AbortSignal }): Promise<void>
  describe(): VolumeView['iscsi']
}
