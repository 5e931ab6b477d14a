/**
 * The stream to the master: hello, beats every 500 ms and at once when there is something to say, and what the master
 * says in return, one after the other. When the stream ends it is opened again, at the next address, with growing pauses
 * that differ from server to server; volumes go on meanwhile, as far as their leases allow. A master that does not lead says
 * who does: that one is asked at once if it is configured, and else the next one; each of them once before the next pause.
 *
 *   connecting ──welcome──▶ connected ──ended──▶ waiting ──pause──▶ connecting …     any ──leave, close──▶ away
 */
import { type ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { TlsIdentity } from '../../base/tls.ts'
import type { Secret } from '../../frontend/secret.ts'
import type { MasterMessage__Output as MasterMessage } from '../../gen/basalt/master/v1/MasterMessage.ts'
import type { ServerMessage } from '../../gen/basalt/master/v1/ServerMessage.ts'
import type { ServerHello, ToServer } from '../../master/links.ts'
import { bearer, channelCredentials, channelOptions } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { beatIn, helloIn, masterMessageOf } from '../../rpc/link-codec.ts'
import { blockErrorOf, isServiceError } from '../../rpc/status.ts'
import { Pause } from '../pause.ts'
import type { Beats } from './beats.ts'

export interface MasterClientOptions {
  /** `HOST:PORT` of each master; at least one. */
  readonly masters: readonly string[]
  /** Asked for each stream. */
  readonly tls: () => TlsIdentity | undefined
  readonly joinToken: Secret | undefined
  /** What the master presents in its calls to this server. */
  readonly callToken: string
  readonly hello: () => ServerHello
  readonly beats: Beats
  readonly isDraining: () => boolean
  /** The next message is heard when the promise has resolved. */
  readonly obey: (message: ToServer) => Promise<void>
  /** Nothing of a stream is heard any more. */
  readonly lost: () => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

export interface MasterConnection {
  readonly state: 'connecting' | 'connected' | 'waiting' | 'away'
  /** `HOST:PORT` of the master that is or was asked last. */
  readonly address: string
  /** Why the last stream ended; null while one is connected, and before the first ended. */
  readonly reason: string | null
  readonly beats: number
  /** Streams that were connected. */
  readonly connects: number
}

const BEAT_MS = 500
/** News that come in one moment share a beat. */
const NEWS_MS = 2
const WELCOME_WAIT_MS = 5_000
const BACKOFF_MS = { FIRST: 200, LAST: 5_000 } as const
/** Beats that the connection has not taken: more would only be old. */
const UNSENT_MAX = 4
/** For a goodbye to leave. */
const GOODBYE_MS = 1_000

type Call = ClientDuplexStream<ServerMessage, MasterMessage>

export class MasterClient {
  readonly #o: MasterClientOptions
  readonly #pause: Pause
  #state: MasterConnection['state'] = 'waiting'
  #address: string
  #reason: string | null = null
  #beats = 0
  #connects = 0
  #failures = 0
  /** Whom the last master named as the leader, which it is not itself; empty when it knew nobody. */
  #leader: string | undefined
  #closed: Promise<void> | undefined
  #call: Call | undefined
  #beatTimer: Timer | undefined
  #nextBeatMs = 0
  #running: Promise<void> | undefined

  constructor(options: MasterClientOptions) {
    this.#o = options
    this.#pause = new Pause(options.clock)
    this.#address = options.masters[0] ?? ''
    options.beats.onNews(() => this.#news())
  }

  start(): void {
    this.#running ??= this.#run().catch(this.#o.onFatal)
  }

  connection(): MasterConnection {
    return {
      state: this.#state,
      address: this.#address,
      reason: this.#reason,
      beats: this.#beats,
      connects: this.#connects,
    }
  }

  /** Facts of the hello changed: it is said again, on the stream there is. */
  helloChanged(): void {
    // also before the welcome: the first hello is on its way with what was so then
    if (this.#state === 'connected' || this.#state === 'connecting')
      this.#call?.write({ hello: this.#hello() })
  }

  /** Says goodbye and ends the stream for good. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const call = this.#call
    const isConnected = this.#state === 'connected'
    this.#state = 'away'
    this.#pause.end()
    if (call === undefined || !isConnected) call?.cancel()
    else {
      call.write({ goodbye: {} })
      call.end()
    }
    const overdue = this.#o.clock.after(GOODBYE_MS, () => call?.cancel())
    await this.#running
    overdue.cancel()
    this.#state = 'away'
  }

  async #run(): Promise<void> {
    const { random, logger, masters } = this.#o
    let [turn, passedOn] = [0, 0]
    while (this.#closed === undefined) {
      this.#address = masters[turn] ?? ''
      this.#leader = undefined
      this.#state = 'connecting'
      const wasConnected = await this.#stream()
      if (this.#closed !== undefined) return
      turn = this.#next(turn)
      if (this.#leader !== undefined && ++passedOn < masters.length) continue
      passedOn = 0
      this.#state = 'waiting'
      if (wasConnected || this.#failures === 0) {
        const facts = { address: this.#address, reason: this.#reason ?? undefined }
        logger.warn(wasConnected ? 'master.lost' : 'master.away', facts)
      }
      this.#failures = wasConnected ? 1 : this.#failures + 1
      const fullMs = Math.min(BACKOFF_MS.LAST, BACKOFF_MS.FIRST * 2 ** Math.min(this.#failures - 1, 20))
      // half of it is chance, so that servers do not come back all at once
      const waitMs = fullMs / 2 + (fullMs / 2) * (random.integer(1024) / 1024)
      if (!(await this.#pause.wait(waitMs))) return
    }
  }

  /** Which master is asked after that one: the leader that it named, if that is another, else the next. */
  #next(turn: number): number {
    const { masters } = this.#o
    const leader = masters.indexOf(this.#leader ?? '')
    return leader >= 0 && leader !== turn ? leader : (turn + 1) % masters.length
  }

  /** One stream, to its end; true when the master welcomed it. */
  async #stream(): Promise<boolean> {
    const { clock, joinToken } = this.#o
    const tls = this.#o.tls()
    const client = new (services().Master)(
      this.#address,
      channelCredentials(tls),
      channelOptions('master', tls),
    )
    const metadata = joinToken?.lend((bytes) => bearer(Buffer.from(bytes).toString('utf8'))) ?? new Metadata()
    const call = client.heartbeat(metadata)
    this.#call = call
    let isWelcome = false
    const overdue = clock.after(WELCOME_WAIT_MS, () => {
      if (isWelcome) return
      this.#reason = 'the master did not answer'
      call.cancel()
    })
    this.#reason = null
    try {
      call.write({ hello: this.#hello() })
      for await (const message of call as AsyncIterable<MasterMessage>) {
        const said = masterMessageOf(message)
        if (said.kind !== 'welcome') await this.#o.obey(said)
        else if (!isWelcome) {
          isWelcome = true
          this.#welcomed()
        }
      }
      this.#reason ??= 'the master ended the stream'
    } catch (error) {
      this.#reason ??= this.#why(error)
    } finally {
      this.#o.lost()
      overdue.cancel()
      this.#beatTimer?.cancel()
      this.#beatTimer = undefined
      this.#call = undefined
      call.cancel()
      client.close()
    }
    return isWelcome
  }

  #why(error: unknown): string {
    if (isServiceError(error)) {
      const { message, facts } = blockErrorOf(error, `master ${this.#address}`)
      if (facts.reason === 'not_leader') this.#leader = String(facts.leader ?? '')
      return message
    }
    if (isBlockError(error)) return error.message
    if (isCutOff(error)) return 'the stream was cut off'
    throw error
  }

  #hello() {
    return helloIn(this.#o.hello(), this.#o.callToken)
  }

  #welcomed(): void {
    const { logger, clock } = this.#o
    this.#state = 'connected'
    this.#connects++
    this.#failures = 0
    this.#nextBeatMs = clock.monotonicMs()
    logger.info('master.connected', { address: this.#address })
    this.#o.beats.wantFull()
  }

  #news(): void {
    if (this.#state === 'connected') this.#beatWithin(NEWS_MS)
  }

  #beatWithin(delayMs: number): void {
    const { clock } = this.#o
    const dueMs = clock.monotonicMs() + delayMs
    if (this.#beatTimer !== undefined && this.#nextBeatMs <= dueMs) return
    this.#beatTimer?.cancel()
    this.#nextBeatMs = dueMs
    this.#beatTimer = clock.after(delayMs, () => {
      this.#beatTimer = undefined
      this.#beat()
      if (this.#state === 'connected') this.#beatWithin(BEAT_MS)
    })
  }

  #beat(): void {
    const call = this.#call
    if (call === undefined || this.#state !== 'connected') return
    if (call.writableLength >= UNSENT_MAX) return
    call.write({ beat: beatIn(this.#o.beats.next(this.#o.isDraining())) })
    this.#beats++
  }
}

const isCutOff = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
