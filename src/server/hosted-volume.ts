/**
 * One volume on this server: its current opening, the front ends that serve it, and what happens when an opening
 * fails. The failed one acknowledges nothing more; its connections are reset, and the volume is opened again from
 * disk, which takes a new epoch, with growing pauses and without end.
 *
 *   open ──► serving ──lost──► reopening ──opened──► serving
 *             │   ▲  └─────────stop──────┴──────────────► closed
 *            fill │
 *             ▼   │filled
 *            filling: a restore or an import; of a volume that is found half filled it waits for another one
 */
import type { RestoreTarget } from '../backup/repository.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { ScrubStatus, SpaceReport, VolumeCounters, VolumeStatus } from '../blockvol/api.ts'
import type { Volume } from '../blockvol/volume.ts'
import { FillTarget } from './fill-target.ts'
import type { FillingMark } from './filling-mark.ts'
import { type LatencyRecorders, viewLatencies } from './latencies.ts'
import { Pause } from './pause.ts'
import type { VolumeService } from './served/front-end.ts'
import { addCounters } from './volume-counters.ts'
import type { VolumeState, VolumeView } from './volume-host.ts'

const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 30_000
/** An opening that served this long was a good one: the next failure is met without delay. */
const STABLE_MS = 60_000
/** A report of space asks the file system for every file. */
const SPACE_AGE_MS_MAX = 2_000

export interface HostedVolumeOptions {
  /** Opens the volume from disk, taking a new epoch. */
  readonly open: () => Promise<Volume>
  readonly service: VolumeService
  /** Undefined: it is never filled as a whole. */
  readonly filling?: FillingMark
  /** What else lives with the volume while it is served. */
  readonly companion?: VolumeCompanion
  readonly latencies: LatencyRecorders
  readonly clock: Clock
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export interface VolumeCompanion {
  /** Hosts are served from now on, by this opening. */
  up(volume: Volume): Promise<void>
  /** And no longer; what it has of the opening is over when the promise resolves. */
  down(reason: string): Promise<void>
}

/** What is to become the volume's content. */
export interface Fill<T> {
  /** For people, and for the next start. */
  readonly what: string
  /** Also while hosts are logged in. */
  readonly force: boolean
  work(target: RestoreTarget): Promise<T>
}

export class HostedVolume {
  readonly name: string
  readonly #options: HostedVolumeOptions
  readonly #pause: Pause
  #volume: Volume
  #unsubscribe: () => void = () => undefined
  #state: VolumeState = 'reopening'
  #isFillUnderWay = false
  #outage: string | undefined
  #reopens = 0
  #servingSinceMs = 0
  #backoffMs = BACKOFF_MS_MIN
  /** Of the openings before the current one. */
  #earlierCounters: VolumeCounters | undefined
  #reopening: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #space: { readonly report: Promise<SpaceReport>; readonly atMs: number } | undefined

  private constructor(options: HostedVolumeOptions, volume: Volume) {
    this.#options = options
    this.#volume = volume
    this.name = volume.name
    this.#pause = new Pause(options.clock)
  }

  /** Opens the volume for the first time and serves it; errors as `Volume.open`. */
  static async open(options: HostedVolumeOptions): Promise<HostedVolume> {
    const volume = await options.open()
    const hosted = new HostedVolume(options, volume)
    try {
      await hosted.#serve(volume)
    } catch (error) {
      await volume.close()
      throw error
    }
    return hosted
  }

  view(): VolumeView {
    const { service, latencies } = this.#options
    return {
      name: this.name,
      state: this.#state,
      status: this.#status(),
      outage: this.#outage,
      reopens: this.#reopens,
      ...service.describe(),
      latency: viewLatencies(latencies),
    }
  }

  /** CLOSED while the volume is not open. */
  space(): Promise<SpaceReport> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#space === undefined || nowMs - this.#space.atMs > SPACE_AGE_MS_MAX) {
      this.#space = { report: this.#serving().space(), atMs: nowMs }
    }
    return this.#space.report
  }

  async checkpoint(): Promise<number> {
    const volume = this.#serving()
    await volume.checkpoint()
    return volume.status().checkpointLsn
  }

  startScrub(): ScrubStatus {
    const volume = this.#serving()
    volume.scrub().catch((error: unknown) => this.#expected('volume.scrub_ended', error))
    return volume.status().scrub
  }

  /**
   * Puts something else in the place of all content. From the first access to the volume on no host is served, and none until a
   * fill has succeeded, over crashes too. CONFLICT, `unsafe` while hosts are logged in, and while another one is under way; CLOSED; errors of `work`.
   */
  async fill<T>({ what, force, work }: Fill<T>): Promise<T> {
    const { filling, service, companion } = this.#options
    const volume = this.#state === 'filling' ? this.#volume : this.#serving()
    if (filling === undefined || volume.status().readOnly) {
      throw new BlockError('READ_ONLY', `volume ${this.name} is not written to`)
    }
    if (this.#isFillUnderWay) throw new BlockError('CONFLICT', `volume ${this.name} is being filled already`)
    const { iscsi, nvme } = service.describe()
    const sessions = iscsi.sessions.length + nvme.sessions.length
    if (sessions > 0 && !force) throw attached(this.name, sessions)
    this.#isFillUnderWay = true
    try {
      const begin = async (): Promise<void> => {
        await filling.set(what)
        this.#state = 'filling'
        this.#outage = `it is being filled: ${what}`
        await companion?.down('the volume is being filled')
        await service.detach()
      }
      const target = new FillTarget(volume, begin)
      const done = await work(target)
      await target.flush()
      if (!this.#isFilling(volume)) throw new BlockError('CLOSED', `volume ${this.name} was closed meanwhile`)
      await filling.clear()
      await this.#attach(volume)
      return done
    } catch (error) {
      if (this.#isFilling(volume)) this.#outage = halfFilled(what)
      throw error
    } finally {
      this.#isFillUnderWay = false
    }
  }

  /**
   * Ends the service for good: hosts are cut off, everything acknowledged becomes durable, the volume is
   * closed. Idempotent. Hosts are drained before, if they are to be asked first.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#pause.end()
    await this.#reopening
    this.#state = 'closed'
    this.#outage = 'the server is stopping'
    this.#unsubscribe()
    await this.#options.companion?.down('the server is stopping')
    await this.#options.service.detach()
    await this.#volume.close()
  }

  #isFilling(volume: Volume): boolean {
    return this.#state === 'filling' && this.#volume === volume
  }

  async #attach(volume: Volume): Promise<void> {
    const { service, companion } = this.#options
    await service.attach(volume)
    this.#state = 'serving'
    this.#outage = undefined
    await companion?.up(volume)
  }

  async #serve(volume: Volume): Promise<void> {
    const { service, clock, filling, companion } = this.#options
    let lostReason: string | undefined
    const unsubscribe = volume.subscribe((event) => {
      if (event.kind !== 'lost') return
      lostReason = event.reason
      if (this.#state === 'serving' || this.#state === 'filling') this.#lost(event.reason)
    })
    const what = await filling?.read()
    if (what === undefined) await service.attach(volume)
    if (volume !== this.#volume) this.#earlierCounters = this.#status().counters
    this.#unsubscribe = unsubscribe
    this.#volume = volume
    this.#space = undefined
    this.#state = what === undefined ? 'serving' : 'filling'
    this.#outage = what === undefined ? undefined : halfFilled(what)
    this.#servingSinceMs = clock.monotonicMs()
    if (what === undefined) await companion?.up(volume)
    if (lostReason !== undefined) this.#lost(lostReason)
  }

  /** Called inside the volume, at the moment of its failure: only notes and starts what has to be done. */
  #lost(reason: string): void {
    const { clock, logger, onFatal } = this.#options
    this.#unsubscribe()
    if (this.#stopped !== undefined) return
    this.#state = 'reopening'
    this.#outage = `it failed and is being reopened from disk: ${reason}`
    if (clock.monotonicMs() - this.#servingSinceMs >= STABLE_MS) this.#backoffMs = BACKOFF_MS_MIN
    logger.error('volume.lost', { volume: this.name, reason, backoffMs: this.#backoffMs })
    this.#reopening = this.#reopen().catch(onFatal)
  }

  async #reopen(): Promise<void> {
    const { open, service, companion, logger } = this.#options
    const failed = this.#volume
    await companion?.down('the volume failed')
    await service.detach()
    await failed.close().catch((error: unknown) => this.#expected('volume.close_failed', error))
    for (;;) {
      const goOn = await this.#pause.wait(this.#backoffMs)
      if (!goOn) return
      this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS_MAX)
      try {
        const volume = await open()
        try {
          await this.#serve(volume)
        } catch (error) {
          await volume.close()
          throw error
        }
        this.#reopens++
        logger.info('volume.reopened', { volume: this.name, reopens: this.#reopens })
        return
      } catch (error) {
        this.#expected('volume.reopen_failed', error)
        this.#outage = `it failed and cannot be reopened: ${(error as Error).message}`
      }
    }
  }

  #serving(): Volume {
    if (this.#state === 'serving') return this.#volume
    throw new BlockError('CLOSED', `volume ${this.name} is not open: ${this.#outage ?? this.#state}`)
  }

  #status(): VolumeStatus {
    const status = this.#volume.status()
    const earlier = this.#earlierCounters
    return earlier === undefined ? status : { ...status, counters: addCounters(earlier, status.counters) }
  }

  /** Logs an operating error; anything else is a bug and goes on up. */
  #expected(event: string, error: unknown): void {
    if (!isBlockError(error)) throw error
    this.#options.logger.warn(event, { volume: this.name, code: error.code }, error)
  }
}

const attached = (name: string, sessions: number): BlockError =>
  new BlockError(
    'CONFLICT',
    `${sessions} hosts are logged in to ${name}; what they have mounted would be destroyed: log them out, or force it`,
    { facts: { sessions, unsafe: true } },
  )

const halfFilled = (what: string): string =>
  `it is half filled (${what}), and is served when a restore or an import into it has succeeded`
