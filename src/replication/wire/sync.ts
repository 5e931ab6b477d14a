/**
 * SYNC, from a primary: its hosts wait for a flush, so the replica makes durable what it has up to an LSN as soon as it
 * has it. A hint, which the engine does not know of: without it the replica would do the same a little later.
 */
import type { Lsn } from '../../base/units.ts'
import type { SessionRef } from '../../v2engine/identity.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readLsn, readSession, writeSession } from './parts.ts'

export interface Sync {
  readonly session: SessionRef
  readonly lsn: Lsn
}

export const encodeSync = ({ session, lsn }: Sync): Uint8Array =>
  writeSession(new ByteWriter(), session).u64(lsn).done()

/** Undefined when the payload is not that. */
export function decodeSync(payload: Uint8Array): Sync | undefined {
  const reader = new ByteReader(payload)
  const sync = { session: readSession(reader), lsn: readLsn(reader) }
  return reader.isDone ? sync : undefined
}
