/**
 * One replica on this server: its opening, the target that hosts see while it leads, its authority, and what happens
 * when an opening fails. A failed one acknowledges nothing more; it is opened again from disk, with growing pauses and
 * without end, and comes back as a member that has to be repaired.
 *
 *   opening ──▶ open ──failed──▶ waiting ──▶ opening …        any ──stop──▶ closed
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Note } from '../../v2engine/effects.ts'
import type { AuthorityMessage, ToAuthority } from '../../v2engine/messages.ts'
import type { IscsiVolume } from '../iscsi-portals.ts'
import { type LatencyRecorders, viewLatencies } from '../latencies.ts'
import { Pause } from '../pause.ts'
import { AuthorityClient } from './authority-client.ts'
import { logNote } from './notes.ts'
import type { ReplicaState, ReplicaView, RunningReplica } from './replica-view.ts'

const BACKOFF_MS = { MIN: 100, MAX: 30_000 } as const
/** An opening that lasted this long was a good one: the next failure is met without delay. */
const STABLE_MS = 60_000

/** What an opening of the replica calls. */
export interface ReplicaCalls {
  readonly toAuthority: (message: ToAuthority) => void
  readonly lead: (device: BlockDevice) => void
  readonly halt: (why: string) => Promise<void>
  readonly note: (note: Note) => void
  /** Nothing is carried out any more: close it and open it from disk. */
  readonly failed: (error: unknown) => void
}

export interface HostedReplicaOptions {
  readonly volume: string
  readonly name: string
  readonly server: string
  /** Opens the replica from disk. */
  readonly open: (calls: ReplicaCalls) => Promise<RunningReplica>
  readonly iscsi: IscsiVolume
  readonly latencies: LatencyRecorders
  /** URL of its authority, as it was last stored. */
  readonly authority: string
  readonly storeAuthority: (url: string) => Promise<void>
  readonly post: (url: string, text: string, signal: AbortSignal) => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export class HostedReplica {
  readonly volume: string
  readonly name: string
  readonly #o: HostedReplicaOptions
  readonly #client: AuthorityClient
  readonly #pause: Pause
  #state: ReplicaState = 'opening'
  #outage: string | undefined
  #replica: RunningReplica | undefined
  #authority: string
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
    this.#authority = options.authority
    this.#pause = new Pause(options.clock)
    this.#client = new AuthorityClient({
      ...options,
      url: () => this.#authority,
      beat: () => this.#replica?.heartbeat(),
      deliver: (message) => this.#replica?.fromAuthority(message),
    })
  }

  /** Opens it, and again whenever it fails; told to its authority as soon as it is open. */
  start(): void {
    this.#running ??= this.#run().catch(this.#o.onFatal)
    this.#client.start()
  }

  /**
   * A message of the authority, which is at `authority` now; that is durable before the message is heard. Throws the
   * error of an opening that failed, and BUSY while the next one waits.
   */
  async take(authority: string, message: AuthorityMessage): Promise<void> {
    if (authority !== this.#authority) {
      await this.#o.storeAuthority(authority)
      this.#authority = authority
      this.#o.logger.info('replica.authority_moved', { volume: this.name, authority })
    }
    await this.#opened.promise
    if (this.#replica === undefined) {
      throw new BlockError('BUSY', `replica ${this.name} is not open: ${this.#outage ?? this.#state}`)
    }
    this.#replica.fromAuthority(message)
    this.#client.hurry()
  }

  view(): ReplicaView {
    const { iscsi, latencies } = this.#o
    return {
      volume: this.volume,
      name: this.name,
      state: this.#state,
      isServed: this.#isServed,
      outage: this.#outage,
      reopens: this.#reopens,
      authority: this.#authority,
      status: this.#replica?.status(),
      iscsi: iscsi.describe(),
      latency: viewLatencies(latencies),
    }
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
    await this.#client.close()
    await this.#o.iscsi.remove()
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
    const { open, iscsi, logger } = this.#o
    const failed = Promise.withResolvers<string>()
    const replica = await open({
      toAuthority: (message) => this.#client.send(message),
      lead: (device) => {
        iscsi.attach(device)
        this.#isServed = true
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
      failed: (error) => {
        if (!isBlockError(error)) this.#o.onFatal(error)
        failed.resolve(error instanceof Error ? error.message : String(error))
      },
    })
    this.#replica = replica
    this.#state = 'open'
    this.#outage = undefined
    this.#fail = failed.resolve
    this.#opened.resolve()
    this.#client.hurry()
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
    this.#client.clear()
    return why
  }

  /** Hosts are cut off, whatever they were told before. */
  async #release(): Promise<void> {
    this.#isServed = false
    await this.#o.iscsi.detach()
  }
}
