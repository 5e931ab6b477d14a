/**
 * One TCP connection of the target: bytes in, through the parser, to the login and then to the session; what they
 * say out, once per turn. The only place that knows both sockets and protocol.
 *
 *     login ──▶ establishing (a predecessor is being replaced) ──▶ session ──▶ ended
 *      ▲ ▼────────────────────┴──────────────────────────────────────▲
 *      held (nobody serves the target at this moment)
 *
 * Always true: when the socket takes no more, nothing more is read; an ended connection holds no place in the
 * limits and its session has nothing under way once `ended` has resolved.
 */
import { assert } from '../../base/assert.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Connection, ConnectionHandlers } from '../../base/ports/net.ts'
import { KIB } from '../../base/units.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import type { LoginLimiter } from '../../frontend/login-limiter.ts'
import { hostOf } from '../../frontend/login-limiter.ts'
import { nexusName } from '../login/names.ts'
import {
  type EstablishedLogin,
  type LoginStep,
  TargetLogin,
  type TargetLoginOptions,
} from '../login/target-login.ts'
import { AHS_BYTES_MAX } from '../pdu/ahs.ts'
import type { Fields } from '../pdu/bhs.ts'
import { initiatorTaskTag, opcodeOf } from '../pdu/bhs.ts'
import {
  decodeLoginRequest,
  encodeLoginResponse,
  type LoginRequest,
  type LoginResponse,
} from '../pdu/login.ts'
import { BHS_BYTES, LoginStatus, Opcode } from '../pdu/opcodes.ts'
import { type DataSink, type PduHandler, PduStream, type StreamFault } from '../pdu/stream.ts'
import { Session } from '../session/session.ts'
import type { SessionHost } from '../session/session-types.ts'
import type { TextPair } from '../text/pairs.ts'
import { holdLogin, isUnavailable } from './held-login.ts'
import type { TargetLimits } from './limits.ts'
import type { SessionOwner, SessionRegistry } from './session-registry.ts'
import type { AttachedSession, TargetNode } from './target-node.ts'

/** What the target gives each of its connections. */
export interface ConnectionContext {
  readonly clock: Clock
  readonly pool: BufferPool
  readonly budget: ByteBudget
  readonly logger: Logger
  readonly limits: TargetLimits
  readonly limiter: LoginLimiter
  readonly registry: SessionRegistry
  readonly login: Omit<TargetLoginOptions, 'queueDepth'>
  /** Which of the target's portals it came by. */
  readonly portalIndex: number
  node(targetName: string): TargetNode | undefined
  sendTargets(login: EstablishedLogin, value: string, localAddress: string): readonly TextPair[] | undefined
  /** The login waits, or goes on: meanwhile it takes no place among the logins. */
  readonly loginHeld: (connection: IscsiConnection, isHeld: boolean) => void
  /** Whether one more login may wait. */
  readonly mayHold: () => boolean
  /** The login is over, well or not. */
  loginEnded(connection: IscsiConnection): void
  sessionBegan(connection: IscsiConnection): void
  /** The connection is gone, and nothing of it is under way. */
  ended(connection: IscsiConnection): void
}

/** Output that leaves although more commands of the same chunk are to come: the initiator can work on it meanwhile. */
const EAGER_BYTES = 1024 * KIB
/** RFC 7143 §13.12: the longest data segment before anything was agreed. */
const LOGIN_SEGMENT_BYTES = 8192

export class IscsiConnection implements PduHandler, ConnectionHandlers, SessionOwner, AttachedSession {
  readonly #connection: Connection
  readonly #context: ConnectionContext
  readonly #stream: PduStream
  #login: TargetLogin
  readonly #timer: Timer
  #phase: 'login' | 'held' | 'establishing' | 'session' | 'ended' = 'login'
  #holding: Pick<Timer, 'cancel'> | undefined
  #isFirstRequest = true
  #request: LoginRequest | undefined
  #session: Session | undefined
  #node: TargetNode | undefined
  #tsih = 0
  #loggedOut = false
  /** Output is flushed when the present turn's work is done; `wake` has nothing to do. */
  #flushing = false
  #paused = false
  #pausedTicks = 0
  #finishing = false
  readonly #ended: Promise<void>
  readonly #resolveEnded: () => void
  readonly connectedWallMs: number

  constructor(connection: Connection, context: ConnectionContext) {
    this.#connection = connection
    this.#context = context
    const { clock, limits } = context
    this.connectedWallMs = clock.wallMs()
    this.#stream = new PduStream(this, { dataSegmentBytesMax: LOGIN_SEGMENT_BYTES, ahsBytesMax: 0 })
    this.#login = this.#newLogin()
    this.#timer = clock.after(limits.loginTimeoutMs, () => this.#cut('the login takes too long'))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    this.#resolveEnded = resolve
    connection.start(this)
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  /** The session, once there is one. */
  get session(): Session {
    return this.#session!
  }

  // ── What the socket tells ──

  data(chunk: Uint8Array): void {
    this.#flushing = true
    this.#stream.push(chunk)
    this.#flushing = false
    this.#flush()
  }

  drain(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#pausedTicks = 0
    this.#connection.resume()
  }

  closed(error: Error | undefined): void {
    this.#stream.stop()
    this.#loginOver()
    this.#phase = 'ended'
    if (error !== undefined && !this.#loggedOut) this.#log('iscsi.connection_lost', error.message)
    void this.#finish()
  }

  // ── What the parser tells ──

  header(view: DataView, offset: number): DataSink {
    if (this.#phase === 'session') return this.#session!.header(view, offset)
    if (this.#phase !== 'login') {
      this.#cut('a PDU before the login was answered')
      return 'discard'
    }
    if (opcodeOf(view, offset) !== Opcode.loginRequest) {
      this.#loginRefused(this.#login.stranger(initiatorTaskTag(view, offset)))
      return 'discard'
    }
    this.#request = decodeLoginRequest(view, offset)
    return 'lend'
  }

  end(data: Uint8Array): void {
    if (this.#phase === 'session') {
      const session = this.#session!
      session.end(data)
      if (session.outputBytes >= EAGER_BYTES) this.#flush()
    } else if (this.#phase === 'login') this.#loginStep(this.#request!, data)
  }

  fault(fault: StreamFault, view: DataView, offset: number): void {
    if (this.#phase === 'session') this.#session!.fault(fault, view, offset)
    else this.#cut(fault)
  }

  // ── What the target asks for ──

  /** Once a second, for sessions. Whoever is not read because he does not read has time of another kind. */
  tick(): void {
    if (this.#phase !== 'session') return
    if (!this.#paused) this.#session!.tick()
    else if (++this.#pausedTicks > this.#context.limits.outputStallSeconds) {
      this.#cut('the initiator does not take its answers')
    }
  }

  /** Another session takes this one's place. */
  replace(): Promise<void> {
    return this.reset('reinstated by a new login')
  }

  reset(reason: string): Promise<void> {
    this.#cut(reason)
    return this.#ended
  }

  // ── Login ──

  #loginStep(request: LoginRequest, data: Uint8Array): void {
    const step = this.#login.step(request, data)
    const isFirst = this.#isFirstRequest
    this.#isFirstRequest = false
    if (isFirst && isUnavailable(step) && this.#context.mayHold()) this.#hold(request, Uint8Array.from(data))
    else this.#take(step)
  }

  #newLogin(): TargetLogin {
    const { login, limits } = this.#context
    return new TargetLogin({ ...login, queueDepth: limits.queueDepth })
  }

  /** Nobody serves the target now: the answer waits (held-login.ts). */
  #hold(request: LoginRequest, data: Uint8Array): void {
    const { clock, limits, loginHeld } = this.#context
    this.#phase = 'held'
    loginHeld(this, true)
    this.#holding = holdLogin({
      clock,
      holdMs: limits.unavailableHoldMs,
      again: () => {
        this.#login = this.#newLogin()
        return this.#login.step(request, data)
      },
      done: (step) => {
        this.#phase = 'login'
        loginHeld(this, false)
        this.#take(step)
      },
    })
  }

  #take(step: LoginStep): void {
    const { verdict } = step
    switch (verdict.kind) {
      case 'continue':
        this.#say(step.response, step.text)
        break
      case 'refused':
        this.#loginRefused(step)
        break
      case 'established':
        this.#phase = 'establishing'
        this.#tsih = verdict.login.tsih
        void this.#establish(verdict.login, step.response, step.text)
        break
    }
  }

  #loginRefused({ response, text, verdict }: LoginStep): void {
    assert(verdict.kind === 'refused', 'a refusal')
    const { status, reason } = verdict
    if (status === LoginStatus.authenticationFailure) this.#context.limiter.failed(hostOf(this.remoteAddress))
    this.#context.logger.warn('iscsi.login_refused', {
      address: this.remoteAddress,
      initiator: this.#login.initiatorName,
      status,
      reason,
    })
    this.#say(response, text)
    this.#stream.stop()
    this.#connection.end()
  }

  /** Replaces a predecessor, if there is one, and begins the session; only then the initiator is answered. */
  async #establish(
    login: EstablishedLogin,
    response: Fields<LoginResponse>,
    text: Uint8Array,
  ): Promise<void> {
    const { registry, clock, pool, budget, logger, limits } = this.#context
    await registry.take(login, this)
    if (this.#phase !== 'establishing') return
    const { targetName, parameters } = login
    const node = targetName === undefined ? undefined : this.#context.node(targetName)
    if (targetName !== undefined && node?.admits(login, this.#context.portalIndex) !== true) {
      this.#cut('the target went away, or has other rules, since the login began')
      return
    }
    this.#timer.cancel()
    this.#session = new Session({
      login,
      lun: node && { unit: node.unit, port: node.port(this.#context.portalIndex) },
      afterNexusLoss: node?.wasLost(nexusName(login)) ?? false,
      limits,
      budget,
      pool,
      clock,
      logger,
      observer: node?.observer,
      host: this.#hostOf(login, node),
    })
    this.#node = node
    node?.sessions.add(this)
    node?.observer?.began?.()
    this.#stream.setLimits({
      dataSegmentBytesMax: parameters.maxRecvDataSegmentLengthBytes,
      ahsBytesMax: AHS_BYTES_MAX,
    })
    this.#stream.setDigests({ header: parameters.headerDigest, data: parameters.dataDigest })
    this.#phase = 'session'
    this.#say(response, text)
    this.#context.loginEnded(this)
    this.#context.sessionBegan(this)
    this.#log('iscsi.session_opened')
  }

  #hostOf(login: EstablishedLogin, node: TargetNode | undefined): SessionHost {
    return {
      wake: () => this.#wake(),
      end: (how, reason) => {
        if (how === 'at-once') this.#cut(reason)
        else this.#endAfterOutput(reason)
      },
      peers: () => [...(node?.sessions ?? [])].map(({ session }) => session),
      endOthers: (reason) => {
        for (const attached of [...(node?.sessions ?? [])]) if (attached !== this) void attached.reset(reason)
      },
      sendTargets: (value) => this.#context.sendTargets(login, value, this.#connection.localAddress),
    }
  }

  #say(response: Fields<LoginResponse>, text: Uint8Array): void {
    const pdu = Buffer.alloc(BHS_BYTES + ((text.byteLength + 3) & ~3))
    encodeLoginResponse(new DataView(pdu.buffer, pdu.byteOffset), 0, response)
    pdu.set(text, BHS_BYTES)
    this.#connection.write([pdu])
  }

  // ── Output and end ──

  #wake(): void {
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(this.#flushTurn)
  }

  readonly #flushTurn = (): void => {
    this.#flushing = false
    this.#flush()
  }

  #flush(): void {
    const batch = this.#session?.takeOutput()
    if (batch === undefined) return
    const isTaken = this.#connection.write(batch.buffers, batch.written)
    if (isTaken || this.#paused || this.#phase !== 'session') return
    this.#paused = true
    this.#connection.pause()
  }

  #endAfterOutput(reason: string): void {
    this.#loggedOut = reason === 'logout'
    this.#log('iscsi.session_ending', reason)
    this.#stream.stop()
    this.#flush()
    this.#connection.end()
  }

  /** Ends the connection now; what is queued is lost. */
  #cut(reason: string): void {
    if (this.#phase === 'ended') return
    this.#log('iscsi.connection_cut', reason)
    this.#loginOver()
    this.#phase = 'ended'
    this.#stream.stop()
    this.#connection.destroy()
    void this.#finish()
  }

  #loginOver(): void {
    this.#timer.cancel()
    this.#holding?.cancel()
    if (this.#phase === 'held') this.#context.loginHeld(this, false)
    if (this.#phase !== 'session' && this.#phase !== 'ended') this.#context.loginEnded(this)
  }

  async #finish(): Promise<void> {
    if (this.#finishing) return
    this.#finishing = true
    const session = this.#session
    if (session !== undefined) {
      await session.close()
      this.#node?.sessions.delete(this)
      this.#node?.remember(nexusName(session.login), this.#loggedOut ? 'logout' : 'lost')
      this.#log('iscsi.session_closed')
    }
    if (this.#tsih !== 0) this.#context.registry.remove(this.#tsih)
    this.#resolveEnded()
    this.#context.ended(this)
  }

  #log(event: string, reason?: string): void {
    const login = this.#session?.login
    this.#context.logger.info(event, {
      address: this.remoteAddress,
      initiator: login?.initiatorName ?? this.#login.initiatorName,
      target: login?.targetName,
      tsih: login?.tsih,
      reason,
    })
  }
}
