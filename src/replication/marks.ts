/**
 * The marks of a replica as bytes (docs/formats/marks.md): what v2engine wants durable before anything is said that
 * relies on it. An absent field is written as such, so that a later version may tell.
 */
import { BlockError } from '../base/errors.ts'
import { epochNumber } from '../base/units.ts'
import type { Marks, ResyncMark } from '../v2engine/marks.ts'
import { ByteReader, ByteWriter } from './wire/bytes.ts'
import {
  readEpoch,
  readFlags,
  readHistory,
  readLsn,
  readOpening,
  readSet,
  writeEpoch,
  writeFlags,
  writeHistory,
  writeSet,
} from './wire/parts.ts'

const PHASES = ['forgetting', 'copying'] as const

function writeResync(w: ByteWriter, { phase, base, common, target, history }: ResyncMark): void {
  w.u8(PHASES.indexOf(phase)).u64(base).u64(common).u64(target)
  writeHistory(w, history)
}
function readResync(r: ByteReader): ResyncMark {
  const phase = r.choice(PHASES)
  const [base, common, target] = [readLsn(r), readLsn(r), readLsn(r)]
  return { phase, base, common, target, history: readHistory(r) }
}

export function encodeMarks(marks: Marks): Uint8Array {
  const w = new ByteWriter()
  w.u64(marks.opening).string(marks.bootId)
  writeEpoch(w, marks.sealed).u64(marks.served)
  writeFlags(w, [marks.isDoubtful, marks.isDamaged])
  w.u8(marks.resync === null ? 0 : 1)
  if (marks.resync !== null) writeResync(w, marks.resync)
  w.u8(marks.set === null ? 0 : 1)
  if (marks.set !== null) writeSet(w, marks.set)
  return w.done()
}

/** CORRUPT when the bytes, whose checksum was right, are not marks. */
export function decodeMarks(bytes: Uint8Array, path: string): Marks {
  const r = new ByteReader(bytes)
  const from = readOpening(r)
  const bootId = r.string()
  const sealed = readEpoch(r)
  const served = epochNumber(r.u64())
  const [isDoubtful = false, isDamaged = false] = readFlags(r, 2)
  const resync = r.u8() === 1 ? readResync(r) : null
  const set = r.u8() === 1 ? readSet(r) : null
  if (!r.isDone) {
    throw new BlockError('CORRUPT', `${path}: the marks of the replica contradict themselves`, {
      facts: { path },
    })
  }
  return { opening: from, bootId, sealed, served, isDoubtful, isDamaged, resync, set }
}
