/**
 * What the control side of a server asks of those who host its volumes. Arguments and answers are plain data,
 * so that volumes may live in another process some day; nothing here hands out a volume itself.
 */
import type { ScrubStatus, SpaceReport, VolumeStatus } from '../blockvol/api.ts'
import type { HistogramSnapshot } from '../metrics/latency-recorder.ts'

/**
 * - `serving`: hosts may use it;
 * - `standby`: a replica, whose hosts are served elsewhere or not at present;
 * - `reopening`: it failed, its connections were reset, and it is opened again from disk;
 * - `filling`: all of its content is being replaced, and nobody may see it;
 * - `closed`: the server is stopping.
 */
export type VolumeState = 'serving' | 'standby' | 'reopening' | 'filling' | 'closed'

interface SessionView {
  /** The initiator's name. */
  readonly initiator: string
  /** Address and port from which it came. */
  readonly address: string
  /** Of the portal by which it came. */
  readonly portalGroupTag: number
  readonly connectedWallMs: number
}

interface PortalView {
  /** `HOST:PORT`. */
  readonly address: string
  readonly portalGroupTag: number
}

/** Commands of the front ends by what they do. */
export const COMMAND_KINDS = ['read', 'write', 'flush', 'trim', 'other'] as const
export type CommandKind = (typeof COMMAND_KINDS)[number]
/** What is timed of a volume: those, and fdatasyncs of its log. */
export const LATENCY_KINDS = [...COMMAND_KINDS, 'logSync'] as const
export type LatencyKind = (typeof LATENCY_KINDS)[number]

export interface LatencyView {
  readonly histogram: HistogramSnapshot
  readonly p50Us: number
  readonly p99Us: number
}

/** A volume as iSCSI offers it. */
export interface IscsiView {
  readonly iqn: string
  /** Told to initiators; at least one. */
  readonly portals: readonly PortalView[]
  readonly sessions: readonly SessionView[]
  /** Since the volume is known here. */
  readonly sessionsBegun: number
}

/** A volume as NVMe/TCP offers it. */
export interface NvmeView {
  readonly nqn: string
  /** Told to hosts; at least one. */
  readonly portals: readonly { readonly address: string }[]
  readonly sessions: readonly NvmeSessionView[]
  /** Since the volume is known here. */
  readonly sessionsBegun: number
}

interface NvmeSessionView {
  /** NQN of the host. */
  readonly host: string
  /** Address and port from which it came. */
  readonly address: string
  readonly controllerId: number
  readonly connectedWallMs: number
}

/** A volume as the front ends offer it. */
export interface FrontEndsView {
  readonly iscsi: IscsiView
  readonly nvme: NvmeView
}

export interface VolumeView extends FrontEndsView {
  readonly name: string
  readonly state: VolumeState
  /** As of now, or of the last time it was open; `counters` go on over reopenings. */
  readonly status: VolumeStatus
  /** Why it is not serving; empty while it is. */
  readonly outage: string | undefined
  /** How often it was reopened because it failed. */
  readonly reopens: number
  readonly latency: Readonly<Record<LatencyKind, LatencyView>>
}

/** Calls with a `name` throw NOT_FOUND when no such volume is here, and CLOSED while it is not open. */
export interface VolumeHost {
  list(): readonly VolumeView[]
  get(name: string): VolumeView
  /** At most a few seconds old. */
  space(name: string): Promise<SpaceReport>
  /** Flushes the log into the extents; resolves with the LSN that the checkpoint reached. */
  checkpoint(name: string): Promise<number>
  /** Starts a pass unless one is running; answers at once. */
  startScrub(name: string): ScrubStatus
}
