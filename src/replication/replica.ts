/**
 * One replica of a volume on this server: v2engine's effects carried out over storage, connections and the clock. The
 * engine decides everything; here is only the order in which things are done, and who is told.
 *
 *     authority ─▶┐                       ┌▶ storage-driver.ts ─▶ storage (blockvol)
 *     peers ─────▶├─ engine-loop.ts ─step─┼▶ sessions.ts ─▶ shipper.ts, resync/
 *     storage ───▶│                       ├▶ peer-links.ts ─▶ link.ts
 *     clock ─────▶┘                       └▶ device.ts ─▶ hosts
 */
import { assert } from '../base/assert.ts'
import { BlockError } from '../base/errors.ts'
import { type Epoch, lsn } from '../base/units.ts'
import type { SpaceReport } from '../blockvol/api.ts'
import type { ReplicaEvents } from '../blockvol/replica/replica-facts.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { FORMAT_LEVEL } from '../blockvol/state-keeper.ts'
import { DEFAULT_TUNING } from '../blockvol/tuning.ts'
import type { Effects, Envelope, LinkCommand, Reply } from '../v2engine/effects.ts'
import { type Opening, serverId } from '../v2engine/identity.ts'
import type { Marks } from '../v2engine/marks.ts'
import type { AuthorityMessage, PeerMessage } from '../v2engine/messages.ts'
import type { ReplicaState } from '../v2engine/state.ts'
import { inSyncOf, isReceiving, relativesOf } from '../v2engine/view.ts'
import { Alarm } from './alarm.ts'
import { EngineLoop } from './engine-loop.ts'
import { FaultLog } from './fault-log.ts'
import { Fetching } from './fetching.ts'
import { Forwarding, type ForwardingOptions } from './forwarding.ts'
import type { VolumeIdentity } from './handshake.ts'
import { Leading } from './leading.ts'
import type { ReplicationLink } from './link.ts'
import { openStorage, type ReplicaOptions, reopen } from './opening.ts'
import { type Attached, type LinkReceiver, type PeerLink, PeerLinks } from './peer-links.ts'
import { Questions } from './questions.ts'
import { BaseReceiving } from './receiving.ts'
import { ResyncPacer } from './resync/pacer.ts'
import { ResyncSender } from './resync/sender.ts'
import { type ReplicaScrub, type ReplicaScrubResult, scrubReplica } from './scrub.ts'
import { ScrubAnswers } from './scrub-answers.ts'
import { type BaseOptions, PrimarySessions } from './sessions.ts'
import { SideFrames } from './side-frames.ts'
import { progressOf, type ReplicaProgress, type ReplicaStatus, type Shown, statusOf } from './status.ts'
import { type Entries, StorageDriver } from './storage-driver.ts'
import type { Hello } from './wire/hello.ts'

/** Bytes that a shipper sends ahead of what its replica acknowledged. */
const WINDOW_BYTES = 8 * 1024 * 1024
/** For a connection to be made, and for its handshake. */
const CONNECT_MS = 2000

export class Replica {
  readonly #o: ReplicaOptions
  readonly #storage: ReplicaVolume
  readonly #state: ReplicaState
  readonly #loop: EngineLoop<Entries>
  readonly #driver: StorageDriver
  readonly #links: PeerLinks
  readonly #sessions: PrimarySessions
  readonly #forwarding: Forwarding
  readonly #fetching: Fetching
  readonly #questions: Questions
  readonly #scrubAnswers: ScrubAnswers
  readonly #frames: SideFrames
  readonly #alarm: Alarm
  readonly #faults: FaultLog
  readonly #base: BaseReceiving
  readonly #pacer: ResyncPacer
  readonly #leading: Leading
  #failure: string | undefined
  #closed: Promise<void> | undefined

  /**
   * Opens the volume's directory, and follows nobody until the authority or a primary says more. Errors as the opening
   * of a volume; CORRUPT when its marks cannot be read.
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    // storage may speak before there is a replica to hear it
    let events: ReplicaEvents | undefined
    let poisoned: string | undefined
    let replica: Replica | undefined
    const early: ReplicaEvents = {
      progress: () => events?.progress(),
      flushAsked: (lsn) => events?.flushAsked(lsn),
      poisoned: (reason) => {
        poisoned = reason
        events?.poisoned(reason)
      },
      pinsLost: (keys) => events?.pinsLost(keys),
      formatLevelMax: () => events?.formatLevelMax?.() ?? FORMAT_LEVEL,
    }
    const storage = await openStorage(options, early, async (wanted) =>
      replica === undefined ? undefined : replica.#fetching.fetch(wanted),
    )
    try {
      const { stored, state, effects } = reopen(options, storage)
      replica = new Replica(options, storage, state, stored)
      events = replica.#storageEvents()
      if (poisoned !== undefined) events.poisoned(poisoned)
      await replica.#loop.begin(effects)
      return replica
    } catch (error) {
      replica?.kill()
      await storage.close()
      throw error
    }
  }

  private constructor(
    options: ReplicaOptions,
    storage: ReplicaVolume,
    state: ReplicaState,
    stored: Marks | null,
  ) {
    const { ports, net, server, clusterId, clusterKey, bounds } = options
    this.#o = options
    this.#storage = storage
    this.#state = state
    this.#loop = new EngineLoop<Entries>(state, ports.clock, {
      halt: (why) => this.#halt(why),
      persist: (item) => this.#driver.persist(item),
      after: (effects, entries) => this.#after(effects, entries),
      failed: (error) => this.#failed(error),
    })
    this.#alarm = new Alarm(ports.clock, () => this.#loop.submit({ kind: 'tick' }))
    this.#faults = new FaultLog(ports.logger, storage.name)
    this.#base = new BaseReceiving(storage, ports.logger)
    this.#pacer = new ResyncPacer(ports.clock.monotonicMs())
    this.#leading = new Leading({
      clock: ports.clock,
      storage,
      lead: options.lead,
      onQuiet: (lsn, isStill) => {
        this.#driver.report()
        this.#loop.submit(() => (isStill() ? { kind: 'quiet', lsn } : undefined))
      },
      onLatency: (ms, nowMs) => this.#pacer.latency(ms, nowMs),
      leaseLeft: options.meters?.leaseLeft,
    })
    this.#driver = new StorageDriver({
      storage,
      stored,
      submit: (source) => this.#loop.submit(source),
      baseSettled: (session) => this.#base.settled(session),
      endBase: () => this.#base.end(),
      giveUpRepairs: () => this.#fetching.giveUp(),
      onFailed: (error) => this.#failed(error),
      onMissed: (what, error) =>
        ports.logger.warn('replication.command-failed', { volume: storage.name, what }, error),
    })
    this.#links = new PeerLinks({
      net,
      clock: ports.clock,
      random: ports.random,
      pool: ports.pool,
      server,
      clusterId,
      clusterKey,
      identity: () => this.identity,
      connectMs: CONNECT_MS,
      handshakeMs: CONNECT_MS,
      silenceMs: bounds.goneMs,
      handlers: {
        up: (peer) => this.#linkUp(peer),
        down: (peer, connection) => {
          if (connection !== null) {
            this.#forwarding.lost(connection)
            this.#fetching.lost(connection)
            this.#questions.lost(connection)
            this.#scrubAnswers.lost(connection)
          }
          this.#loop.submit({ kind: 'linkDown', server: peer, connection })
        },
        message: (peer, message, attached) => this.#message(peer, message, attached),
        frame: (peer, kind, payload, release) => this.#frames.take(peer, kind, payload, release),
        drained: ({ connection }) => this.#sessions.drained(connection),
        fault: (peer, why) => this.#faults.ended(peer, why),
      },
    })
    this.#sessions = new PrimarySessions({
      storage,
      // other volumes of this server number their sessions alike
      slots: {
        take: (key) => options.slots.take(`${options.directory} ${key}`),
        release: (key) => options.slots.release(`${options.directory} ${key}`),
      },
      windowBytes: options.windowBytes ?? WINDOW_BYTES,
      appendedLsn: () => state.local.appended,
      commitLsn: () => state.commit,
      linkTo: (peer) => this.#links.outgoing(peer),
      openBase: (base) => this.#openBase(base),
      submit: (happening) => this.#loop.submit(happening),
      acknowledged: (peer) => options.meters?.acknowledged(peer),
      nowMs: () => ports.clock.monotonicMs(),
    })
    this.#forwarding = new Forwarding({
      clock: ports.clock,
      logger: ports.logger,
      volume: storage.name,
      leader: () => this.#leader(),
      led: () => this.#leading.device,
    })
    this.#fetching = new Fetching({
      clock: ports.clock,
      storage,
      peers: () => ({
        epoch: state.marks.sealed,
        links: this.#links.all(relativesOf(state)),
      }),
    })
    this.#questions = new Questions(ports.clock, () => state.marks.sealed)
    this.#scrubAnswers = new ScrubAnswers({
      clock: ports.clock,
      storage,
      fetching: this.#fetching,
      following: (connection) =>
        state.role.kind === 'following' && relativesOf(state).includes(connection)
          ? state.marks.sealed
          : undefined,
    })
    this.#frames = new SideFrames({
      storage,
      questions: this.#questions,
      scrubAnswers: this.#scrubAnswers,
      forwarding: this.#forwarding,
      fetching: this.#fetching,
      isReceiving: (session) => isReceiving(state, session),
      wantSync: (lsn) => this.#driver.wantSync(lsn),
      base: this.#base,
      sessions: this.#sessions,
    })
  }

  /** What handshakes say of this replica: the epoch is the one that it obeys. */
  get identity(): VolumeIdentity {
    const { uuid, formatLevel } = this.#storage
    return { volumeUuid: uuid, epoch: this.#state.marks.sealed, formatLevel, levelMax: FORMAT_LEVEL }
  }

  /** Of its device, the same wherever the volume is served. */
  get atomicWriteBytesMax(): number {
    return this.#storage.device.atomicWriteBytesMax
  }

  /** What a heartbeat says of this replica at this moment. */
  heartbeat(): { readonly opening: Opening; readonly askedAtMs: number; readonly leads: Epoch | null } {
    const { marks, role } = this.#state
    const leads = role.kind === 'primary' ? role.epoch : null
    return { opening: marks.opening, askedAtMs: this.#loop.nowMs(), leads }
  }

  progress(): ReplicaProgress {
    return progressOf(this.#shown())
  }

  /** Space that the replica takes on the disk. */
  space(): Promise<SpaceReport> {
    return this.#storage.space()
  }

  /**
   * Grows the volume while this server leads it in the epoch of that number; resolves when the new size is committed, and
   * hosts hear of it. CONFLICT when it does not lead in that epoch; INVALID_ARGUMENT when the size is below the present
   * one or not allowed; BUSY and CLOSED as a write.
   */
  async expand(epoch: number, sizeBytes: number): Promise<void> {
    await this.#leading.in(epoch).resize(sizeBytes)
  }

  /**
   * Verifies what this server and all replicas in sync have of the volume, and compares them, while it leads in the epoch of
   * that number. CONFLICT when it does not; CLOSED when it is cancelled, the lead is lost, or the volume is closed.
   */
  scrub(epoch: number, request: ReplicaScrub): Promise<ReplicaScrubResult> {
    const led = this.#leading.in(epoch)
    const means = {
      clock: this.#o.ports.clock,
      storage: this.#storage,
      server: this.#o.server,
      questions: this.#questions,
      fetching: this.#fetching,
      peers: () => this.#links.all(inSyncOf(this.#state)),
      commitLsn: () => this.#state.commit,
      diverged: ({ server }: PeerLink, at: number) =>
        this.#loop.submit({ kind: 'diverged', server, lsn: lsn(at) }),
      bytesPerSecond: this.#o.tuning?.scrubBytesPerSecond ?? DEFAULT_TUNING.scrubBytesPerSecond,
      leads: () => this.#leading.device === led,
    }
    return scrubReplica(means, request)
  }

  /**
   * Asks the server that leads the volume; there the answerer of its device answers (`LedDevice.onForward`). At most 64 KiB
   * both ways. BUSY when nobody answers within 5 s, or nobody is known to lead: then nobody knows whether it was taken.
   */
  forward(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#forwarding.ask(bytes)
  }

  #leader(): ReturnType<ForwardingOptions['leader']> {
    const { role, marks } = this.#state
    const connection = role.kind === 'following' ? role.leader?.connection : undefined
    const peer = connection === undefined ? undefined : this.#links.get(connection)
    return peer === undefined ? undefined : { peer, epoch: marks.sealed }
  }

  fromAuthority(message: AuthorityMessage): void {
    this.#loop.submit({ kind: 'authority', message })
  }

  /** A connection that a peer made for this volume, once both are known to each other. */
  accept(link: ReplicationLink, peer: Hello): LinkReceiver {
    return this.#links.accept(link, serverId(peer.server))
  }

  /**
   * Stops: hosts and peers are let go, and the volume is closed, cleanly when nothing failed before. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await new Promise<void>((resolve) => this.#loop.submit({ kind: 'close' }, { done: resolve }))
    this.#end('closed')
    await this.#base.end()
    await this.#storage.close()
    this.#leading.stop()
  }

  /** Nothing is carried out any more, at once and for good; the files stay as they are until `close`. */
  kill(): void {
    this.#end('killed')
  }

  #end(why: string): void {
    this.#loop.end()
    this.#alarm.set(null)
    this.#leading.lose(why)
    this.#sessions.endAll()
    this.#forwarding.end()
    this.#fetching.end()
    this.#questions.end()
    this.#scrubAnswers.end()
    void this.#base.end()
    this.#links.closeAll()
  }

  // ---- events

  #linkUp({ server, connection }: PeerLink): void {
    this.#faults.connected(server)
    this.#loop.submit({ kind: 'linkUp', server, connection })
  }

  #message(peer: PeerLink, message: PeerMessage, attached: Attached | undefined): void {
    const { server, connection, link } = peer
    if (message.kind === 'ack' && !this.#sessions.acknowledged(message)) {
      link.refuse('protocol', 'entries are acknowledged that were not sent')
      return
    }
    if (message.kind === 'pulse') this.#forwarding.pulse(connection, message.askedAtMs)
    const event = { kind: 'peer', server, connection, message } as const
    if (attached === undefined) {
      this.#loop.submit(event)
      return
    }
    const entries: Entries = { ...attached, isTaken: false }
    const done = (): void => {
      if (!entries.isTaken) entries.release()
    }
    this.#loop.submit(event, { beside: entries, done })
  }

  #storageEvents(): ReplicaEvents {
    return {
      progress: () => this.#driver.report(),
      flushAsked: (lsn) => {
        // it is appended, and the engine has to know that first
        this.#driver.report()
        this.#loop.submit({ kind: 'flushAsked', lsn })
        this.#sessions.sync(lsn)
      },
      poisoned: (reason) => {
        this.#leading.fail(reason)
        const done = (): void => this.#failed(new BlockError('POISONED', reason))
        this.#loop.submit({ kind: 'poisoned' }, { done })
      },
      pinsLost: (keys) => this.#sessions.pinsLost(keys),
      formatLevelMax: () =>
        this.#links
          .all(relativesOf(this.#state))
          .reduce((least, { link }) => Math.min(least, link.levelMax), FORMAT_LEVEL),
    }
  }

  #failed(error: unknown): void {
    if (this.#failure !== undefined || this.#closed !== undefined) return
    this.#failure = error instanceof Error ? error.message : String(error)
    this.#o.ports.logger.error('replication.replica-failed', { volume: this.#storage.name }, error)
    this.#end(this.#failure)
    this.#o.failed?.(error)
  }

  // ---- effects

  #halt(why: string): void | Promise<void> {
    this.#leading.lose(why)
    return this.#o.halt(why)
  }

  #after({ after, wakeAtMs }: Effects, entries: Entries | undefined): void {
    if (after.serve !== null) {
      assert(this.#state.role.kind === 'primary', 'only a primary serves')
      // what was asked of the primary before is answered by nobody, and who waits for it holds up what leads here
      if (this.#leading.device === undefined) this.#forwarding.end()
      // what older epochs wrote is committed with the start of this one
      this.#storage.acknowledge(this.#state.role.acknowledged)
      this.#leading.serve(after.serve)
    }
    for (const command of after.storage) this.#driver.run(command, entries)
    for (const command of after.sessions) this.#sessions.run(command)
    for (const envelope of after.send) this.#send(envelope)
    for (const command of after.links) this.#runLink(command)
    for (const reply of after.reply) this.#reply(reply)
    for (const note of after.notes) this.#o.note(note)
    this.#alarm.set(wakeAtMs)
    this.#driver.reportCut()
    this.#sessions.pump()
  }

  #openBase({ base, target, unknown, ...options }: BaseOptions): ResyncSender | undefined {
    const { clock, pool } = this.#o.ports
    const opened = this.#storage.resyncSource({ base, target, unknown })
    return opened && new ResyncSender({ ...options, ...opened, clock, pool, pacer: this.#pacer })
  }

  #send(envelope: Envelope): void {
    if (envelope.to === 'authority') {
      this.#o.toAuthority(envelope.message)
      return
    }
    const { connection, message } = envelope
    const peer = this.#links.get(connection)
    if (message.kind === 'taken' && this.#state.marks.resync !== null && peer !== undefined) {
      this.#base.begin(message.session, peer)
    }
    this.#links.send(connection, message)
  }

  #runLink(command: LinkCommand): void {
    if (command.kind === 'connect') this.#links.connect(command.server, command.endpoint)
    else this.#links.disconnect(command.server, command.connection)
  }

  #reply({ kind, to }: Reply): void {
    if (kind === 'acknowledge') this.#storage.acknowledge(to)
    if (kind === 'flushed') this.#storage.flushed(to)
    if (kind === 'busy') {
      const text = 'too few replicas have it yet; it may be tried again'
      this.#storage.refuse(to, new BlockError('BUSY', `volume ${this.#storage.name}: ${text}`))
    }
  }

  status(): ReplicaStatus {
    return statusOf(this.#shown(), this.#loop.nowMs(), this.#failure)
  }

  #shown(): Shown {
    const servedUntilMs = this.#leading.device?.untilMs ?? null
    return { state: this.#state, storage: this.#storage, sessions: this.#sessions, servedUntilMs }
  }
}
