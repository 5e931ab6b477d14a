/**
 * Who leads, in short: what the cluster runtime promises to jobs, without engines. A new volume whose replicas are made
 * gets an epoch; a replica that is made comes into the set after a while; one that is leaving goes out of it; a primary
 * whose server is gone is followed by another member. Part of the master: it ends with each of its lives, and begins from
 * the records.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'
import { epochNumber } from '../../../src/base/units.ts'
import type {
  Cluster,
  HelloVerdict,
  LeadPreflight,
  LeadStatus,
  Leads,
  MoveOutcome,
  RecoverReport,
  Stray,
} from '../../../src/master/core/cluster.ts'
import { keptOf } from '../../../src/master/core/kept-volume.ts'
import type { LiveCluster, LiveServer } from '../../../src/master/core/live.ts'
import type { RecordStore } from '../../../src/master/core/records-view.ts'
import type { ReplicaBeat } from '../../../src/master/links.ts'
import type { LeadRecord, VolumeRecord } from '../../../src/master/records.ts'
import { opening } from '../../../src/v2engine/identity.ts'
import { SOUND } from '../../../src/v2engine/marks.ts'
import type { ScriptServers } from './script-servers.ts'
import type { ScriptLog } from './script-volumes.ts'

const BEAT_MS = 100
const SYNC_MS = 400
/** Id of the epoch in which nobody leads any more. */
const RETIRED = '99999'

export class ScriptCluster implements Cluster, Leads, LiveCluster {
  readonly live: LiveCluster = this
  readonly leads: Leads = this
  readonly #store: RecordStore
  readonly #servers: ScriptServers
  readonly #clock: Clock
  readonly #listeners = new Set<(changed: { readonly server?: string; readonly volume?: string }) => void>()
  readonly #readySince = new Map<string, number>()
  #timer: Timer | null = null
  /** How often `move` fails before it works. */
  failMoves = 0

  constructor(store: RecordStore, servers: ScriptServers, clock: Clock) {
    this.#store = store
    this.#servers = servers
    this.#clock = clock
  }

  start(): void {
    this.#timer = this.#clock.after(BEAT_MS, () => {
      void Promise.all(this.#store.view.volumes().map(({ uuid }) => this.#settle(uuid))).then(() =>
        this.start(),
      )
    })
  }

  close(): void {
    this.#timer?.cancel()
  }

  server(id: string): LiveServer | undefined {
    const server = this.#servers.servers.get(id)
    if (server === undefined) return undefined
    return {
      hello: {
        id,
        name: id,
        clusterId: 'c0',
        addresses: { grpc: '', replication: '', http: '', iscsi: [`${id}:3260`], nvme: [] },
        zone: null,
        rack: null,
        diskType: 'ssd',
        process: 'p',
        registrySeen: null,
      },
      isConnected: server.isUp && !server.isCut,
      heardMs: this.#clock.bootMs(),
      lostSinceMs: server.isUp && !server.isCut ? null : server.lostSinceMs,
      beat: { sentAtMs: 0, freeBytes: 2 ** 40, capacityBytes: 2 ** 40, isDraining: false },
      isComplete: true,
      replicas: new Map(),
    }
  }

  replica(uuid: string, id: string): ReplicaBeat | undefined {
    const replica = this.#servers.servers.get(id)?.replicas.get(uuid)
    const volume = this.#store.view.volume(uuid)
    if (replica === undefined || volume === undefined) return undefined
    const { lead } = volume
    const isPrimary = lead.primary === id && lead.state === 'serving'
    const epoch = { number: epochNumber(lead.epoch.number), id: BigInt(lead.epoch.id) }
    return {
      volume: uuid,
      name: volume.name,
      sizeBytes: replica.sizeBytes,
      state: 'open',
      open: {
        opening: opening(1),
        askedAtMs: 0,
        leads: isPrimary ? epoch : null,
        isServing: isPrimary,
        sealed: epoch,
        set: null,
        standing: SOUND,
        appended: 0,
        committed: 0,
        durable: 0,
        peers: [],
        sessions: this.#servers.sessions.get(uuid) ?? 0,
      },
      outage: null,
      usedBytes: 0,
      settingsTag: keptOf(volume).tag,
      led: isPrimary
        ? {
            epoch: lead.epoch.number,
            snapshots: this.#servers.volumes.log(uuid).snapshots,
            origin: originOf(this.#servers.volumes.log(uuid)),
            scrub: null,
          }
        : null,
      kept: null,
      messages: [],
    }
  }

  mayServe(uuid: string): string | null {
    const volume = this.#store.view.volume(uuid)
    return volume?.lead.state === 'serving' ? volume.lead.primary : null
  }

  strays(): readonly Stray[] {
    return []
  }

  async recover(): Promise<RecoverReport> {
    await this.#store.change(({ cluster }) => ({
      writes: [{ kind: 'cluster', record: { ...cluster, lock: null } }],
      result: undefined,
    }))
    return { raised: [], adopted: [] }
  }

  async onHello(): Promise<HelloVerdict> {
    return { kind: 'welcome', stream: 1 }
  }

  onBeat(): void {
    // servers are looked at as they are
  }

  onDisconnect(): void {
    // the same
  }

  subscribe(listener: (changed: { readonly server?: string; readonly volume?: string }) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  status(uuid: string): LeadStatus {
    const isServing = this.#store.view.volume(uuid)?.lead.state === 'serving'
    return isServing
      ? { phase: 'serving', why: null, isOperatorNeeded: false, waits: [], refusal: null }
      : { phase: 'sealing', why: 'a primary is sought', isOperatorNeeded: false, waits: [], refusal: null }
  }

  preflight(uuid: string): LeadPreflight {
    const { lead } = this.#volume(uuid)
    return {
      isPromotable: lead.state === 'serving',
      reason: 'serving',
      message: 'it serves',
      isPrimaryAlive: this.#isUp(lead.primary),
      candidate: null,
      rejections: [],
      atRisk: null,
      unreached: [],
    }
  }

  async move(uuid: string, to: string): Promise<MoveOutcome> {
    await this.#clock.sleep(50)
    const { lead, state } = this.#volume(uuid)
    if (state === 'deleting') throw conflict('being_deleted')
    if (lead.primary === to) return { kind: 'moved' }
    if (!lead.set.members.includes(to)) throw conflict('not_a_member')
    if (!this.#isUp(to)) throw conflict('not_connected')
    if (this.failMoves > 0) {
      this.failMoves -= 1
      return { kind: 'failed', reason: 'not_drained', leads: lead.primary }
    }
    await this.#edit(uuid, (volume) => promoted(volume, to))
    return { kind: 'moved' }
  }

  async promote(): Promise<void> {
    await this.#clock.sleep(0)
  }

  async retire(uuid: string): Promise<LeadRecord> {
    if (this.#volume(uuid).state !== 'deleting') throw conflict('not_deleting')
    return this.#edit(uuid, ({ lead }) =>
      lead.state === 'sealing' && lead.epoch.id === RETIRED
        ? lead
        : { ...lead, state: 'sealing', epoch: { number: lead.epoch.number + 1, id: RETIRED } },
    )
  }

  wake(): void {
    // the beat sees it
  }

  /** One thing for each volume at a beat. */
  async #settle(uuid: string): Promise<void> {
    const volume = this.#store.view.volume(uuid)
    if (volume === undefined || volume.state === 'deleting') return
    const { lead, replicas } = volume
    // a master that died before it told them does so in its next life
    this.#obey(uuid, lead)
    const staying = replicas.filter((replica) => replica.state !== 'leaving')
    if (!lead.hasServed) {
      if (staying.some((replica) => replica.state === 'allocating') || !this.#isUp(lead.primary)) return
      if (!staying.every(({ server }) => lead.set.members.includes(server))) return
      await this.#edit(uuid, (now) => promoted(now, lead.primary))
      this.#told(uuid)
      return
    }
    if (!this.#isUp(lead.primary)) {
      const next = lead.set.members.find((member) => this.#isUp(member))
      if (next !== undefined) await this.#edit(uuid, (now) => promoted(now, next))
      this.#told(uuid)
      return
    }
    const out = replicas.find(
      ({ server, state }) =>
        lead.set.members.includes(server) &&
        server !== lead.primary &&
        (state === 'leaving' || !this.#isUp(server)),
    )
    if (out !== undefined) {
      await this.#edit(uuid, (now) =>
        withSet(
          now,
          now.lead.set.members.filter((member) => member !== out.server),
        ),
      )
      this.#told(uuid)
      return
    }
    for (const { server, state } of replicas) {
      const key = `${uuid}/${server}`
      if (state !== 'ready' || lead.set.members.includes(server) || !this.#isUp(server)) continue
      const since = this.#readySince.get(key) ?? this.#clock.bootMs()
      this.#readySince.set(key, since)
      if (this.#clock.bootMs() - since < SYNC_MS) continue
      this.#readySince.delete(key)
      await this.#edit(uuid, (now) => withSet(now, [...now.lead.set.members, server]))
      this.#told(uuid)
      return
    }
  }

  #told(volume: string): void {
    for (const listener of this.#listeners) listener({ volume })
  }

  async #edit(uuid: string, decide: (volume: VolumeRecord) => LeadRecord): Promise<LeadRecord> {
    const lead = await this.#store.change((records) => {
      const now = records.volume(uuid)
      if (now === undefined) throw new BlockError('NOT_FOUND', 'no such volume')
      const next = decide(now)
      const writes = next === now.lead ? [] : [{ kind: 'volume' as const, record: { ...now, lead: next } }]
      return { writes, result: next }
    })
    this.#obey(uuid, lead)
    return lead
  }

  #obey(uuid: string, lead: LeadRecord): void {
    for (const server of this.#servers.servers.values()) {
      const replica = server.replicas.get(uuid)
      if (replica !== undefined && server.isUp) replica.epoch = lead.epoch.number
    }
  }

  #isUp(server: string): boolean {
    return this.#servers.servers.get(server)?.isUp === true
  }

  #volume(uuid: string): VolumeRecord {
    const volume = this.#store.view.volume(uuid)
    if (volume === undefined) throw new BlockError('NOT_FOUND', 'no such volume')
    return volume
  }
}

const conflict = (reason: string): BlockError => new BlockError('CONFLICT', reason, { facts: { reason } })

const promoted = ({ lead }: VolumeRecord, primary: string): LeadRecord => {
  const number = lead.epoch.number + 1
  const epoch = { number, id: String(number) }
  return { ...lead, epoch, primary, state: 'serving', hasServed: true, set: { ...lead.set, epoch: number } }
}

const withSet = ({ lead }: VolumeRecord, members: readonly string[]): LeadRecord => ({
  ...lead,
  set: { ...lead.set, version: lead.set.version + 1, members },
})

const originOf = ({ origin }: ScriptLog): NonNullable<ReplicaBeat['led']>['origin'] =>
  origin && { ...origin, doneBytes: 0, totalBytes: 1 }
