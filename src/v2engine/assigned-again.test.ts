/** A primary that is told its assignment again: what an epoch may change of the policy, and what it may not. */
import { describe, expect, it } from 'vitest'
import { epochNumber, lsn } from '../base/units.ts'
import type { Happening } from './events.ts'
import { opening, serverId } from './identity.ts'
import type { Replica } from './messages.ts'
import { openReplica } from './open.ts'
import { DEFAULT_BOUNDS, type Policy } from './policy.ts'
import { step } from './step.ts'

const EPOCH = { number: epochNumber(1), id: 1n }
const SET = { epoch: EPOCH.number, version: 1, members: [serverId('a')] }
const syncAll = (replicaFactor: number, minInSync: number): Policy => ({
  mode: { kind: 'sync_all', minInSync },
  replicaFactor,
})
const replicasOf = (...names: string[]): Replica[] =>
  names.map((name) => ({ server: serverId(name), endpoint: `${name}:1` }))

/** `a` alone leads; each call gives up to which LSN hosts are answered by what happened. */
function leading(policy: Policy) {
  const at = lsn(0)
  const { state } = openReplica({
    ...{ self: serverId('a'), bounds: DEFAULT_BOUNDS, nowMs: 0, opening: opening(1), bootId: 'boot' },
    ...{ stored: null, madeIn: null, wasClean: false, isDamaged: false, history: [] },
    committed: at,
    local: { appended: at, durable: at, checkpoint: at, image: at, retainedFrom: lsn(1), hasUnknown: false },
  })
  let nowMs = 0
  const happen = (happening: Happening): number[] => {
    nowMs += 1
    const { reply } = step(state, { ...happening, nowMs }).after
    return reply.flatMap((one) => (one.kind === 'acknowledge' ? [one.to] : []))
  }
  const assign = (told: Policy, replicas = replicasOf('a')) =>
    happen({
      kind: 'authority',
      message: {
        ...{ kind: 'assign', role: 'primary', epoch: EPOCH, opening: opening(1) },
        ...{ primary: serverId('a'), replicas, set: SET, policy: told },
      },
    })
  happen({ kind: 'authority', message: { kind: 'seal', epoch: EPOCH } })
  assign(policy)
  happen({ kind: 'epochStarted', cut: 0, epoch: EPOCH, lsn: lsn(1) })
  const granted = { epoch: EPOCH, opening: opening(1), askedAtMs: nowMs, leaseMs: 3000 }
  happen({ kind: 'authority', message: { kind: 'grant', ...granted } })
  const append = (to: number) =>
    happen({
      kind: 'progress',
      cut: 0,
      local: { ...state.local, appended: lsn(to), durable: lsn(to) },
    })
  return { state, assign, append }
}

describe('a primary that is assigned again', () => {
  it('answers hosts by the new policy from then on', () => {
    const { assign, append } = leading(syncAll(1, 1))
    expect(append(2)).toEqual([2])
    expect(assign(syncAll(3, 2), replicasOf('a', 'b', 'c'))).toEqual([])
    expect(append(5)).toEqual([])
    expect(assign(syncAll(2, 1), replicasOf('a', 'b'))).toEqual([5])
    expect(append(6)).toEqual([6])
  })

  it('knows the replicas that the new policy adds, and those that it takes away no more', () => {
    const { state, assign } = leading(syncAll(1, 1))
    const peers = () => (state.role.kind === 'primary' ? [...state.role.peers.keys()] : null)
    assign(syncAll(3, 1), replicasOf('a', 'b', 'c'))
    expect(peers()).toEqual(['b', 'c'])
    assign(syncAll(2, 1), replicasOf('a', 'c'))
    expect(peers()).toEqual(['c'])
  })

  it('commits as its epoch began: by another kind of policy not before the next', () => {
    const { state, assign, append } = leading(syncAll(1, 1))
    const policy = () => (state.role.kind === 'primary' ? state.role.policy : null)
    assign({ mode: { kind: 'sync_quorum' }, replicaFactor: 3 }, replicasOf('a', 'b', 'c'))
    expect(policy()).toEqual(syncAll(1, 1))
    expect(append(3)).toEqual([3])
  })
})
