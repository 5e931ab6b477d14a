/**
 * Whether the registry takes a change of an in-sync set. Shared with the authority, which runs it inside the
 * transaction that writes the result. A change of nothing is taken too and raises the version: it settles a change
 * whose answer is unknown, because whatever still names the old version is refused from then on.
 */
import type { Epoch } from '../../base/units.ts'
import { type ServerId, sameEpoch } from '../identity.ts'
import type { SetRecord } from '../marks.ts'
import { isSetLargeEnough, type Policy } from '../policy.ts'

interface SetChangeFacts {
  readonly policy: Policy
  /** What the registry holds. */
  readonly epoch: Epoch
  /** From the moment an epoch is recorded as sealing, changes of the one before are refused. */
  readonly isSealing: boolean
  readonly primary: ServerId
  readonly set: SetRecord
}

export interface SetChangeRequest {
  readonly epoch: Epoch
  readonly version: number
  readonly members: readonly ServerId[]
}

export type SetChangeVerdict =
  | { readonly kind: 'accepted'; readonly set: SetRecord }
  | { readonly kind: 'refused'; readonly why: SetChangeRefusal }

type SetChangeRefusal =
  | 'another epoch'
  | 'sealing'
  | 'another version'
  | 'more than one member'
  | 'without the primary'
  | 'too few for a quorum'

export function decideSetChange(facts: SetChangeFacts, request: SetChangeRequest): SetChangeVerdict {
  const refused = (why: SetChangeRefusal): SetChangeVerdict => ({ kind: 'refused', why })
  if (!sameEpoch(request.epoch, facts.epoch)) return refused('another epoch')
  if (facts.isSealing) return refused('sealing')
  if (request.version !== facts.set.version) return refused('another version')
  const now = new Set(facts.set.members)
  const next = new Set(request.members)
  const changed = [...now].filter((m) => !next.has(m)).length + [...next].filter((m) => !now.has(m)).length
  if (changed > 1 || next.size !== request.members.length) return refused('more than one member')
  if (!next.has(facts.primary)) return refused('without the primary')
  if (next.size < now.size && !isSetLargeEnough(facts.policy, next.size))
    return refused('too few for a quorum')
  const set = { epoch: facts.epoch.number, version: facts.set.version + 1, members: request.members }
  return { kind: 'accepted', set }
}
