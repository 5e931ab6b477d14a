/**
 * Where everything on a server goes when it is drained. Leads go first, to servers that have a replica in sync already:
 * after half a second each the server serves no hosts. Then every replica is rebuilt elsewhere. What finds no place
 * stays, with the reasons: the drain waits and says so.
 */
import type { RebalanceMove, Rejection } from '../master-api.ts'
import type { VolumeRecord } from '../records.ts'
import { Board, type MovableVolume, type MoveFacts } from './moves.ts'
import { placeOneMore } from './place.ts'
import type { PlacementSettings } from './settings.ts'

interface StuckReplica {
  readonly volume: string
  readonly name: string
  /** `not_movable`: another job has it, or it is not in order; `rf_not_satisfiable`: no server may take it. */
  readonly reason: 'not_movable' | 'rf_not_satisfiable'
  readonly message: string
  readonly rejections: readonly Rejection[]
}

export interface Evacuation {
  readonly moves: readonly RebalanceMove[]
  readonly stuck: readonly StuckReplica[]
}

/** `facts.isMovable` need not be asked of volumes without a replica there. The server is not taken for a target. */
export function planEvacuation(server: string, facts: MoveFacts, settings: PlacementSettings): Evacuation {
  const servers = facts.servers.map((one) => (one.id === server ? { ...one, isDraining: true } : one))
  const volumes = facts.volumes.filter((volume) => hasReplica(volume, server))
  const board = new Board({ ...facts, servers, volumes }, settings)
  for (const volume of board.volumesOn(server)) {
    const heir = volume.primary === server ? heirOf(board, volume) : undefined
    if (heir !== undefined) board.moveLead(volume, heir)
  }
  const stuck = new Map<string, StuckReplica>()
  for (const volume of board.volumesOn(server)) {
    const { uuid, name, record, usedBytes, holders } = volume
    const one = { ...record, usedBytes }
    const placed = placeOneMore(one, board.servers(), { holding: holders, leaving: [server] }, settings)
    if (placed.server !== null) board.moveReplica(volume, server, placed.server)
    else {
      const { message } = placed.errors[0]!
      const reason = 'rf_not_satisfiable'
      stuck.set(uuid, { volume: uuid, name, reason, message, rejections: placed.plan.rejections })
    }
  }
  for (const { uuid, name } of volumes) {
    if (stuck.has(uuid) || board.moves.some(({ kind, volume }) => kind === 'replica' && volume === uuid))
      continue
    const message = 'another job changes it, or it is not healthy: it is moved when that is over'
    stuck.set(uuid, { volume: uuid, name, reason: 'not_movable', message, rejections: [] })
  }
  return { moves: board.moves, stuck: [...stuck.values()] }
}

const hasReplica = ({ replicas, state }: VolumeRecord, server: string): boolean =>
  state !== 'deleting' && replicas.some((replica) => replica.server === server && replica.state !== 'leaving')

/** Of the other members in sync, the one that leads least; undefined: there is none that may. */
function heirOf(board: Board, { holders, primary, record }: MovableVolume): string | undefined {
  const heirs = holders
    .filter((id) => id !== primary && record.lead.set.members.includes(id))
    .flatMap((id) => board.server(id) ?? [])
    .filter(({ isConnected, isDraining }) => isConnected && !isDraining)
    .sort((a, b) => a.primaries - b.primaries || (a.id < b.id ? -1 : 1))
  return heirs[0]?.id
}
