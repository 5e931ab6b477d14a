/** Small questions and changes to the record of a volume that several jobs share. All pure. */
import { assert } from '../../base/assert.ts'
import { type Epoch, epochNumber } from '../../base/units.ts'
import { SLOTS_MAX } from '../../frontend/paths.ts'
import type { RecordsView, RecordWrite } from '../core/records-view.ts'
import type { AllocateRequest } from '../links.ts'
import type { LeadRecord, ReplicaRecord, VolumeRecord } from '../records.ts'

export const replicaOn = (volume: VolumeRecord, server: string): ReplicaRecord | undefined =>
  volume.replicas.find((replica) => replica.server === server)

/** The lowest that none of these replicas has; those that leave keep theirs. */
export function freeSlot(replicas: readonly Pick<ReplicaRecord, 'slot'>[]): number {
  const taken = new Set(replicas.map(({ slot }) => slot))
  let slot = 0
  while (taken.has(slot)) slot += 1
  assert(slot < SLOTS_MAX, 'a volume has fewer replicas than there are slots')
  return slot
}

/** The replica on this server gets this state; it is added when there is none. */
export function withReplica(
  volume: VolumeRecord,
  server: string,
  state: ReplicaRecord['state'],
): VolumeRecord {
  const isThere = replicaOn(volume, server) !== undefined
  const replicas = isThere
    ? volume.replicas.map((replica) => (replica.server === server ? { ...replica, state } : replica))
    : [...volume.replicas, { server, state, slot: freeSlot(volume.replicas) }]
  return { ...volume, replicas }
}

export const withoutReplica = (volume: VolumeRecord, server: string): VolumeRecord => ({
  ...volume,
  replicas: volume.replicas.filter((replica) => replica.server !== server),
})

/** The volume with other rules of who is let in, which are told from all that it had before. */
export const withRules = (
  volume: VolumeRecord,
  rules: Partial<Pick<VolumeRecord, 'access' | 'publications'>>,
): VolumeRecord => ({ ...volume, ...rules, accessVersion: volume.accessVersion + 1 })

/** Replicas that are meant to stay. */
export const stayingOf = (volume: VolumeRecord): readonly ReplicaRecord[] =>
  volume.replicas.filter((replica) => replica.state !== 'leaving')

export const isMember = (volume: VolumeRecord, server: string): boolean =>
  volume.lead.set.members.includes(server)

export const writeOf = (record: VolumeRecord): RecordWrite => ({ kind: 'volume', record })

const epochOf = (lead: LeadRecord): Epoch => ({
  number: epochNumber(lead.epoch.number),
  id: BigInt(lead.epoch.id),
})

/** A replica of a volume that nobody has led yet is as old as the volume; any later one is made for an older volume. */
export const allocateRequest = (volume: VolumeRecord): AllocateRequest => ({
  volume: volume.uuid,
  name: volume.name,
  sizeBytes: volume.sizeBytes,
  logicalBlockBytes: volume.logicalBlockBytes,
  logBytes: volume.logBytes,
  madeIn: volume.lead.hasServed ? epochOf(volume.lead) : null,
})

/** Name of a server for people; its id when it is not in the cluster any more. */
export const serverName = (records: RecordsView, server: string): string =>
  records.server(server)?.name ?? server
