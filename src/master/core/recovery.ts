/**
 * `basalt cluster recover`: what a registry that is older than what servers saw, or is not the one they knew, takes over
 * from them. Epochs are raised above all that was reported, so that whatever the lost registry decided is over; in-sync
 * sets come from the superblocks of their members, the newest wins. A set says who holds everything that was acknowledged
 * only if no newer one exists: so every member that it names must have reported, or an operator takes the loss.
 */
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import { compareSets } from '../../v2engine/marks.ts'
import { freeSlot } from '../jobs/volume-edits.ts'
import type { ReplicaBeat } from '../links.ts'
import type { ClusterRecord, LeadRecord, ReplicaRecord, VolumeRecord } from '../records.ts'
import type { RecoverReport } from './cluster.ts'
import { readKept } from './kept-volume.ts'
import type { LiveServer } from './live.ts'
import type { Change, NewEvent, RecordsView, RecordWrite } from './records-view.ts'

export interface RecoveryFacts {
  readonly records: RecordsView
  readonly live: readonly LiveServer[]
  readonly isForced: boolean
  readonly actor: string
  readonly epochId: () => bigint
  readonly wallMs: number
  /** Other registries that servers have seen, and how far. */
  readonly replaced: readonly { readonly id: string; readonly seq: number }[]
}

interface Reported {
  readonly server: string
  readonly beat: ReplicaBeat
}

/** Throws CONFLICT with `facts.reason` `members_missing` unless forced. */
export function planRecovery(facts: RecoveryFacts): Change<RecoverReport> {
  const { records, isForced, actor } = facts
  const reported = reportedVolumes(facts.live)
  const { cluster } = records
  // an epoch of one volume says nothing of the others; an old registry may be wrong about all of them
  const isAll = cluster.lock?.reason !== 'epoch'
  const missing = new Map<string, readonly string[]>()
  const writes: RecordWrite[] = [
    { kind: 'cluster', record: { ...cluster, lock: null, replaced: replacedBy(facts) } },
  ]
  const events: NewEvent[] = []
  const raised: string[] = []
  const adopted: string[] = []
  const names = new Set(records.volumes().map(({ name }) => name))
  for (const volume of records.volumes()) {
    const of = reported.get(volume.uuid) ?? []
    if (!isAll && !isContradicted(volume.lead, of)) continue
    if (isUntouched(facts, volume)) continue
    const record = {
      ...volume,
      replicas: replicasOf(facts, volume, of),
      lead: recoveredLead(facts, volume.lead, of),
      accessVersion: versionAbove(volume.accessVersion, of),
    }
    const silent = silentMembers(facts, record)
    if (silent.length > 0) missing.set(volume.name, silent)
    writes.push({ kind: 'volume', record })
    raised.push(volume.uuid)
  }
  for (const [uuid, of] of reported) {
    if (records.volume(uuid) !== undefined) continue
    const record = adoptedVolume(facts, uuid, of, names)
    names.add(record.name)
    const silent = silentMembers(facts, record)
    if (silent.length > 0) missing.set(record.name, silent)
    writes.push({ kind: 'volume', record })
    adopted.push(uuid)
    events.push({
      severity: 'warning',
      kind: 'volume.adopted',
      actor,
      volume: uuid,
      message: `${record.name}: taken over from ${of.length} servers that hold it`,
      epoch: record.lead.epoch.number,
    })
  }
  if (missing.size > 0 && !isForced) throw membersMissing(missing)
  const loss = missing.size === 0 ? '' : `; ${missing.size} volumes without members that did not report`
  events.push({
    severity: 'warning',
    kind: 'cluster.recovered',
    actor,
    message: `the cluster is unlocked: ${raised.length} volumes have a new epoch, ${adopted.length} were taken over${loss}`,
    reason: cluster.lock?.reason ?? 'forced',
  })
  return { writes, events, result: { raised, adopted } }
}

function reportedVolumes(live: readonly LiveServer[]): ReadonlyMap<string, readonly Reported[]> {
  const reported = new Map<string, Reported[]>()
  for (const { hello, replicas, isConnected } of live) {
    if (!isConnected) continue
    for (const [uuid, beat] of replicas) {
      const list = reported.get(uuid) ?? []
      list.push({ server: hello.id, beat })
      reported.set(uuid, list)
    }
  }
  return reported
}

/** Nobody leads or has led it: all its first members said what they have, and none has sealed its first epoch. */
function isUntouched({ live }: RecoveryFacts, { uuid, lead }: VolumeRecord): boolean {
  if (lead.hasServed) return false
  return lead.set.members.every((server) => {
    const one = live.find(({ hello }) => hello.id === server)
    if (one === undefined || !one.isConnected || !one.isComplete) return false
    const replica = one.replicas.get(uuid)
    return replica === undefined || (replica.open !== null && replica.open.sealed.number < lead.epoch.number)
  })
}

/** A server obeys an epoch, or knows a set, that this registry never gave. */
function isContradicted(lead: LeadRecord, of: readonly Reported[]): boolean {
  return of.some(({ beat: { open } }) => {
    if (open === null) return false
    const { sealed, set } = open
    if (sealed.number > lead.epoch.number) return true
    if (sealed.number === lead.epoch.number && sealed.id.toString() !== lead.epoch.id) return true
    return set !== null && compareSets(set, lead.set) > 0
  })
}

function recoveredLead(facts: RecoveryFacts, lead: LeadRecord | null, of: readonly Reported[]): LeadRecord {
  const open = of.flatMap(({ server, beat }) => (beat.open === null ? [] : [{ server, ...beat.open }]))
  const sets = open.flatMap(({ set }) => (set === null ? [] : [set]))
  const number = Math.max(lead?.epoch.number ?? 0, ...open.map(({ sealed }) => sealed.number)) + 1
  const version = Math.max(lead?.set.version ?? 0, ...sets.map((set) => set.version)) + 1
  const [newest] = sets.toSorted((a, b) => compareSets(b, a))
  const isRegistrysNewer = lead !== null && (newest === undefined || compareSets(lead.set, newest) > 0)
  const members: readonly string[] = isRegistrysNewer
    ? lead.set.members
    : (newest?.members ?? of.map(({ server }) => server))
  const leader = open
    .filter(({ leads }) => leads !== null)
    .toSorted((a, b) => (b.leads?.number ?? 0) - (a.leads?.number ?? 0))[0]
  return {
    epoch: { number, id: facts.epochId().toString() },
    state: 'sealing',
    primary: leader?.server ?? lead?.primary ?? members[0] ?? '',
    opening: lead?.opening ?? null,
    set: { epoch: number, version, members },
    mayHaveLost: false,
    hasServed: true,
  }
}

/** Whoever holds it, whoever the record names and cannot say, and the members of the set. */
function replicasOf(
  facts: RecoveryFacts,
  volume: VolumeRecord,
  of: readonly Reported[],
): readonly ReplicaRecord[] {
  const replicas = new Map(volume.replicas.map((replica) => [replica.server, replica]))
  for (const server of replicas.keys()) {
    const live = facts.live.find(({ hello }) => hello.id === server)
    const isGone = live?.isComplete === true && !live.replicas.has(volume.uuid)
    if (isGone && !volume.lead.set.members.includes(server)) replicas.delete(server)
  }
  for (const { server } of of) {
    if (replicas.has(server)) continue
    replicas.set(server, { server, state: 'ready', slot: freeSlot([...replicas.values()]) })
  }
  return [...replicas.values()]
}

/**
 * Members that the newest known set names and that did not say what they know. One that was made anew in the place of a lost
 * disk has forgotten it: whether there was a newer set, nobody can say.
 */
function silentMembers({ live }: RecoveryFacts, { uuid, lead }: VolumeRecord): readonly string[] {
  return lead.set.members.filter((server) => {
    const one = live.find(({ hello }) => hello.id === server)
    const open = one?.isConnected === true ? one.replicas.get(uuid)?.open : undefined
    return open == null || (open.set === null && open.standing.isDamaged)
  })
}

const NO_SET = { epoch: 0, version: 0 }

function adoptedVolume(
  facts: RecoveryFacts,
  uuid: string,
  of: readonly Reported[],
  names: ReadonlySet<string>,
): VolumeRecord {
  // who was away when its access was changed has the older settings, and knows an older epoch or set
  const newestFirst = of.toSorted(
    ({ beat: { open: a } }, { beat: { open: b } }) =>
      (b?.sealed.number ?? 0) - (a?.sealed.number ?? 0) ||
      compareSets(b?.set ?? NO_SET, a?.set ?? NO_SET) ||
      Number(b?.leads != null) - Number(a?.leads != null),
  )
  const kept = newestFirst.map(({ beat }) => readKept(beat.kept)).find((one) => one !== undefined)
  const sizeBytes = Math.max(...of.map(({ beat }) => beat.sizeBytes))
  const told = kept?.name ?? newestFirst[0]?.beat.name ?? ''
  return {
    uuid,
    name: freeName(told, uuid, names),
    sizeBytes,
    logicalBlockBytes: kept?.logicalBlockBytes ?? 512,
    logBytes: kept?.logBytes ?? null,
    preset: kept?.preset ?? 'general',
    // of no settings nothing is known but the replicas: the mode that loses nothing
    policy: kept?.policy ?? { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: of.length },
    placement: kept?.placement ?? {
      diskType: null,
      zones: [],
      zoneSpread: 'preferred',
      rackSpread: 'preferred',
    },
    isMultipath: kept?.isMultipath ?? false,
    // whoever leads says so
    origin: null,
    madeOf: null,
    replicas: adoptedReplicas(of, kept?.slots ?? []),
    lead: recoveredLead(facts, null, of),
    // and nobody may use it before an operator says who
    access: kept?.access ?? { initiators: [], chap: null, hosts: [], dhchap: [] },
    publications: kept?.publications ?? [],
    accessVersion: versionAbove(0, of),
    qos: kept?.qos ?? { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    state: 'active',
    createdAt: kept?.createdAt ?? facts.wallMs,
  }
}

/** Above all that servers were told: what one of them has is not taken for what is recorded now. */
const versionAbove = (known: number, of: readonly Reported[]): number =>
  1 + Math.max(known, ...of.map(({ beat }) => readKept(beat.kept)?.accessVersion ?? 0))

/** With the slots that hosts know them by, as far as they are known. */
function adoptedReplicas(
  of: readonly Reported[],
  slots: readonly { readonly server: string; readonly slot: number }[],
): readonly ReplicaRecord[] {
  const replicas: ReplicaRecord[] = []
  const taken = [...slots]
  for (const { server } of of) {
    const known = slots.find(
      (one) => one.server === server && !replicas.some(({ slot }) => slot === one.slot),
    )
    const slot = known?.slot ?? freeSlot(taken)
    taken.push({ server, slot })
    replicas.push({ server, state: 'ready', slot })
  }
  return replicas
}

function freeName(told: string, uuid: string, names: ReadonlySet<string>): string {
  const name = isVolumeName(told) ? told : `volume-${uuid.slice(0, 8)}`
  return names.has(name) ? `${name.slice(0, 54)}-${uuid.slice(0, 8)}` : name
}

function isVolumeName(text: string): boolean {
  try {
    parseVolumeName(text, 'name')
    return true
  } catch (error) {
    if (error instanceof BlockError) return false
    throw error
  }
}

function membersMissing(missing: ReadonlyMap<string, readonly string[]>): BlockError {
  const [first] = missing
  const [name, servers] = first ?? ['', []]
  return new BlockError(
    'CONFLICT',
    `${missing.size} volumes have members that did not report what they know, such as ${name} at ${servers.join(', ')}: ` +
      'start those servers; if they or their disks are gone for good, force it and lose what only they held',
    { facts: { reason: 'members_missing', volumes: missing.size, volume: name, servers: servers.join(',') } },
  )
}

/** What a server that comes later has seen of them locks nothing; what goes beyond does. */
function replacedBy({ records, replaced }: RecoveryFacts): NonNullable<ClusterRecord['replaced']> {
  const greatest = new Map<string, number>()
  for (const { id, seq } of [...(records.cluster.replaced ?? []), ...replaced]) {
    greatest.set(id, Math.max(seq, greatest.get(id) ?? 0))
  }
  return [...greatest].map(([id, seq]) => ({ id, seq }))
}
