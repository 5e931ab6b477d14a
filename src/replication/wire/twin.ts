/**
 * TWIN, from a primary: what it has for the last entry that it believes the replica to have too, before it streams what
 * follows. DIVERGED, the answer when the replica has something else there: one (epoch, LSN) with two contents.
 */
import type { Lsn } from '../../base/units.ts'
import type { SessionRef } from '../../v2engine/identity.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readLsn, readSession, writeSession } from './parts.ts'

export interface Twin {
  readonly session: SessionRef
  readonly lsn: Lsn
  /** Of the entry `lsn` (src/blockvol/replica/entry-digest.ts). */
  readonly digest: number
}

export type Diverged = Omit<Twin, 'digest'>

export const encodeTwin = ({ session, lsn, digest }: Twin): Uint8Array =>
  writeSession(new ByteWriter(), session).u64(lsn).u32(digest).done()

/** Undefined when the payload is not that. */
export function decodeTwin(payload: Uint8Array): Twin | undefined {
  const reader = new ByteReader(payload)
  const twin = { session: readSession(reader), lsn: readLsn(reader), digest: reader.u32() }
  return reader.isDone ? twin : undefined
}

export const encodeDiverged = ({ session, lsn }: Diverged): Uint8Array =>
  writeSession(new ByteWriter(), session).u64(lsn).done()

/** Undefined when the payload is not that. */
export function decodeDiverged(payload: Uint8Array): Diverged | undefined {
  const reader = new ByteReader(payload)
  const diverged = { session: readSession(reader), lsn: readLsn(reader) }
  return reader.isDone ? diverged : undefined
}
