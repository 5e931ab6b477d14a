/** What a master that does not lead says to who comes to it: who does, as far as it has heard. */
import type { HelloVerdict } from '../core/cluster.ts'
import type { LeaderRecord } from '../core/record-schemas.ts'

/** To a block server's hello; its stream ends with UNAVAILABLE. */
export function refusedByFollower(leader: LeaderRecord | null): HelloVerdict {
  const grpc = leader === null || leader.grpc === '' ? null : leader.grpc
  return {
    kind: 'refused',
    reason: 'not_leader',
    message: followerMessage(grpc),
    leader: grpc,
  }
}

/** `address` of the leader, in the way in that was asked. */
export const followerMessage = (address: string | null): string =>
  address === null
    ? 'this master does not lead, and has not heard who does; try again in a few seconds'
    : `this master does not lead; ask ${address}`
