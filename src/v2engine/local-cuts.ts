/**
 * Giving up entries: the log beyond an LSN, or a history of which something is flushed. Both are done durably before
 * the primary hears that its plan was taken, and reports of storage from before the cut are ignored from then on.
 */
import { assert } from '../base/assert.ts'
import { type Lsn, lsn } from '../base/units.ts'
import { trimHistory } from './history.ts'
import type { Marks, ResyncMark } from './marks.ts'
import type { Outbox } from './outbox.ts'
import type { ReplicaState } from './state.ts'

const least = (a: Lsn, b: Lsn): Lsn => lsn(Math.min(a, b))

export function persistMarks(state: ReplicaState, change: Partial<Marks>, out: Outbox): void {
  state.marks = { ...state.marks, ...change }
  out.persist.push({ kind: 'marks', marks: state.marks })
}

/**
 * Ends the log at `above`. Nothing beyond was flushed, so the replica keeps its standing. Done before every stream of
 * entries, also when the log seems to end there: an append of an earlier stream may still be on its way.
 */
export function dropLog(state: ReplicaState, above: Lsn, out: Outbox): void {
  state.cut += 1
  out.persist.push({ kind: 'dropLog', above, cut: state.cut })
  const { local } = state
  state.local = { ...local, appended: least(local.appended, above), durable: least(local.durable, above) }
  state.handed = state.local.appended
  state.commit = least(state.commit, state.local.appended)
}

/**
 * Takes the primary's history in place of an own one that is lost, in the order that a crash at any point allows: the
 * mark first, then what is given up, then the log that the live entries go into. Nothing above the target is kept, be it
 * common: an earlier session may have brought it, and the log, which begins at the target, must not find its image newer.
 */
export function replaceImage(state: ReplicaState, resync: Omit<ResyncMark, 'phase'>, out: Outbox): void {
  const { base, common, target } = resync
  assert(base <= common, 'what the replica keeps is common')
  assert(base <= target, 'base blocks lie between base and target')
  persistMarks(state, { resync: { ...resync, phase: 'forgetting' } }, out)
  state.cut += 1
  out.persist.push({ kind: 'dropLog', above: base, cut: state.cut })
  out.persist.push({ kind: 'forget', above: least(common, target) })
  out.persist.push({ kind: 'flushLog', through: base })
  state.cut += 1
  const history = trimHistory(resync.history, target)
  out.persist.push({ kind: 'restartLog', after: target, history, cut: state.cut })
  persistMarks(state, { resync: { ...resync, phase: 'copying' } }, out)
  state.adopted = resync.history
  state.handed = target
  state.commit = target
  state.local = {
    appended: target,
    durable: target,
    checkpoint: target,
    image: target,
    retainedFrom: lsn(target + 1),
    hasUnknown: true,
  }
}
