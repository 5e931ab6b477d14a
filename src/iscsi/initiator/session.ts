/**
 * The shell around a session core: one connection, the clock, promises. Commands that are submitted in one turn
 * of the event loop leave in one write; those that are submitted from within a completion leave with the other
 * answers to the same chunk. There is no promise per PDU, and none at all for commands with a handler.
 *
 * That the connection's queue is full is not heeded: what stands in it is bounded by the target's command window
 * and by what it asked for, and consists of the callers' own buffers.
 *
 * A session that was opened is closed by `logout` or `close`, or ends by itself; `closed` tells how.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Connection } from '../../base/ports/net.ts'
import { KIB } from '../../base/units.ts'
import type { AsyncMessage } from '../pdu/async-message.ts'
import type { TextPair } from '../text/pairs.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import type { CommandHandler, CommandRequest, CommandResult } from './command.ts'
import type { FullFeature, FullFeatureOptions } from './full-feature.ts'
import type { LoginOptions, LoginResult, LoginStep } from './login.ts'
import { SessionCore } from './session-core.ts'

type Redirect = Extract<LoginStep, { kind: 'redirect' }>

export interface SessionOptions extends FullFeatureOptions {
  readonly login: LoginOptions
  readonly loginTimeoutMs: number
  readonly clock: Clock
  readonly pool: BufferPool
  readonly logger: Logger
}

/** A command, and how much data the target may send where the caller has no buffer for it. */
export type ExecuteRequest = CommandRequest & { readonly dataInLengthBytes?: number }

/** `dataIn`: what was received; a view of the caller's buffer when there was one. */
export type ExecuteResult = CommandResult & { readonly dataIn: Uint8Array }

/** A command with so much data leaves at once: the target can work on it while the next one is made. */
const EAGER_BYTES = 64 * KIB
/** How often a session with something outstanding looks at the clock. */
const TICK_MS = 100
const EMPTY = new Uint8Array(0)

export class InitiatorSession {
  readonly #core: SessionCore
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #controlTimeoutMs: number
  readonly #listeners = new Set<(message: AsyncMessage) => void>()
  readonly #login = Promise.withResolvers<LoginResult | Redirect>()
  readonly #closed = Promise.withResolvers<BlockError | undefined>()
  #result: LoginResult | undefined
  #timer: Timer | undefined
  /** A flush is sure to come: by a microtask, or at the end of the present chunk. */
  #isFlushDue = false

  private constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection
    this.#clock = options.clock
    this.#logger = options.logger
    this.#controlTimeoutMs = options.controlTimeoutMs
    this.#core = new SessionCore({
      ...options,
      events: {
        loggedIn: (result) => {
          this.#result = result
          this.#login.resolve(result)
        },
        redirected: (address, permanent) => this.#login.resolve({ kind: 'redirect', address, permanent }),
        asyncMessage: (message) => this.#asyncMessage(message),
        ended: (error) => this.#ended(error),
      },
    })
  }

  /**
   * Logs in over a connection that was just made, and takes it over. Rejects with the reason for a refused
   * login (see `loginRefusal`), PROTOCOL, or DISCONNECTED when it takes longer than `loginTimeoutMs`.
   */
  static async login(connection: Connection, options: SessionOptions): Promise<InitiatorSession | Redirect> {
    const session = new InitiatorSession(connection, options)
    const timer = options.clock.after(options.loginTimeoutMs, () => {
      session.#core.lost(new BlockError('DISCONNECTED', 'the login took too long'))
    })
    session.#core.tick(options.clock.monotonicMs())
    session.#core.start()
    connection.start({
      data: (chunk) => session.#data(chunk),
      drain: () => undefined,
      closed: (error) => session.#connectionClosed(error),
    })
    session.#flush()
    try {
      const outcome = await session.#login.promise
      return 'kind' in outcome ? outcome : session
    } finally {
      timer.cancel()
    }
  }

  /** What both sides agreed on. */
  get parameters(): OperationalParameters {
    return this.#loginResult.parameters
  }

  /** The target's session identifying handle, not 0 in a normal session. */
  get tsih(): number {
    return this.#loginResult.tsih
  }

  /** `HOST:PORT` of the portal that it ended up at, behind all redirects. */
  get portal(): string {
    return this.#connection.remoteAddress
  }

  get targetPortalGroupTag(): string | undefined {
    return this.#loginResult.targetPortalGroupTag
  }

  /** Commands and other requests that are not over. */
  get outstanding(): number {
    return this.#core.outstanding
  }

  /** Resolves when the session is over: without an error after a logout. */
  get closed(): Promise<BlockError | undefined> {
    return this.#closed.promise
  }

  /** Calls `listener` for every Asynchronous Message. Returns the call that ends it. */
  onAsyncMessage(listener: (message: AsyncMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Begins a command and tells `handler` its end; no promise is made. Returns the task tag, or `RESERVED_TAG`
   * when it failed at once.
   */
  submit(request: CommandRequest, handler: CommandHandler): number {
    this.#arm()
    const tag = this.#core.submit(request, handler)
    if ((request.dataOut?.byteLength ?? 0) >= EAGER_BYTES) this.#send()
    else this.#flushSoon()
    return tag
  }

  /** Runs a command. Rejects as `CommandHandler.failed` tells; a status other than GOOD is no error here. */
  execute(request: ExecuteRequest): Promise<ExecuteResult> {
    const { dataInLengthBytes = 0 } = request
    const dataIn = request.dataIn ?? (dataInLengthBytes > 0 ? new Uint8Array(dataInLengthBytes) : EMPTY)
    return new Promise((resolve, reject) => {
      this.submit(
        { ...request, dataIn },
        {
          completed: (result) =>
            resolve({
              ...result,
              dataIn:
                result.dataInBytes === dataIn.byteLength ? dataIn : dataIn.subarray(0, result.dataInBytes),
            }),
          failed: reject,
        },
      )
    })
  }

  /** Pings the target; resolves to the echo of `data`, of which at most one segment is sent. */
  nopOut(data: Uint8Array = EMPTY): Promise<Uint8Array> {
    return this.#request((full, resolve, reject) =>
      full.ping(data, { answered: (echo) => resolve(Uint8Array.from(echo)), failed: reject }),
    )
  }

  /** Runs a task management function (`TaskManagementFunction`); resolves to `TaskManagementResponseCode`. */
  manageTask(request: { function: number; lun?: number; referencedTaskTag?: number }): Promise<number> {
    return this.#request((full, resolve, reject) =>
      full.manage(request, { answered: resolve, failed: reject }),
    )
  }

  /** Sends a text request of one PDU; resolves to the whole answer. */
  text(pairs: readonly TextPair[]): Promise<readonly TextPair[]> {
    return this.#request((full, resolve, reject) => full.text(pairs, { answered: resolve, failed: reject }))
  }

  /** Takes no more commands, waits for those outstanding, logs out and closes. Idempotent; never rejects. */
  async logout(): Promise<void> {
    this.#arm()
    this.#core.full?.logout(this.#controlTimeoutMs)
    this.#flush()
    await this.#closed.promise
  }

  /** Closes at once; what is outstanding fails with DISCONNECTED. Idempotent. */
  close(): void {
    this.#core.lost(new BlockError('DISCONNECTED', 'the session was closed'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.logout()
  }

  get #loginResult(): LoginResult {
    if (this.#result === undefined) throw new BlockError('DISCONNECTED', 'the session is not logged in')
    return this.#result
  }

  #request<T>(
    begin: (full: FullFeature, resolve: (value: T) => void, reject: (error: BlockError) => void) => void,
  ): Promise<T> {
    this.#arm()
    return new Promise((resolve, reject) => {
      const { full } = this.#core
      if (full === undefined) {
        reject(new BlockError('DISCONNECTED', 'the session is not open'))
        return
      }
      begin(full, resolve, reject)
      this.#flushSoon()
    })
  }

  #data(chunk: Uint8Array): void {
    this.#isFlushDue = true
    this.#core.push(chunk)
    this.#flush()
    this.#arm()
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushDue = false
    this.#send()
  }

  #send(): void {
    const batch = this.#core.take()
    if (batch.buffers.length > 0) this.#connection.write(batch.buffers, batch.written)
  }

  /** Makes sure that the core hears the time while it needs to. */
  #arm(): void {
    if (this.#timer !== undefined || this.#core.isEnded) return
    this.#core.tick(this.#clock.monotonicMs())
    this.#timer = this.#clock.after(TICK_MS, () => {
      this.#timer = undefined
      if (!this.#core.needsTicks) return
      this.#arm()
      this.#flush()
    })
  }

  #asyncMessage(message: AsyncMessage): void {
    const { asyncEvent, parameter1, parameter2, parameter3 } = message
    this.#logger.info('initiator.async_message_received', { asyncEvent, parameter1, parameter2, parameter3 })
    for (const listener of this.#listeners) listener(message)
  }

  #connectionClosed(cause: Error | undefined): void {
    this.#core.lost(new BlockError('DISCONNECTED', 'the target closed the connection', { cause }))
  }

  #ended(error: BlockError | undefined): void {
    this.#timer?.cancel()
    if (error === undefined) this.#connection.end()
    else {
      this.#logger.info('initiator.session_failed', { code: error.code, reason: error.message })
      this.#connection.destroy()
    }
    this.#login.reject(error ?? new BlockError('DISCONNECTED', 'the session was closed'))
    this.#closed.resolve(error)
  }
}
