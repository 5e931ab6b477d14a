/**
 * The engine's messages between a replica and whoever decides for its volume, as they pass through gRPC
 * (`proto/master.proto`). Pure; what comes in is checked field by field, PROTOCOL otherwise.
 */
import { epochNumber } from '../base/units.ts'
import type { Assign__Output as AssignOut } from '../gen/basalt/master/v1/Assign.ts'
import type { ForReplica, ForReplica__Output as ForReplicaOut } from '../gen/basalt/master/v1/ForReplica.ts'
import type { InSyncSet, InSyncSet__Output as SetOut } from '../gen/basalt/master/v1/InSyncSet.ts'
import type { Policy as PolicyIn, Policy__Output as PolicyOut } from '../gen/basalt/master/v1/Policy.ts'
import type {
  ReplicaMessage,
  ReplicaMessage__Output as ReplicaMessageOut,
} from '../gen/basalt/master/v1/ReplicaMessage.ts'
import type { Sealed__Output as SealedOut } from '../gen/basalt/master/v1/Sealed.ts'
import type {
  Standing as StandingIn,
  Standing__Output as StandingOut,
} from '../gen/basalt/master/v1/Standing.ts'
import type { ServerId } from '../v2engine/identity.ts'
import type { SetRecord, Standing } from '../v2engine/marks.ts'
import type {
  Assignment,
  AssignRefusal,
  AuthorityMessage,
  SealAnswer,
  ToAuthority,
} from '../v2engine/messages.ts'
import { contradictionOf, type Policy } from '../v2engine/policy.ts'
import {
  atMost,
  epochIn,
  epochOf,
  hostPort,
  lsnOf,
  malformed,
  meaning,
  milliseconds,
  natural,
  openingOf,
  present,
  server,
  within,
} from './fields.ts'

export const REPLICAS_MAX = 16

const WHY_IN = {
  'another server': 'ASSIGN_REFUSAL_ANOTHER_SERVER',
  'epoch not sealed here': 'ASSIGN_REFUSAL_EPOCH_NOT_SEALED',
  'epoch already served': 'ASSIGN_REFUSAL_EPOCH_SERVED',
  'another opening': 'ASSIGN_REFUSAL_ANOTHER_OPENING',
  resyncing: 'ASSIGN_REFUSAL_RESYNCING',
  'not a replica': 'ASSIGN_REFUSAL_NOT_A_REPLICA',
  stopped: 'ASSIGN_REFUSAL_STOPPED',
} as const satisfies Record<AssignRefusal, string>

const WHY_OUT: Readonly<Record<string, AssignRefusal>> = {
  ASSIGN_REFUSAL_ANOTHER_SERVER: 'another server',
  ASSIGN_REFUSAL_EPOCH_NOT_SEALED: 'epoch not sealed here',
  ASSIGN_REFUSAL_EPOCH_SERVED: 'epoch already served',
  ASSIGN_REFUSAL_ANOTHER_OPENING: 'another opening',
  ASSIGN_REFUSAL_RESYNCING: 'resyncing',
  ASSIGN_REFUSAL_NOT_A_REPLICA: 'not a replica',
  ASSIGN_REFUSAL_STOPPED: 'stopped',
}

const ROLE_IN = { primary: 'ROLE_PRIMARY', replica: 'ROLE_REPLICA' } as const
const ROLE_OUT: Readonly<Record<string, Assignment['role']>> = {
  ROLE_PRIMARY: 'primary',
  ROLE_REPLICA: 'replica',
}

export const setIn = ({ epoch, version, members }: SetRecord): InSyncSet => ({
  epoch,
  version,
  members: [...members],
})

export function setOf(value: SetOut | null | undefined, field: string): SetRecord {
  const { epoch, version, members } = present(value, field)
  return {
    epoch: epochNumber(natural(epoch, `${field}.epoch`)),
    version: natural(version, `${field}.version`),
    members: membersOf(members, `${field}.members`),
  }
}

function membersOf(members: readonly string[], field: string): ServerId[] {
  if (members.length === 0) throw malformed(field, 'a set has at least one member')
  if (new Set(members).size !== members.length) throw malformed(field, 'a member is named twice')
  return atMost(members, REPLICAS_MAX, field).map((member) => server(member, field))
}

export const standingIn = ({ isDoubtful, isDamaged, isResyncing }: Standing): StandingIn => ({
  isDoubtful,
  isDamaged,
  isResyncing,
})

export function standingOf(value: StandingOut | null | undefined, field: string): Standing {
  const { isDoubtful, isDamaged, isResyncing } = present(value, field)
  return { isDoubtful, isDamaged, isResyncing }
}

function policyIn({ replicaFactor, mode }: Policy): PolicyIn {
  switch (mode.kind) {
    case 'sync_all':
      return { replicaFactor, syncAll: { minInSync: mode.minInSync } }
    case 'sync_quorum':
      return { replicaFactor, syncQuorum: {} }
    case 'best_effort':
      return {
        replicaFactor,
        bestEffort: { maxLagEntries: mode.maxLagEntries, maxLagMs: mode.maxLagMs },
      }
  }
}

function policyOf(value: PolicyOut | null | undefined, field: string): Policy {
  const message = present(value, field)
  const replicaFactor = within(message.replicaFactor, 1, REPLICAS_MAX, `${field}.replica_factor`)
  const policy: Policy = { replicaFactor, mode: modeOf(message, field) }
  const contradiction = contradictionOf(policy)
  if (contradiction !== undefined) throw malformed(field, contradiction)
  return policy
}

function modeOf({ syncAll, syncQuorum, bestEffort, mode }: PolicyOut, field: string): Policy['mode'] {
  switch (present(mode, `${field}.mode`)) {
    case 'syncAll': {
      const { minInSync } = present(syncAll, `${field}.sync_all`)
      return {
        kind: 'sync_all',
        minInSync: within(minInSync, 1, REPLICAS_MAX, `${field}.sync_all.min_in_sync`),
      }
    }
    case 'syncQuorum':
      present(syncQuorum, `${field}.sync_quorum`)
      return { kind: 'sync_quorum' }
    case 'bestEffort': {
      const { maxLagEntries, maxLagMs } = present(bestEffort, `${field}.best_effort`)
      return {
        kind: 'best_effort',
        maxLagEntries: natural(maxLagEntries, `${field}.best_effort.max_lag_entries`),
        maxLagMs: natural(maxLagMs, `${field}.best_effort.max_lag_ms`),
      }
    }
  }
}

/** `message` for the replica of `volume`. */
export function forReplicaIn(volume: string, message: AuthorityMessage): ForReplica {
  const epoch = epochIn(message.epoch)
  switch (message.kind) {
    case 'seal':
      return { volume, seal: { epoch } }
    case 'stop':
      return { volume, stop: { epoch } }
    case 'setIs':
      return { volume, setIs: { epoch, set: setIn(message.set) } }
    case 'grant': {
      const { opening, askedAtMs, leaseMs } = message
      return { volume, grant: { epoch, opening, askedAtMs, leaseMs } }
    }
    case 'assign': {
      const { role, primary, opening, replicas, set, policy } = message
      return {
        volume,
        assign: {
          epoch,
          role: ROLE_IN[role],
          primary,
          opening,
          replicas: replicas.map(({ server: id, endpoint }) => ({ server: id, endpoint })),
          set: setIn(set),
          policy: policyIn(policy),
        },
      }
    }
  }
}

export function authorityMessageOf(message: ForReplicaOut): AuthorityMessage {
  switch (present(message.body, 'replica.body')) {
    case 'seal':
      return { kind: 'seal', epoch: epochOf(message.seal?.epoch, 'seal.epoch') }
    case 'stop':
      return { kind: 'stop', epoch: epochOf(message.stop?.epoch, 'stop.epoch') }
    case 'setIs': {
      const { epoch, set } = present(message.setIs, 'set_is')
      return { kind: 'setIs', epoch: epochOf(epoch, 'set_is.epoch'), set: setOf(set, 'set_is.set') }
    }
    case 'grant': {
      const { epoch, opening, askedAtMs, leaseMs } = present(message.grant, 'grant')
      return {
        kind: 'grant',
        epoch: epochOf(epoch, 'grant.epoch'),
        opening: openingOf(opening, 'grant.opening'),
        askedAtMs: milliseconds(askedAtMs, 'grant.asked_at_ms'),
        leaseMs: milliseconds(leaseMs, 'grant.lease_ms'),
      }
    }
    case 'assign':
      return assignmentOf(present(message.assign, 'assign'))
  }
}

function assignmentOf({ epoch, role, primary, opening, replicas, set, policy }: AssignOut): Assignment {
  return {
    kind: 'assign',
    epoch: epochOf(epoch, 'assign.epoch'),
    role: meaning(ROLE_OUT, role, 'assign.role'),
    primary: server(primary, 'assign.primary'),
    opening: openingOf(opening, 'assign.opening'),
    replicas: atMost(replicas, REPLICAS_MAX, 'assign.replicas').map((replica) => ({
      server: server(replica.server, 'assign.replicas.server'),
      endpoint: hostPort(replica.endpoint, 'assign.replicas.endpoint'),
    })),
    set: setOf(set, 'assign.set'),
    policy: policyOf(policy, 'assign.policy'),
  }
}

export function replicaMessageIn(message: ToAuthority): ReplicaMessage {
  const epoch = epochIn(message.epoch)
  switch (message.kind) {
    case 'sealed': {
      const { server: id, opening, last, standing, hasServed } = message
      const lasts = { lastEpoch: last.epoch, lastLsn: last.lsn }
      return { sealed: { epoch, server: id, opening, ...lasts, standing: standingIn(standing), hasServed } }
    }
    case 'sealLater':
      return { sealLater: { epoch, waitMs: message.waitMs } }
    case 'sealRefused':
      return { sealRefused: { epoch, sealed: epochIn(message.sealed) } }
    case 'assignRefused':
      return { assignRefused: { epoch, why: WHY_IN[message.why] } }
    case 'changeSet':
      return { changeSet: { epoch, version: message.version, members: [...message.members] } }
    case 'readSet':
      return { readSet: { epoch } }
    case 'stopped':
      return { stopped: { epoch, opening: message.opening, isDrained: message.isDrained } }
    case 'stopFailed':
      return { stopFailed: { epoch } }
    case 'serving':
      return { serving: { epoch, startLsn: message.startLsn } }
  }
}

export function toAuthorityOf(message: ReplicaMessageOut): ToAuthority {
  switch (present(message.body, 'messages.body')) {
    case 'sealed':
      return sealAnswerOf(present(message.sealed, 'sealed'))
    case 'sealLater': {
      const { epoch, waitMs } = present(message.sealLater, 'seal_later')
      return {
        kind: 'sealLater',
        epoch: epochOf(epoch, 'seal_later.epoch'),
        waitMs: milliseconds(waitMs, 'seal_later.wait_ms'),
      }
    }
    case 'sealRefused': {
      const { epoch, sealed } = present(message.sealRefused, 'seal_refused')
      return {
        kind: 'sealRefused',
        epoch: epochOf(epoch, 'seal_refused.epoch'),
        sealed: epochOf(sealed, 'seal_refused.sealed'),
      }
    }
    case 'assignRefused': {
      const { epoch, why } = present(message.assignRefused, 'assign_refused')
      return {
        kind: 'assignRefused',
        epoch: epochOf(epoch, 'assign_refused.epoch'),
        why: meaning(WHY_OUT, why, 'assign_refused.why'),
      }
    }
    case 'changeSet': {
      const { epoch, version, members } = present(message.changeSet, 'change_set')
      return {
        kind: 'changeSet',
        epoch: epochOf(epoch, 'change_set.epoch'),
        version: natural(version, 'change_set.version'),
        members: membersOf(members, 'change_set.members'),
      }
    }
    case 'readSet':
      return { kind: 'readSet', epoch: epochOf(message.readSet?.epoch, 'read_set.epoch') }
    case 'stopped': {
      const { epoch, opening, isDrained } = present(message.stopped, 'stopped')
      return {
        kind: 'stopped',
        epoch: epochOf(epoch, 'stopped.epoch'),
        opening: openingOf(opening, 'stopped.opening'),
        isDrained,
      }
    }
    case 'stopFailed':
      return { kind: 'stopFailed', epoch: epochOf(message.stopFailed?.epoch, 'stop_failed.epoch') }
    case 'serving': {
      const { epoch, startLsn } = present(message.serving, 'serving')
      return {
        kind: 'serving',
        epoch: epochOf(epoch, 'serving.epoch'),
        startLsn: lsnOf(startLsn, 'serving.start_lsn'),
      }
    }
  }
}

function sealAnswerOf(message: SealedOut): SealAnswer {
  const { epoch, server: id, opening, lastEpoch, lastLsn, standing, hasServed } = message
  return {
    kind: 'sealed',
    epoch: epochOf(epoch, 'sealed.epoch'),
    server: server(id, 'sealed.server'),
    opening: openingOf(opening, 'sealed.opening'),
    last: {
      epoch: epochNumber(natural(lastEpoch, 'sealed.last_epoch')),
      lsn: natural(lastLsn, 'sealed.last_lsn'),
    },
    standing: standingOf(standing, 'sealed.standing'),
    hasServed,
  }
}
