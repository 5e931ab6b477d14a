/** Servers and volumes while moves are planned: each move is made here at once, so that the next one sees what it left. */
import type { RebalanceMove, Rejection } from '../master-api.ts'
import type { VolumeRecord } from '../records.ts'
import { rejectionOf } from './filters.ts'
import { needOf } from './place.ts'
import { disksPreferredTo } from './scores.ts'
import { footprintBytes, type PlacementServer } from './servers.ts'
import type { PlacementSettings } from './settings.ts'
import { rackOf, zoneOf } from './topology.ts'

export interface MoveFacts {
  readonly servers: readonly PlacementServer[]
  readonly volumes: readonly VolumeRecord[]
  /** Nothing else changes its replicas, it is served, and all its replicas are in sync. */
  readonly isMovable: (volume: VolumeRecord) => boolean
  /** What a replica of it has on its disk. */
  readonly usedBytes: (volume: VolumeRecord) => number
}

export interface MovableVolume {
  readonly uuid: string
  readonly name: string
  readonly record: VolumeRecord
  readonly footprintBytes: number
  readonly usedBytes: number
  readonly holders: readonly string[]
  readonly primary: string
}

export class Board {
  readonly moves: RebalanceMove[] = []
  readonly #servers: Map<string, PlacementServer>
  readonly #volumes: Map<string, MovableVolume>
  readonly #settings: PlacementSettings

  constructor(facts: MoveFacts, settings: PlacementSettings) {
    this.#settings = settings
    this.#servers = new Map(facts.servers.map((server) => [server.id, server]))
    this.#volumes = new Map()
    for (const record of facts.volumes) {
      const staying = record.replicas.filter(({ state }) => state !== 'leaving')
      if (record.state !== 'active' || staying.length < record.replicas.length || !facts.isMovable(record))
        continue
      this.#volumes.set(record.uuid, {
        uuid: record.uuid,
        name: record.name,
        record,
        footprintBytes: footprintBytes(record),
        usedBytes: facts.usedBytes(record),
        holders: staying.map(({ server }) => server),
        primary: record.lead.primary,
      })
    }
  }

  server(id: string): PlacementServer | undefined {
    return this.#servers.get(id)
  }

  /** As they are after the moves, in the order of their ids. */
  servers(): readonly PlacementServer[] {
    return [...this.#servers.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Those with a replica on the server, the greatest first. */
  volumesOn(server: string): readonly MovableVolume[] {
    return [...this.#volumes.values()]
      .filter(({ holders }) => holders.includes(server))
      .sort((a, b) => b.footprintBytes - a.footprintBytes || (a.uuid < b.uuid ? -1 : 1))
  }

  /** Why the replica of `from` may not go to `to`; undefined: it may. */
  rejection(volume: MovableVolume, from: string, to: PlacementServer): Rejection | undefined {
    const need = needOf({ ...volume.record, usedBytes: volume.usedBytes })
    const staying = this.#others(volume, from)
    return rejectionOf(to, need, { all: new Set(volume.holders), staying }, this.#settings)
  }

  /** Whether the volume is spread worse, or on disks that suit it less, when the replica of `from` is at `to`. */
  worsens(volume: MovableVolume, from: PlacementServer, to: PlacementServer): boolean {
    const others = this.#others(volume, from.id)
    const shared = (server: PlacementServer, of: (server: PlacementServer) => string): number =>
      others.filter((other) => of(other) === of(server)).length
    const { preset } = volume.record
    return (
      shared(to, zoneOf) > shared(from, zoneOf) ||
      shared(to, rackOf) > shared(from, rackOf) ||
      disksPreferredTo(to, preset) > disksPreferredTo(from, preset)
    )
  }

  moveReplica(volume: MovableVolume, from: string, to: string): void {
    const { uuid, name, footprintBytes: bytes, usedBytes } = volume
    const isLead = volume.primary === from
    this.moves.push({ kind: 'replica', volume: uuid, name, from, to, bytes: usedBytes })
    this.#load(from, -bytes, -usedBytes, { replicas: -1, primaries: isLead ? -1 : 0 })
    this.#load(to, bytes, usedBytes, { replicas: 1, primaries: isLead ? 1 : 0 })
    const holders = volume.holders.map((server) => (server === from ? to : server))
    this.#volumes.set(uuid, { ...volume, holders, primary: isLead ? to : volume.primary })
  }

  moveLead(volume: MovableVolume, to: string): void {
    const { uuid, name, primary: from } = volume
    this.moves.push({ kind: 'lead', volume: uuid, name, from, to, bytes: 0 })
    this.#load(from, 0, 0, { replicas: 0, primaries: -1 })
    this.#load(to, 0, 0, { replicas: 0, primaries: 1 })
    this.#volumes.set(uuid, { ...volume, primary: to })
  }

  #others(volume: MovableVolume, from: string): PlacementServer[] {
    return volume.holders.filter((id) => id !== from).flatMap((id) => this.#servers.get(id) ?? [])
  }

  #load(
    id: string,
    allocated: number,
    used: number,
    counts: { readonly replicas: number; readonly primaries: number },
  ): void {
    const server = this.#servers.get(id)
    if (server === undefined) return
    this.#servers.set(id, {
      ...server,
      allocatedBytes: server.allocatedBytes + allocated,
      freeBytes: server.freeBytes - used,
      replicas: server.replicas + counts.replicas,
      primaries: server.primaries + counts.primaries,
    })
  }
}
