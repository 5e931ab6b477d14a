/**
 * Who is who. A replica is named by the id of its server, never by an address: addresses change, are reused and may be
 * wildcards. An opening, a connection and a session are each named too, so that whatever belongs to one that is over
 * can be told from what belongs to the present one, and is refused.
 */
import type { Brand, Epoch, EpochNumber } from '../base/units.ts'

/** Id of a block server. The empty string names nobody and is refused. */
export type ServerId = Brand<string, 'ServerId'>
/**
 * One opening of a volume's directory by one process. Rises as long as the directory is the same: the shell takes the
 * greater of the stored one plus one and the wall clock in ms, so that a directory that was made anew does not repeat the
 * openings of the old one. It may begin below them: the clock of a lost disk's server may have been ahead.
 */
export type Opening = Brand<number, 'Opening'>
/** One replication connection; the shell numbers them, rising, so that a frame of an older one is known as stale. */
export type ConnectionId = Brand<number, 'ConnectionId'>
/** Number of a session within its epoch. Rises. */
export type SessionId = Brand<number, 'SessionId'>

export const serverId = (value: string): ServerId => value as ServerId
export const opening = (value: number): Opening => value as Opening
export const connectionId = (value: number): ConnectionId => value as ConnectionId
export const sessionId = (value: number): SessionId => value as SessionId

/** A session between a primary and one replica. It dies with either opening, with the epoch, and with its successor. */
export interface SessionRef {
  readonly id: SessionId
  readonly epoch: Epoch
  readonly primaryOpening: Opening
  readonly replicaOpening: Opening
}

export const sameEpoch = (a: Epoch, b: Epoch): boolean => a.number === b.number && a.id === b.id

export const sameSession = (a: SessionRef, b: SessionRef): boolean =>
  a.id === b.id &&
  sameEpoch(a.epoch, b.epoch) &&
  a.primaryOpening === b.primaryOpening &&
  a.replicaOpening === b.replicaOpening

/** The last entry of a log, as promotions compare it: by epoch first, then by LSN. */
export interface LastEntry {
  readonly epoch: EpochNumber
  readonly lsn: number
}

/** Below zero when `a` is older than `b`. An LSN alone says nothing: a lost history may be longer than the right one. */
export const compareLast = (a: LastEntry, b: LastEntry): number => a.epoch - b.epoch || a.lsn - b.lsn
