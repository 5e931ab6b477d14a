/** What a primary does at each beat: everything that waits for time. Between beats it only answers events. */
import { lsn } from '../base/units.ts'
import type { Outbox } from './outbox.ts'
import { checkPeer } from './peers.ts'
import { openSetChange } from './set-changes.ts'
import type { Primary, ReplicaState } from './state.ts'

export function onTick(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  if (nowMs < primary.nextPulseMs) return
  primary.nextPulseMs = nowMs + state.bounds.pulseMs
  for (const peer of primary.peers.values()) checkPeer(state, primary, peer, nowMs, out)
  endWaits(state, primary, nowMs, out)
  openSetChange(state, primary, nowMs)
  if (primary.startLsn === null) return
  const { epoch, set } = primary
  for (const peer of primary.peers.values()) {
    if (peer.link.kind !== 'up' || peer.standing === null || peer.isBarred) continue
    const message = { kind: 'pulse', epoch, askedAtMs: nowMs, commit: state.commit, set } as const
    out.toPeer(peer.server, peer.link.connection, message)
  }
}

/** No host waits longer than the bound: BUSY, and it asks again. */
function endWaits(state: ReplicaState, primary: Primary, nowMs: number, out: Outbox): void {
  const dueMs = nowMs - state.bounds.commitWaitMs
  const write = primary.trail.lastBefore(dueMs) ?? lsn(0)
  while (primary.flushes[0] !== undefined && primary.flushes[0].sinceMs <= dueMs) {
    out.reply.push({ kind: 'busy', to: primary.flushes.shift()!.lsn })
  }
  if (write <= Math.max(primary.acknowledged, primary.busy)) return
  primary.busy = write
  out.reply.push({ kind: 'busy', to: write })
}
