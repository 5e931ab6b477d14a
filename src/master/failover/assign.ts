/** The assignment, as the record says it. */
import { opening as openingOf, serverId } from '../../v2engine/identity.ts'
import type { Draft } from './draft.ts'

/** Tells the primary what the registry holds; also when it leads already. */
export function assign(draft: Draft): void {
  const { record, state, facts } = draft
  const { primary, opening } = record
  if (opening === null) return
  const { policy, replicas } = facts
  draft.send(primary, {
    kind: 'assign',
    epoch: state.epoch,
    role: 'primary',
    primary: serverId(primary),
    opening: openingOf(opening),
    replicas,
    set: draft.setRecord(),
    policy,
  })
  draft.set({ assignedMs: facts.nowMs })
  const { phase } = state
  if (phase.kind === 'assigned') draft.set({ phase: { ...phase, toldMs: facts.nowMs } })
}
