/** A volume as a host has it: what the oracle, load and file systems work on. */
import type { HostNames } from './names.ts'

export const TRANSPORTS = ['iscsi', 'nvme'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface Disk {
  readonly volume: string
  readonly host: string
  readonly transport: Transport
  readonly sizeBytes: number
  readonly logicalBlockBytes: number
  /** `/dev/…` on the machine of a kernel's host; null in user space. */
  readonly devicePath: string | null
  /**
   * Offsets and lengths are multiples of the logical block. A command that got no answer is sent again over whatever path
   * there is until `signal` is aborted, as a kernel with queue_if_no_path does. Rejects with BlockError for what a file system
   * would see.
   */
  read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array>
  write(offsetBytes: number, data: Uint8Array, signal: AbortSignal): Promise<void>
  flush(signal: AbortSignal): Promise<void>
  trim(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<void>
  /** After an expand. */
  refresh(signal: AbortSignal): Promise<void>
  /** Logs out, disconnects. Never rejects. */
  detach(): Promise<void>
}

export interface AttachOptions {
  /** A volume's name; in user space also `VOLUME@SNAPSHOT`, for a snapshot that is exposed. */
  readonly volume: string
  readonly transport: Transport
  /** Every path, or one session that follows redirects. */
  readonly isMultipath: boolean
  readonly isReadOnly: boolean
}

/** One machine that attaches volumes. */
export interface Host {
  readonly name: string
  readonly kind: 'user' | 'kernel'
  /** What it logs in as, for access rules. */
  readonly names: HostNames
  /** Paths come from the cluster's API (attach-info). */
  attach(options: AttachOptions, signal: AbortSignal): Promise<Disk>
  readonly disks: readonly Disk[]
  /** Detaches everything. Never rejects. */
  close(): Promise<void>
}
