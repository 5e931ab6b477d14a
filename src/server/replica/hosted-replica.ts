/**
 * One replica on this server: its opening, what hosts see of it while it leads, its authority, and what happens
 * when an opening fails. A failed one acknowledges nothing more; it is opened again from disk, with growing pauses and
 * without end, and comes back as a member that has to be repaired.
 *
 *   opening ──▶ open ──failed──▶ waiting ──▶ opening …        any ──stop──▶ closed
 */
import { isDeepStrictEqual } from 'node:util'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { SpaceReport } from '../../blockvol/api.ts'
import { RemoteReservations } from '../../frontend/reservations/remote.ts'
import type { ClearAccess, RemoveRequest, ToServer } from '../../master/links.ts'
import type { ReplicaScrub, ReplicaScrubResult } from '../../replication/scrub.ts'
import { compareSets, type SetRecord } from '../../v2engine/marks.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import { type LatencyRecorders, viewLatencies } from '../latencies.ts'
import { Pause } from '../pause.ts'
import type { StandbyMeans } from '../served/front-end.ts'
import type { OwnAccess, ServedVolume } from '../served/served-volume.ts'
import type { AuthorityLink, ReplicaReport, ReplicaSide } from './authority-link.ts'
import type { Lead } from './lead.ts'
import { logNote } from './notes.ts'
import { NO_ACCESS, ownAccess, storedAccess, wantsSecrets } from './own-access.ts'
import type { ReplicaCalls } from './replica-calls.ts'
import type { ReplicaRecord, StoredSettings } from './replica-record.ts'
import type { ReplicaRecorders } from './replica-recorders.ts'
import type { ReplicaState, ReplicaView, RunningReplica } from './replica-view.ts'

const BACKOFF_MS = { MIN: 100, MAX: 30_000 } as const
/** An opening that lasted this long was a good one: the next failure is met without delay. */
const STABLE_MS = 60_000

/** How the master wants a volume served here. */
export type ReplicaSettings = Pick<
  Extract<ToServer, { readonly kind: 'settings' }>,
  'access' | 'qos' | 'tag' | 'keep'
>

export interface HostedReplicaOptions {
  readonly volume: string
  readonly name: string
  /** Opens the replica from disk. */
  readonly open: (calls: ReplicaCalls) => Promise<RunningReplica>
  /** Makes the volume known to hosts. */
  readonly serve: (standby: StandbyMeans) => ServedVolume
  /** What is done with the volume beside, while it is led here. */
  readonly lead: Lead
  readonly latencies: LatencyRecorders
  readonly recorders: ReplicaRecorders
  /** As it was last stored. */
  readonly record: ReplicaRecord
  /** Durable when the promise resolves. */
  readonly saveRecord: (record: ReplicaRecord) => Promise<void>
  /** The size that its superblock has; the log may know a later one. */
  readonly sizeBytes: number
  /** The way to who decides. */
  readonly link: (side: ReplicaSide) => AuthorityLink
  readonly clock: Clock
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export class HostedReplica {
  readonly volume: string
  readonly name: string
  readonly lead: Lead
  readonly #o: HostedReplicaOptions
  readonly #served: ServedVolume
  readonly #link: AuthorityLink
  readonly #pause: Pause
  #state: ReplicaState = 'opening'
  #outage: string | undefined
  #replica: RunningReplica | undefined
  #record: ReplicaRecord
  #saving: Promise<void> = Promise.resolve()
  /** As it was known last. */
  #sizeBytes: number
  /** Number of the epoch that it obeys, as it was known last. */
  #sealed: number | undefined
  /** The newest in-sync set that it heard of, as it was known last. */
  #set: SetRecord | null = null
  #space: SpaceReport | undefined
  /** It asks for secrets, and they are not told yet in this process. */
  #isMute = false
  #reopens = 0
  #isServed = false
  #fail: (why: string) => void = () => undefined
  /** Of the opening under way, or the one that is over. */
  #opened = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: HostedReplicaOptions) {
    this.#o = options
    this.volume = options.volume
    this.name = options.name
    this.lead = options.lead
    this.#record = options.record
    this.#sizeBytes = options.sizeBytes
    this.#pause = new Pause(options.clock)
    this.#served = options.serve({
      reservations: new RemoteReservations({ forward: (bytes) => this.#forward(bytes) }),
      atomicWriteBytesMax: () => this.#replica?.atomicWriteBytesMax ?? 0,
    })
    this.#link = options.link({
      volume: options.volume,
      authority: () => this.#record.authority ?? undefined,
      heartbeat: () => this.#replica?.heartbeat(),
      report: () => this.#report(),
      deliver: (message) => this.deliver(message),
    })
    this.#serveAs(options.record.settings, undefined)
  }

  /** Opens it, and again whenever it fails; told to its authority as soon as it is open. */
  start(): void {
    this.#running ??= this.#run().catch(this.#o.onFatal)
    this.#link.start()
  }

  /**
   * A message of the authority, which is at `authority` now; that is durable before the message is heard. Throws the
   * error of an opening that failed, and BUSY while the next one waits.
   */
  async take(authority: string, message: AuthorityMessage): Promise<void> {
    if (authority !== this.#record.authority) {
      await this.#save({ authority })
      this.#o.logger.info('replica.authority_moved', { volume: this.name, authority })
    }
    await this.#opened.promise
    if (this.#replica === undefined) {
      throw this.#notOpenNow()
    }
    this.#replica.fromAuthority(message)
    this.#link.hurry()
  }

  /** A message of the master; dropped while it is not open. */
  deliver(message: AuthorityMessage): void {
    this.#replica?.fromAuthority(message)
  }

  /** Resolves when it is open; rejects with the error of an opening that failed. */
  opened(): Promise<void> {
    return this.#opened.promise
  }

  /**
   * How hosts are served, and what the master wants kept; when the promise resolves it is durable, and nothing is under way of
   * hosts that it shuts out: from then on beats say so. Secrets stay in memory.
   */
  async setSettings(settings: ReplicaSettings): Promise<void> {
    const { access, qos, tag, keep } = settings
    const stored = { tag, keep, ...storedAccess(access), qos }
    // what is withdrawn from a host is withdrawn before it is told that it is
    this.#serveAs(stored, access)
    await this.#save({ settings: stored }, () => this.#served.settled())
    this.#link.hurry()
  }

  /** As `Replica.expand`; BUSY while it is not open. */
  async expand(epoch: number, sizeBytes: number): Promise<void> {
    if (this.#replica === undefined) throw this.#notOpenNow()
    await this.#replica.expand(epoch, sizeBytes)
    this.#link.hurry()
  }

  /** As `Replica.scrub`; BUSY while it is not open. */
  async scrub(epoch: number, request: ReplicaScrub): Promise<ReplicaScrubResult> {
    if (this.#replica === undefined) throw this.#notOpenNow()
    return await this.#replica.scrub(epoch, request)
  }

  /**
   * CONFLICT while it leads, obeys an epoch above `epoch`, or knows a later set: a request may come long after it was made,
   * when the replica was given up, made again and let in. One that cannot be opened is taken by what it said when it was
   * open last.
   */
  async checkRemovable({ epoch, set }: Pick<RemoveRequest, 'epoch' | 'set'>): Promise<void> {
    await this.#opened.promise.catch(() => undefined)
    const leads = this.#replica?.heartbeat().leads
    if (leads != null) {
      throw new BlockError('CONFLICT', `volume ${this.name} is led here in epoch ${leads.number}`, {
        facts: { leads: leads.number },
      })
    }
    const sealed = this.#replica?.progress().sealed.number ?? this.#sealed
    if (sealed !== undefined && sealed > epoch) {
      throw new BlockError('CONFLICT', `replica ${this.name} obeys epoch ${sealed}, above ${epoch}`, {
        facts: { epoch, sealed },
      })
    }
    const known = this.#replica?.progress().set ?? this.#set
    if (known != null && compareSets(known, set) > 0) {
      throw new BlockError(
        'CONFLICT',
        `replica ${this.name} knows version ${known.version} of the in-sync set, later than ${set.version}`,
        { facts: { version: set.version, known: known.version } },
      )
    }
  }

  /** Counts the space that it takes, for the reports that follow. */
  async measure(): Promise<void> {
    this.#space = (await this.#replica?.space()) ?? this.#space
  }

  view(): ReplicaView {
    const served = this.#served
    const status = this.#replica?.status()
    return {
      volume: this.volume,
      name: this.name,
      state: this.#state,
      isServed: this.#isServedNow(status?.servedUntilMs),
      outage: this.#outage,
      reopens: this.#reopens,
      authority: this.#record.authority,
      status,
      led: this.lead.beat(),
      ...served.describe(),
      latency: viewLatencies(this.#o.latencies),
      times: this.#o.recorders.view(),
      space: this.#space,
      qos: served.qosCounters,
    }
  }

  /** To the server that leads. */
  async #forward(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#replica === undefined) throw this.#notOpenNow()
    return this.#replica.forward(bytes)
  }

  #notOpenNow(): BlockError {
    return new BlockError('BUSY', `replica ${this.name} is not open: ${this.#outage ?? this.#state}`)
  }

  #report(): ReplicaReport {
    const { settings } = this.#record
    const heartbeat = this.#replica?.heartbeat()
    const progress = this.#replica?.progress()
    const common = {
      volume: this.volume,
      name: this.name,
      state: this.#state,
      outage: this.#outage ?? null,
      usedBytes: this.#space?.totalBytes ?? 0,
      // without its secrets they are asked for again
      settingsTag: settings === null || this.#isMute ? 0 : settings.tag,
      kept: settings?.keep ?? null,
      led: this.lead.beat(),
    }
    if (heartbeat === undefined || progress === undefined) {
      return { ...common, sizeBytes: this.#sizeBytes, open: null }
    }
    const { sizeBytes, servedUntilMs, ...said } = progress
    this.#sizeBytes = sizeBytes
    this.#sealed = said.sealed.number
    this.#set = said.set
    const isServing = this.#isServedNow(servedUntilMs)
    const sessions = this.#isServed ? this.#served.sessions : 0
    return { ...common, sizeBytes, open: { ...heartbeat, ...said, isServing, sessions } }
  }

  /** Hosts are let in and answered: not behind the end of the lease, of which a server that is cut off is not told. */
  #isServedNow(servedUntilMs: number | null | undefined): boolean {
    return this.#isServed && servedUntilMs != null && this.#o.clock.bootMs() < servedUntilMs
  }

  /**
   * One after the other, each with what the ones before changed, and when `before` is over. CLOSED once it is being
   * stopped: its directory may be deleted then.
   */
  #save(change: Partial<ReplicaRecord>, before?: () => Promise<void>): Promise<void> {
    const saved = this.#saving.then(async () => {
      await before?.()
      if (this.#stopped !== undefined) throw new BlockError('CLOSED', `replica ${this.name} is being closed`)
      const record = { ...this.#record, ...change }
      if (isDeepStrictEqual(record, this.#record)) return
      await this.#o.saveRecord(record)
      this.#record = record
    })
    this.#saving = saved.catch(() => undefined)
    return saved
  }

  /** `access` has the secrets. */
  #serveAs(stored: StoredSettings | null, access: ClearAccess | undefined): void {
    if (stored === null) {
      // a small authority leaves it to the server's own configuration; a master that has not said it yet will
      if (this.#record.authority === null) this.#setOwnAccess(NO_ACCESS)
      return
    }
    this.#isMute = wantsSecrets(stored) && access === undefined
    this.#setOwnAccess(ownAccess(stored, access))
    this.#served.setQos(stored.qos)
    this.lead.setQos(stored.qos)
  }

  #setOwnAccess(own: OwnAccess): void {
    this.#served.setOwnAccess(own)
    this.lead.setOwnAccess(own)
  }

  /** Ends it for good: hosts are cut off, everything appended becomes durable, its directory is closed. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#pause.end()
    this.#fail('the server is stopping')
    await this.#running
    await this.#link.close()
    await this.#served.remove()
    await this.#saving
    this.#state = 'closed'
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#o
    let backoffMs: number = BACKOFF_MS.MIN
    for (;;) {
      const beganMs = clock.monotonicMs()
      try {
        const why = await this.#openOnce()
        if (this.#stopped === undefined) {
          logger.error('replica.failed', { volume: this.name, reason: why, backoffMs })
          this.#outage = `it failed and is being reopened from disk: ${why}`
        }
      } catch (error) {
        if (!isBlockError(error)) throw error
        logger.error('replica.open_failed', { volume: this.name, code: error.code }, error)
        this.#notOpen(error)
      }
      if (clock.monotonicMs() - beganMs >= STABLE_MS) backoffMs = BACKOFF_MS.MIN
      this.#state = 'waiting'
      if (!(await this.#pause.wait(backoffMs))) return
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MS.MAX)
      this.#state = 'opening'
      this.#opened = Promise.withResolvers()
      this.#opened.promise.catch(() => undefined)
    }
  }

  #notOpen(error: BlockError): void {
    this.#outage = error.message
    this.#opened.promise.catch(() => undefined)
    this.#opened.reject(error)
  }

  /** One opening, until it fails or the server stops; the reason. Everything of it is over when the promise resolves. */
  async #openOnce(): Promise<string> {
    const { open, logger } = this.#o
    const failed = Promise.withResolvers<string>()
    const fail = (error: unknown): void => {
      if (!isBlockError(error)) this.#o.onFatal(error)
      failed.resolve(error instanceof Error ? error.message : String(error))
    }
    const replica = await open({
      origin: this.lead.origin,
      toAuthority: (message) => this.#link.send(message),
      lead: (device) => {
        this.#isServed = true
        device.onForward((bytes) => this.#served.answerForwarded(bytes))
        this.#served.attach(device).catch(fail)
        this.lead.begin(device, () => this.#served.sessions)
        logger.info('replica.served', { volume: this.name })
      },
      halt: async (why) => {
        if (this.#isServed) logger.info('replica.halted', { volume: this.name, reason: why })
        await this.#release()
      },
      note: (note) => {
        logNote(logger, this.name, note)
        if (note.kind === 'poisoned') failed.resolve('its log or its disk failed')
      },
      failed: fail,
    })
    this.#replica = replica
    this.#state = 'open'
    this.#outage = undefined
    this.#fail = failed.resolve
    this.#opened.resolve()
    this.#link.hurry()
    if (this.#stopped !== undefined) failed.resolve('the server is stopping')
    const why = await failed.promise
    const isFailure = this.#stopped === undefined
    if (isFailure) {
      this.#reopens++
      replica.kill()
      await this.#release()
    }
    try {
      await replica.close()
    } catch (error) {
      if (!isBlockError(error)) throw error
      logger.warn('replica.close_failed', { volume: this.name, code: error.code }, error)
    }
    await this.#release()
    this.#replica = undefined
    this.#link.clear()
    return why
  }

  /** Hosts are cut off, whatever they were told before. */
  async #release(): Promise<void> {
    this.#isServed = false
    await Promise.all([this.#served.detach(), this.lead.end('the volume is not led here any more')])
  }
}
