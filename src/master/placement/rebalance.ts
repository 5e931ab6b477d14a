/**
 * Moves that even out bytes and leads over the servers. First the replicas, then the leads, each until no move is left
 * that is worth it: what is even already stays as it is, and a rebalance of what a rebalance left moves nothing.
 *
 * A replica goes from a server that is promised a greater share of its capacity to one with a lesser share, if it is
 * still not the other way round afterwards: so every move brings the shares closer, and there is an end. It goes only
 * where placement would put it, and never to a worse spread. Moves are to be made in this order, each when the one
 * before is done: then the space is there at every step.
 */
import type { RebalanceMove } from '../master-api.ts'
import { Board, type MovableVolume, type MoveFacts } from './moves.ts'
import type { PlacementServer } from './servers.ts'
import type { PlacementSettings } from './settings.ts'

/** Dry run and plan alike. */
export function planRebalance(facts: MoveFacts, settings: PlacementSettings): readonly RebalanceMove[] {
  const board = new Board(facts, settings)
  while (board.moves.length < settings.movesMax && evenReplicas(board, settings));
  while (board.moves.length < settings.movesMax && evenLeads(board, settings));
  return board.moves
}

/** A server that is away, empty by order, or without a disk takes part in nothing. */
const takesPart = ({ isConnected, isDraining, capacityBytes }: PlacementServer): boolean =>
  isConnected && !isDraining && capacityBytes > 0

const fill = ({ allocatedBytes, capacityBytes }: PlacementServer): number => allocatedBytes / capacityBytes

/** One move of a replica; false when none is worth it. */
function evenReplicas(board: Board, settings: PlacementSettings): boolean {
  const servers = board.servers().filter(takesPart)
  const sum = (of: (server: PlacementServer) => number): number =>
    servers.reduce((total, server) => total + of(server), 0)
  const mean = sum(({ allocatedBytes }) => allocatedBytes) / sum(({ capacityBytes }) => capacityBytes)
  const fullestFirst = servers.toSorted((a, b) => fill(b) - fill(a) || (a.id < b.id ? -1 : 1))
  for (const from of fullestFirst) {
    const volumes = onlyFollowersFirst(board.volumesOn(from.id), from.id)
    for (const to of fullestFirst.toReversed()) {
      if (fill(from) - fill(to) <= mean * settings.evenShare) break
      const volume = volumes.find((one) => isWorthIt(board, one, from, to))
      if (volume === undefined) continue
      board.moveReplica(volume, from.id, to.id)
      return true
    }
  }
  return false
}

/** A replica that leads is moved only when no other of the server will do: hosts notice it. */
const onlyFollowersFirst = (volumes: readonly MovableVolume[], server: string): readonly MovableVolume[] => [
  ...volumes.filter(({ primary }) => primary !== server),
  ...volumes.filter(({ primary }) => primary === server),
]

function isWorthIt(board: Board, volume: MovableVolume, from: PlacementServer, to: PlacementServer): boolean {
  const { footprintBytes } = volume
  const fromAfter = (from.allocatedBytes - footprintBytes) / from.capacityBytes
  const toAfter = (to.allocatedBytes + footprintBytes) / to.capacityBytes
  return (
    toAfter <= fromAfter &&
    board.rejection(volume, from.id, to) === undefined &&
    !board.worsens(volume, from, to)
  )
}

/** One move of a lead, to a server of the volume that leads two fewer at least; false when there is none. */
function evenLeads(board: Board, settings: PlacementSettings): boolean {
  const servers = board.servers().filter(takesPart)
  const mean = servers.reduce((total, { primaries }) => total + primaries, 0) / servers.length
  const gap = Math.max(2, mean * settings.evenShare)
  const mostFirst = servers.toSorted((a, b) => b.primaries - a.primaries || (a.id < b.id ? -1 : 1))
  for (const from of mostFirst) {
    const led = board.volumesOn(from.id).filter(({ primary }) => primary === from.id)
    for (const to of mostFirst.toReversed()) {
      if (from.primaries - to.primaries < gap) break
      const volume = to.isCordoned ? undefined : led.find(({ holders }) => holders.includes(to.id))
      if (volume === undefined) continue
      board.moveLead(volume, to.id)
      return true
    }
  }
  return false
}
