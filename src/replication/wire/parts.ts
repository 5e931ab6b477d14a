/** Values that messages and marks share, as bytes: epochs, LSNs, sessions, histories, sets, flags. */
import { type Epoch, epochNumber, type Lsn, lsn } from '../../base/units.ts'
import type { EpochSpan, History } from '../../v2engine/history.ts'
import {
  type Opening,
  opening,
  type ServerId,
  type SessionRef,
  serverId,
  sessionId,
} from '../../v2engine/identity.ts'
import type { SetRecord } from '../../v2engine/marks.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** Longest history that is written; older spans are forgotten first. */
export const SPANS_MAX = 2_000
const MEMBERS_MAX = 64

export const writeEpoch = (w: ByteWriter, { number, id }: Epoch): ByteWriter => w.u64(number).bits64(id)
export const readEpoch = (r: ByteReader): Epoch => ({ number: epochNumber(r.u64()), id: r.bits64() })
export const readLsn = (r: ByteReader): Lsn => lsn(r.u64())
export const readOpening = (r: ByteReader): Opening => opening(r.u64())

export const writeSession = (w: ByteWriter, ref: SessionRef): ByteWriter =>
  writeEpoch(w.u64(ref.id), ref.epoch).u64(ref.primaryOpening).u64(ref.replicaOpening)
export const readSession = (r: ByteReader): SessionRef => ({
  id: sessionId(r.u64()),
  epoch: readEpoch(r),
  primaryOpening: readOpening(r),
  replicaOpening: readOpening(r),
})

export function writeHistory(w: ByteWriter, history: History): ByteWriter {
  const spans = history.slice(-SPANS_MAX)
  w.u16(spans.length)
  for (const { epoch, firstLsn } of spans) writeEpoch(w, epoch).u64(firstLsn)
  return w
}
const readSpan = (r: ByteReader): EpochSpan => ({ epoch: readEpoch(r), firstLsn: readLsn(r) })
/** Epochs and first LSNs rise, or it is no history. */
export function readHistory(r: ByteReader): History {
  const spans = r.list(SPANS_MAX, () => readSpan(r))
  const isRising = spans.every((span, i) => {
    const before = spans[i - 1]
    return (
      before === undefined || (span.epoch.number > before.epoch.number && span.firstLsn > before.firstLsn)
    )
  })
  if (!isRising) r.fail()
  return spans
}

export const writeFlags = (w: ByteWriter, flags: readonly boolean[]): ByteWriter =>
  w.u8(flags.reduce((bits, flag, i) => bits | (flag ? 1 << i : 0), 0))
export function readFlags(r: ByteReader, count: number): boolean[] {
  const bits = r.u8()
  if (bits >= 1 << count) r.fail()
  return Array.from({ length: count }, (_, i) => (bits & (1 << i)) !== 0)
}

export function writeSet(w: ByteWriter, set: SetRecord): ByteWriter {
  w.u64(set.epoch).u64(set.version).u16(set.members.length)
  for (const member of set.members) w.string(member)
  return w
}
function readServer(r: ByteReader): ServerId {
  const server = r.string()
  if (server.length === 0) r.fail()
  return serverId(server)
}
export const readSet = (r: ByteReader): SetRecord => ({
  epoch: epochNumber(r.u64()),
  version: r.u64(),
  members: r.list(MEMBERS_MAX, () => readServer(r)),
})
