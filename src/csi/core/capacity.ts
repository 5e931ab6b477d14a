/**
 * What may still be promised of servers: each replica of a volume is on another server, and takes the whole size there. The
 * master decides by more than this (overcommitment, a reserve, spread); this is what an orchestrator plans with.
 */
import { alignDown, BLOCK_BYTES } from '../../base/units.ts'
import { VOLUME_BYTES_MAX, VOLUME_BYTES_MIN } from '../../base/volume-limits.ts'

export interface CapacityOfServer {
  readonly capacityBytes: number
  readonly freeBytes: number
  readonly allocatedBytes: number
}

export interface Capacity {
  /** Of all volumes that could still be made. */
  readonly availableBytes: number
  /** Of the largest single one; 0: none can be made. */
  readonly largestBytes: number
}

/** For volumes of so many replicas on these servers. */
export function capacityOf(servers: readonly CapacityOfServer[], replicas: number): Capacity {
  const rooms = servers.map(roomOf).sort((a, b) => b - a)
  const largest = Math.min(VOLUME_BYTES_MAX, blocksOf(rooms[replicas - 1] ?? 0))
  if (largest < VOLUME_BYTES_MIN) return { availableBytes: 0, largestBytes: 0 }
  return { availableBytes: blocksOf(volumesIn(rooms, replicas)), largestBytes: largest }
}

/** Neither promised nor used, whichever is less. */
const roomOf = ({ capacityBytes, freeBytes, allocatedBytes }: CapacityOfServer): number =>
  Math.max(0, Math.min(freeBytes, capacityBytes - allocatedBytes))

/**
 * The most bytes of volumes: a server adds at most one replica of each byte, so one that has more room than all volumes
 * together cannot use it. Rooms are in falling order.
 */
function volumesIn(rooms: readonly number[], replicas: number): number {
  for (let wide = 0; wide < replicas; wide++) {
    // `wide` servers hold a replica of everything; the others share what is left
    const rest = rooms.slice(wide)
    const bytes = rest.reduce((sum, room) => sum + room, 0) / (replicas - wide)
    if ((rest[0] ?? 0) <= bytes) return bytes
  }
  return 0
}

const blocksOf = (bytes: number): number => alignDown(Math.floor(bytes), BLOCK_BYTES)
