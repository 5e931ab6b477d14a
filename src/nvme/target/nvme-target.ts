/**
 * The NVMe/TCP target of a process: listeners, subsystems that come and go, discovery, and every connection to them.
 */

import type { AccessRules } from '../../frontend/access.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type {
  NvmeCommandObserver,
  NvmeSessionInfo,
  NvmeStandbyOptions,
  NvmeTargetOptions,
  NvmeVolumeOptions,
} from './target-types.ts'

export interface NvmeTargetContract {
  /** Port 0 picks one. `advertise`: what hosts are told instead. IN_USE when the address is taken. */
  listen(address: {
    host: string
    port: number
    advertise?: { readonly host: string; readonly port: number }
  }): Promise<{ host: string; port: number }>
  /** INVALID_ARGUMENT for a bad NQN, CONFLICT when the subsystem is here already (a standby is to be activated). */
  addVolume(options: NvmeVolumeOptions): void
  addStandby(options: NvmeStandbyOptions): void
  /** Of a standby; hosts that the new rules do not admit lose their connections. */
  setStandbyAccess(nqn: string, access: AccessRules): void
  /**
   * A standby serves from now on. Its connections stay: what their sockets hold is read and refused first (at most a
   * second; who is not read empty by then is reset). Resolves when the volume is served.
   */
  activate(options: { nqn: string; volume: FrontendVolume; observer?: NvmeCommandObserver }): Promise<void>
  /** Ends a subsystem, served or standby; resolves when nothing of its connections is under way. */
  removeVolume(nqn: string): Promise<void>
  sessions(): NvmeSessionInfo[]
  readonly bytesInFlight: number
  drain(options: { timeoutMs: number; signal?: AbortSignal }): Promise<void>
  close(options?: { drainMs?: number }): Promise<void>
}

export type NvmeTargetConstructor = new (options: NvmeTargetOptions) => NvmeTargetContract
