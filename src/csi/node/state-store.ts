/**
 * What the driver means to have on the host, one record for each volume, durable before the first thing is done. The host
 * itself is the truth: a record says what a driver that begins anew has to go on with, or to undo.
 *
 *     (none) ──stage──► staging ──all there──► staged ──unstage──► unstaging ──all gone──► (none)
 *                          └────────────────unstage─────────────────▲  │
 *                          ▲────────────────────stage──────────────────┘
 */
import type { FsType, Transport } from '../host/host-tools.ts'

type StagePhase = 'staging' | 'staged' | 'unstaging'

/** What a volume is offered as: a mounted file system, or its device. */
export type Access =
  | { readonly kind: 'block' }
  | { readonly kind: 'mount'; readonly fsType: FsType; readonly mountFlags: readonly string[] }

/** How the volume is reached. Portals as `address:port`, that of the server that led when it was published first. */
export interface Attachment {
  readonly transport: Transport
  /** IQN or NQN. */
  readonly target: string
  readonly portals: readonly string[]
  /** dm-multipath above several sessions; NVMe has it in the kernel. */
  readonly multipath: boolean
}

export interface PublishedTarget {
  readonly path: string
  readonly readOnly: boolean
}

export interface StageRecord {
  readonly version: 1
  readonly volumeId: string
  readonly phase: StagePhase
  readonly stagingPath: string
  readonly attachment: Attachment
  readonly access: Access
  readonly accessMode: string
  /** Nobody writes through this node: neither mount nor device take writes. */
  readonly readOnly: boolean
  /** A file system is being made on a device that was found blank before: what is half made may be made anew. */
  readonly isFormatting: boolean
  /** Where it is published, or was about to be. */
  readonly targets: readonly PublishedTarget[]
  /** When unstage was asked for first, ms since 1970; null otherwise. */
  readonly unstagingSinceMs: number | null
}

export interface StateStore {
  /** CORRUPT when there is a record that cannot be read: nothing may be guessed about the volume then. */
  load(volumeId: string): Promise<StageRecord | null>
  /** Durable when it resolves; all or nothing. */
  save(record: StageRecord): Promise<void>
  /** Durable when it resolves. Nothing there: success. */
  remove(volumeId: string): Promise<void>
}
