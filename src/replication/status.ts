/** What a replica shows of itself to status pages, metrics and operators. */
import type { Epoch, Lsn } from '../base/units.ts'
import type { VolumeStatus } from '../blockvol/api.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { ServerId } from '../v2engine/identity.ts'
import type { SetRecord, Standing } from '../v2engine/marks.ts'
import type { ReplicaState } from '../v2engine/state.ts'
import { type ReplicaView, viewOf } from '../v2engine/view.ts'
import type { ResyncProgress } from './resync/progress.ts'
import type { PrimarySessions } from './sessions.ts'

/** How far a peer is behind the end of the primary's log. */
export interface PeerLag {
  readonly server: ServerId
  readonly entries: number
  /** Bytes of log that it has not acknowledged. */
  readonly bytes: number
  /** Age of the oldest entry that it has not acknowledged, in ms, coarsely. */
  readonly ms: number
}

export interface ResyncStatus extends ResyncProgress {
  readonly server: ServerId
}

export interface ReplicaStatus {
  readonly view: ReplicaView
  readonly volume: VolumeStatus
  /** Until when hosts are served, in ms of the boot clock; null when they are not. */
  readonly servedUntilMs: number | null
  /** What is left of that, from 0; null when hosts are not served. */
  readonly leaseLeftMs: number | null
  readonly lags: readonly PeerLag[]
  /** Resyncs that this replica sends. */
  readonly resyncs: readonly ResyncStatus[]
  /** Content of blocks that resyncs sent from here, since it was opened. */
  readonly resyncedBytes: number
  /** Why nothing is carried out any more; null while it is. */
  readonly failure: string | null
}

/** What a heartbeat tells of a replica beside its opening; cheap, for it is asked for all the time. */
export interface ReplicaProgress {
  readonly sizeBytes: number
  /** The epoch that it obeys. */
  readonly sealed: Epoch
  readonly set: SetRecord | null
  readonly standing: Standing
  readonly appended: Lsn
  readonly committed: Lsn
  readonly durable: Lsn
  /** Until when hosts are served, in ms of the boot clock; null when they are not. */
  readonly servedUntilMs: number | null
  /** Of a primary. */
  readonly peers: readonly PeerProgress[]
}

interface PeerProgress {
  readonly server: ServerId
  readonly isConnected: boolean
  readonly lagEntries: number
  readonly lagBytes: number
  readonly resync: Pick<ResyncProgress, 'sentBytes' | 'scannedBlocks' | 'sizeBlocks'> | null
}

/** Bytes of log between what a peer acknowledged and the end. */
function lagOf(
  peer: { readonly server: ServerId; readonly appended: Lsn; readonly lateSinceMs: number | null },
  at: { readonly appended: Lsn; readonly nowMs: number },
  bytes: number,
): PeerLag {
  const { server, appended, lateSinceMs } = peer
  const entries = Math.max(0, at.appended - appended)
  const ms = lateSinceMs === null || entries === 0 ? 0 : Math.max(0, at.nowMs - lateSinceMs)
  return { server, entries, bytes: entries === 0 ? 0 : bytes, ms }
}

/** What is looked at. */
export interface Shown {
  readonly state: ReplicaState
  readonly storage: ReplicaVolume
  readonly sessions: PrimarySessions
  readonly servedUntilMs: number | null
}

export function progressOf({ state, storage, sessions, servedUntilMs }: Shown): ReplicaProgress {
  const { local } = state
  const { sealed, set, standing, commit, peers } = viewOf(state)
  const { resyncs } = sessions
  return {
    sizeBytes: storage.device.sizeBytes,
    sealed,
    set,
    standing,
    appended: local.appended,
    committed: commit,
    durable: local.durable,
    servedUntilMs,
    peers: peers.map(({ server, isConnected, appended }) => ({
      server,
      isConnected,
      lagEntries: Math.max(0, local.appended - appended),
      lagBytes: storage.logBytesAfter(appended),
      resync: resyncs.find((resync) => resync.server === server) ?? null,
    })),
  }
}

export function statusOf(
  { state, storage, sessions, servedUntilMs }: Shown,
  nowMs: number,
  failure: string | undefined,
): ReplicaStatus {
  const view = viewOf(state)
  const at = { appended: state.local.appended, nowMs }
  return {
    view,
    volume: storage.status(),
    servedUntilMs,
    leaseLeftMs: servedUntilMs === null ? null : Math.max(0, servedUntilMs - nowMs),
    lags: view.peers.map((peer) => lagOf(peer, at, storage.logBytesAfter(peer.appended))),
    resyncs: sessions.resyncs,
    resyncedBytes: sessions.resyncedBytes,
    failure: failure ?? null,
  }
}
