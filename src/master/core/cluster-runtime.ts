/**
 * The cluster runtime: streams of servers in, decisions out. It owns what servers said, one runner per volume, one timer
 * for all of them, and the lock. A beat without news writes nothing to the registry and costs a look at each volume that
 * it names.
 *
 *   hello ──▶ server's record, lock? ──▶ `registry`, `tellAll`
 *   beat  ──▶ picture of the server ──▶ each replica: its messages and its beat to the volume's reducer; settings if it
 *             has others; of an unknown volume: told, and left alone
 *             and the paths of all volumes, then what changes of them (paths-teller.ts)
 *   timer ──▶ volumes that are due; servers that are silent; how far the registry is, to servers
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { type Bounds, DEFAULT_BOUNDS } from '../../v2engine/policy.ts'
import { type HeardSeq, SOLE_LEADERSHIP } from '../election/leadership.ts'
import { ledLinks } from '../election/led-links.ts'
import type { LeadBeat, LeadNote } from '../failover/lead-state.ts'
import type { ClearAccess, ReplicaBeat, ServerBeat, ServerHello, ServerLinks } from '../links.ts'
import type { AccessRecord } from '../records.ts'
import type { Cluster, HelloVerdict, RecoverReport, Stray } from './cluster.ts'
import { ClusterLeads } from './cluster-leads.ts'
import { type LockFinding, lockOfHello, recordLock } from './cluster-lock.ts'
import { effectiveAccess } from './effective-access.ts'
import { Handovers } from './handovers.ts'
import { keptOf } from './kept-volume.ts'
import type { LiveCluster } from './live.ts'
import { LiveServers } from './live-servers.ts'
import { PathsTeller } from './paths-teller.ts'
import type { NewEvent, RecordStore } from './records-view.ts'
import { planRecovery } from './recovery.ts'
import { recordHello } from './server-records.ts'
import { SLOT_MS, TimerWheel } from './timer-wheel.ts'

export interface ClusterOptions {
  readonly store: RecordStore
  readonly links: ServerLinks
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Secrets in the clear, for the server that has to check them. Throws when they cannot be opened. */
  readonly clearAccess: (access: AccessRecord) => ClearAccess
  readonly bounds?: Bounds
  /** How long this master leads for certain, ms; `SOLE_LEADERSHIP` when it is the only one there can be. */
  readonly leadershipMs?: () => number
  /** Of its term; what the registry has now when this master is the only one there can be. */
  readonly heard?: HeardSeq
}

/** How often servers that are silent, volumes that are unknown and the registry's number are looked at. */
const SWEEP_MS = 500
/** A turn that comes so much later than the last one: the process was stopped, or its machine slept. */
const SLEPT_MS = 1000
const TELL_REGISTRY_MS = 5000
/** A volume may be unknown for a moment, while its last replica is being removed. */
const STRAY_MS = 5000
const STRAYS_TOLD_MAX = 10_000

export class ClusterRuntime implements Cluster {
  readonly #o: ClusterOptions
  readonly #live = new LiveServers()
  readonly leads: ClusterLeads
  readonly #wheel: TimerWheel
  #timer: Timer | null = null
  #sweptMs: number
  #tickedMs: number
  /** What servers said while it was stopped is still to be read. */
  #isDeaf = false
  #toldRegistryMs: number
  #toldSeq = 0
  readonly #heard: HeardSeq
  /** Since when an unknown volume is seen; of those that were told of, Infinity. */
  readonly #strays = new Map<string, number>()
  /** Streams that were told of the registry, by server. */
  readonly #greeted = new Map<string, number>()
  readonly #handovers: Handovers
  readonly #paths: PathsTeller
  #isLocking = false

  constructor(options: ClusterOptions) {
    const { store, clock, logger, bounds = DEFAULT_BOUNDS } = options
    const { leadershipMs = SOLE_LEADERSHIP.leadershipMs } = options
    // nothing reaches a server while this master does not lead for certain
    const links = ledLinks(options.links, leadershipMs)
    this.#o = { ...options, links }
    this.#heard = options.heard ?? { seq: store.seq }
    const nowMs = clock.bootMs()
    this.#wheel = new TimerWheel(nowMs)
    this.#sweptMs = nowMs
    this.#tickedMs = nowMs
    this.#toldRegistryMs = nowMs
    const knownMs = (): number => (this.#isDeaf ? 0 : leadershipMs())
    const rulesFirst = this.#rulesFirst(links)
    const forLeads = { ...options, links: rulesFirst, bounds, wheel: this.#wheel, leadershipMs: knownMs }
    this.leads = new ClusterLeads(forLeads, this.#live)
    this.leads.onNotes = (volume, notes) => this.#onNotes(volume, notes)
    this.leads.onWake = (volume) => {
      for (const { server } of store.view.volume(volume)?.replicas ?? []) this.#tellSettings(server, volume)
    }
    this.#paths = new PathsTeller({
      ...{ store, nowMs, live: this.#live },
      // it asks once for all that it is about to say
      links: options.links,
      mayTell: () => leadershipMs() > 0,
      isServed: (volume) => this.leads.isServed(volume),
    })
    this.#handovers = new Handovers({ store, live: this.#live, leads: this.leads, logger })
  }

  get live(): LiveCluster {
    return this.#live
  }

  start(): void {
    if (this.#timer !== null) return
    this.leads.wakeAll()
    this.#arm()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#paths.close()
    this.leads.close()
  }

  #arm(): void {
    this.#timer = this.#o.clock.after(SLOT_MS, () => {
      this.#arm()
      this.#tick()
    })
  }

  #tick(): void {
    const { clock, store } = this.#o
    const nowMs = clock.bootMs()
    const hasSlept = nowMs - this.#tickedMs > SLEPT_MS
    this.#tickedMs = nowMs
    // nobody is silent who was not listened to: leases that ran out meanwhile are waited for once more
    this.#isDeaf = hasSlept
    this.#wheel.run(nowMs)
    this.#isDeaf = false
    if (hasSlept) this.#sweptMs = nowMs
    if (nowMs - this.#sweptMs < SWEEP_MS) return
    this.#sweptMs = nowMs
    for (const server of this.#live.sweep(nowMs)) this.#tellLost(server)
    this.leads.sweep(nowMs)
    this.#paths.sweep(nowMs)
    this.#sweepStrays(nowMs)
    this.#askIncomplete()
    if (nowMs - this.#toldRegistryMs < TELL_REGISTRY_MS || store.seq === this.#toldSeq) return
    this.#toldRegistryMs = nowMs
    this.#toldSeq = store.seq
    for (const { hello, isConnected } of this.#live.all()) if (isConnected) this.#tellRegistry(hello.id)
  }

  // ---- streams

  async onHello(hello: ServerHello, stream?: number): Promise<HelloVerdict> {
    const { store, clock } = this.#o
    if (hello.clusterId !== store.view.cluster.clusterId) {
      return {
        kind: 'refused',
        reason: 'another_cluster',
        message: `this is cluster ${store.view.cluster.clusterId}, and the server is of ${hello.clusterId}`,
      }
    }
    const finding = lockOfHello(store, hello, this.#heard.seq)
    if (finding !== null) await this.#lock(finding)
    const wallMs = Math.trunc(clock.wallMs())
    let hasMoved: boolean
    try {
      const at = { wallMs, capacityBytes: null }
      hasMoved = (await store.change((records) => recordHello(records, hello, at))).hasMoved
    } catch (error) {
      if (!isBlockError(error, 'CONFLICT')) throw error
      return { kind: 'refused', reason: 'name_taken', message: error.message }
    }
    if (stream !== undefined) {
      if (!this.#live.update(stream, hello)) {
        return { kind: 'refused', reason: 'invalid', message: 'this stream is over' }
      }
      if (hasMoved) this.#wakeVolumesOf(hello.id)
      return { kind: 'welcome', stream }
    }
    const opened = this.#live.open(hello, clock.bootMs())
    if (hasMoved) this.#wakeVolumesOf(hello.id)
    return { kind: 'welcome', stream: opened }
  }

  onBeat(stream: number, beat: ServerBeat): void {
    const verdict = this.#live.onBeat(stream, beat, this.#o.clock.bootMs())
    if (verdict.kind === 'ignored') return
    const { server } = verdict
    // whoever carries the stream may send to it by now
    if (this.#greeted.get(server) !== stream) {
      this.#greeted.set(server, stream)
      this.#tellRegistry(server)
      this.#paths.joined(server)
      if (!beat.isFull) this.#o.links.send(server, { kind: 'tellAll' })
    }
    for (const replica of beat.replicas) this.#onReplica(server, replica, verdict.kind === 'late')
    if (verdict.kind !== 'news') return
    this.#noteCapacity(server, beat)
    if (beat.isDraining) this.#handovers.onDraining(server)
  }

  onDisconnect(stream: number): void {
    const server = this.#live.close(stream, this.#o.clock.bootMs())
    if (server === undefined) return
    this.#greeted.delete(server)
    this.#paths.gone(server)
    this.#tellLost(server)
  }

  #onReplica(server: string, replica: ReplicaBeat, isLate: boolean): void {
    const { volume, open, messages } = replica
    if (this.#o.store.view.volume(volume) === undefined) return
    const lead = this.leads.of(volume)
    if (lead === undefined) return
    // what it asks and answers came before the state that the beat tells of
    for (const message of messages) lead.post({ kind: 'message', server, message })
    if (isLate || open === null) return
    const { opening, askedAtMs, leads, isServing, sealed, set, appended } = open
    const told: LeadBeat = { opening, askedAtMs, leads, isServing, sealed, set, appended }
    lead.post({ kind: 'beat', server, beat: told })
    this.#tellSettings(server, volume)
  }

  /** Nobody is told to lead before it was told whom the volume lets in by now: what comes on a stream is obeyed in order. */
  #rulesFirst(links: ServerLinks): ServerLinks {
    return {
      ...links,
      send: (server, message) => {
        const isLead = message.kind === 'replica' && message.message.kind === 'assign'
        if (isLead && !this.#tellSettings(server, message.volume)) return
        links.send(server, message)
      },
    }
  }

  /** Settings go to whoever has a replica and others. False: they cannot be told. */
  #tellSettings(server: string, volume: string): boolean {
    const { store, links, logger, clearAccess } = this.#o
    const record = store.view.volume(volume)
    if (record === undefined || store.view.cluster.lock !== null) return true
    if (!record.replicas.some((one) => one.server === server)) return true
    const { tag, text } = keptOf(record)
    if (this.#live.replica(volume, server)?.settingsTag === tag) return true
    let access: ClearAccess
    try {
      access = clearAccess(effectiveAccess(record))
    } catch (error) {
      if (!isBlockError(error)) throw error
      logger.error('settings.not_opened', { volume }, error)
      return false
    }
    links.send(server, { kind: 'settings', volume, access, qos: record.qos, tag, keep: text })
    return true
  }

  #noteCapacity(server: string, { capacityBytes }: ServerBeat): void {
    const { store, clock, logger } = this.#o
    const known = store.view.server(server)
    const hello = this.#live.server(server)?.hello
    if (known === undefined || hello === undefined || known.capacityBytes === capacityBytes) return
    // a file system that grows by itself is not worth a record each time
    if (Math.abs(known.capacityBytes - capacityBytes) < known.capacityBytes / 100) return
    const at = { wallMs: Math.trunc(clock.wallMs()), capacityBytes }
    store
      .change((records) => recordHello(records, hello, at))
      .catch((error: unknown) =>
        this.#expect(error, () => logger.warn('server.not_recorded', { server }, error)),
      )
  }

  #wakeVolumesOf(server: string): void {
    for (const { uuid } of this.#o.store.view.volumesOn(server)) this.leads.wake(uuid)
  }

  #tellRegistry(server: string): void {
    const { store, links } = this.#o
    // a registry that is in doubt is not told of
    if (store.view.cluster.lock !== null) return
    this.#heard.seq = store.seq
    links.send(server, { kind: 'registry', id: store.registryId, seq: store.seq })
  }

  /** A full beat that a later one overtook says nothing of what is not there any more: it is asked for again. */
  #askIncomplete(): void {
    for (const { hello, isConnected, isComplete, beat } of this.#live.all()) {
      if (isConnected && !isComplete && beat !== null) this.#o.links.send(hello.id, { kind: 'tellAll' })
    }
  }

  #tellLost(server: string): void {
    const { view } = this.#o.store
    const record = view.server(server)
    if (record === undefined || record.state === 'left') return
    const message = `server ${record.name} is not connected any more`
    this.#event({ severity: 'warning', kind: 'server.lost', actor: 'master', server, message })
  }

  #event(event: NewEvent): void {
    const { store, logger } = this.#o
    store
      .change(() => ({ writes: [], events: [event], result: undefined }))
      .catch((error: unknown) =>
        this.#expect(error, () => logger.warn('event.not_recorded', { kind: event.kind }, error)),
      )
  }

  #expect(error: unknown, then: () => void): void {
    if (!isBlockError(error)) throw error
    then()
  }

  // ---- the lock

  #onNotes(volume: string, notes: readonly LeadNote[]): void {
    for (const note of notes) {
      if (note.kind !== 'epochAbove' && note.kind !== 'setAbove') continue
      if (this.#isLocking || this.#o.store.view.cluster.lock !== null) continue
      const name = this.#o.store.view.volume(volume)?.name ?? volume
      const says =
        note.kind === 'epochAbove'
          ? `obeys epoch ${note.epoch}`
          : `knows version ${note.version} of the in-sync set`
      const detail = `${note.server} ${says} of ${name}, which this registry never gave`
      this.#lock({ reason: 'epoch', detail }).catch((error: unknown) =>
        this.#expect(error, () => this.#o.logger.error('cluster.lock_not_recorded', { volume }, error)),
      )
    }
  }

  async #lock(finding: LockFinding): Promise<void> {
    const { store, clock, links, logger } = this.#o
    if (this.#isLocking) return
    this.#isLocking = true
    try {
      if (!(await recordLock(store, finding, Math.trunc(clock.wallMs())))) return
      logger.error('cluster.locked', { reason: finding.reason, detail: finding.detail })
      for (const { hello, isConnected } of this.#live.all()) {
        if (isConnected) links.send(hello.id, { kind: 'tellAll' })
      }
    } finally {
      this.#isLocking = false
    }
  }

  async recover(request: { readonly force: boolean; readonly actor: string }): Promise<RecoverReport> {
    const { store, random, clock, links } = this.#o
    const { force, actor } = request
    const live = this.#live.all()
    const seen = live.flatMap(({ hello }) => hello.registrySeen ?? [])
    const seqAbove = Math.max(0, ...seen.filter(({ id }) => id === store.registryId).map(({ seq }) => seq))
    const report = await store.change(
      (records) => {
        if (records.cluster.lock === null && !force) {
          throw new BlockError('CONFLICT', 'the cluster is not locked: there is nothing to recover', {
            facts: { reason: 'not_locked' },
          })
        }
        const wallMs = Math.trunc(clock.wallMs())
        const epochId = (): bigint => random.u64()
        const others = seen.filter(({ id }) => id !== store.registryId)
        return planRecovery({ records, live, isForced: force, actor, epochId, wallMs, replaced: others })
      },
      { seqAbove },
    )
    this.#heard.seq = store.seq
    for (const { hello, isConnected } of live) {
      if (!isConnected) continue
      this.#tellRegistry(hello.id)
      links.send(hello.id, { kind: 'tellAll' })
    }
    this.leads.wakeAll()
    return report
  }

  // ---- what the registry does not know

  strays(): readonly Stray[] {
    const { view } = this.#o.store
    const strays: Stray[] = []
    for (const { hello, isConnected, replicas } of this.#live.all()) {
      if (!isConnected) continue
      for (const { volume, name, sizeBytes } of replicas.values()) {
        const record = view.volume(volume)
        const isKnown = record?.replicas.some(({ server }) => server === hello.id) === true
        if (isKnown) continue
        const why = record === undefined ? 'unknown_volume' : 'not_a_replica'
        strays.push({ server: hello.id, volume, name, sizeBytes, why })
      }
    }
    return strays
  }

  /** A volume that is unknown for a while is told of, once. */
  #sweepStrays(nowMs: number): void {
    const { view } = this.#o.store
    const seen = new Set<string>()
    for (const { hello, isConnected, replicas } of this.#live.all()) {
      if (!isConnected) continue
      for (const { volume, name } of replicas.values()) {
        if (view.volume(volume) !== undefined || seen.has(volume)) continue
        seen.add(volume)
        const sinceMs = this.#strays.get(volume)
        if (sinceMs === undefined && this.#strays.size < STRAYS_TOLD_MAX) this.#strays.set(volume, nowMs)
        if (sinceMs === undefined || nowMs - sinceMs < STRAY_MS) continue
        this.#strays.set(volume, Number.POSITIVE_INFINITY)
        const who = view.server(hello.id)?.name ?? hello.id
        const message = `server ${who} holds volume ${name} (${volume}), which the registry does not know; it is left alone`
        const what = { kind: 'volume.unknown', volume, server: hello.id, message } as const
        this.#event({ severity: 'warning', actor: 'master', ...what })
      }
    }
    for (const volume of this.#strays.keys()) if (!seen.has(volume)) this.#strays.delete(volume)
  }
}
