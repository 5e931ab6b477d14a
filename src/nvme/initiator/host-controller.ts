/**
 * A host's association with one controller: an admin queue, I/O queues, keep alive, asynchronous events.
 *
 *     connecting ──▶ enabled ──▶ ended
 *          └─────────────────────▲          (a queue's connection ends, keep alive goes unanswered, disconnect, close)
 *
 * The queues live and die together: when one ends, all do, for a controller that lost a queue is of no use to a host
 * until it connects anew, which is left to the caller. `closed` tells why.
 */
import type { HostPort } from '../../base/address.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import { type Logger, silentLogger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Net } from '../../base/ports/net.ts'
import { KIB } from '../../base/units.ts'
import { CNTLID_DYNAMIC, DISCOVERY_NQN, Property } from '../fabrics.ts'
import type { NvmeHandler, NvmeRequest, NvmeResult } from './command.ts'
import { nvmeError } from './errors.ts'
import { type EventHandlers, watchEvents } from './events.ts'
import { type ControllerIdentity, IDENTIFY_BYTES, readController } from './pages.ts'
import { NvmeQueue } from './queue.ts'
import {
  Cns,
  connect,
  Feature,
  identify,
  keepAlive,
  propertyGet,
  propertySet,
  setFeatures,
} from './requests.ts'
import { TASKS_MAX } from './tasks.ts'

/** Proves the host to the controller on one queue, after Connect and before anything else; rejects when that fails. */
export type AuthenticateQueue = (
  queue: Pick<NvmeQueue, 'execute'>,
  subject: { readonly queueId: number; readonly controllerId: number },
) => Promise<void>

export interface NvmeConnectOptions {
  readonly net: Net
  readonly clock: Clock
  readonly pool?: BufferPool
  readonly logger?: Logger
  readonly portal: HostPort
  /** The discovery service's by default. */
  readonly subsystemNqn?: string
  readonly hostNqn: string
  /** 16 bytes; the same for all controllers of this host. */
  readonly hostId: Uint8Array
  /** I/O queues that are wished for; the controller may give fewer. 1 by default, of a discovery service 0. */
  readonly queues?: number
  /** Commands outstanding on an I/O queue, 1 to 4094; 127 by default. */
  readonly queueDepth?: number
  /** Commands outstanding or waiting on an I/O queue, up to 4095; 4095 by default. */
  readonly tasksMax?: number
  readonly headerDigest?: boolean
  readonly dataDigest?: boolean
  /** Keep alive time: 0 for none; 15 s by default. */
  readonly keepAliveMs?: number
  /** Of each connection and Connect; 5 s by default. */
  readonly connectTimeoutMs?: number
  /** After which the controller is given up; 30 s by default. */
  readonly commandTimeoutMs?: number
  readonly authenticate?: AuthenticateQueue
  readonly events?: EventHandlers
}

const ADMIN_ENTRIES = 32
const ADMIN_CAPSULE_BYTES = 8 * KIB
const QUEUE_DEPTH = 127
const KEEP_ALIVE_MS = 15_000
const CONNECT_TIMEOUT_MS = 5_000
const COMMAND_TIMEOUT_MS = 30_000
/** CC: enabled, entries of 2^6 and 2^4 bytes. */
const CC_ENABLED = 0x0046_0001
const CC_SHUTDOWN = 0x4000
const CSTS_READY = 0x1
const CSTS_FATAL = 0x2
const CSTS_SHUTDOWN_MASK = 0xc
const CSTS_SHUTDOWN_COMPLETE = 0x8
/** How long a controller may take to shut down before its connections are just closed. */
const SHUTDOWN_MS = 2_000
const POLL_MS = 20
const AUTHENTICATION_REQUIRED_MASK = 0x3_0000

export class NvmeHostController {
  readonly #options: NvmeConnectOptions
  readonly #clock: Clock
  readonly #admin: NvmeQueue
  readonly #ioQueues: NvmeQueue[] = []
  readonly #closed = Promise.withResolvers<BlockError>()
  #isOpen = true
  #identity: ControllerIdentity | undefined
  #keepAliveTimer: Timer | undefined
  #nextQueue = 0
  /** Of a queue; CAP.MQES. */
  #entriesMax = 2
  readonly controllerId: number

  private constructor(options: NvmeConnectOptions, admin: NvmeQueue, controllerId: number) {
    this.#options = options
    this.#clock = options.clock
    this.#admin = admin
    this.controllerId = controllerId
    this.#watch(admin)
  }

  /**
   * Connects, enables and identifies the controller and connects its I/O queues. Rejects with DISCONNECTED (no
   * connection, or a timeout), PROTOCOL, or what a status comes to: ACCESS_DENIED for a host that may not, PROTOCOL with
   * the status among the facts for a subsystem that is not there, BUSY.
   */
  static async connect(options: NvmeConnectOptions): Promise<NvmeHostController> {
    const keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS
    const admin = await openQueue(options, { entries: ADMIN_ENTRIES, capsuleDataBytes: ADMIN_CAPSULE_BYTES })
    let controller: NvmeHostController | undefined
    try {
      const controllerId = await connectQueue(admin, options, { qid: 0, entries: ADMIN_ENTRIES, keepAliveMs })
      controller = new NvmeHostController(options, admin, controllerId)
      await controller.#enable()
      controller.#identity = readController(await controller.identify(Cns.controller))
      controller.#scheduleKeepAlive(keepAliveMs)
      await controller.#openIoQueues()
      if (options.events !== undefined) await watchEvents(controller, options.events)
      return controller
    } catch (error) {
      controller?.close()
      admin.close()
      throw error
    }
  }

  /** False from the moment on that a queue's connection is lost, before its commands are told. */
  get isOpen(): boolean {
    return this.#isOpen && this.#admin.isOpen && this.#ioQueues.every(isQueueOpen)
  }

  get identity(): ControllerIdentity {
    if (this.#identity === undefined) throw new BlockError('DISCONNECTED', 'the controller is not connected')
    return this.#identity
  }

  get ioQueues(): readonly NvmeQueue[] {
    return this.#ioQueues
  }

  /** I/O commands that are not over. */
  get outstanding(): number {
    let sum = 0
    for (const queue of this.#ioQueues) sum += queue.outstanding
    return sum
  }

  /** Resolves when the association is over, with the reason. */
  get closed(): Promise<BlockError> {
    return this.#closed.promise
  }

  /** Begins an I/O command on the next queue and tells `handler` its end; no promise is made. */
  submit(request: NvmeRequest, handler: NvmeHandler): void {
    const queue = this.#takeQueue()
    if (queue === undefined) handler.failed(new BlockError('DISCONNECTED', 'there is no I/O queue'))
    else queue.submit(request, handler)
  }

  /** Runs an I/O command; a status other than success is no error here. */
  execute(request: NvmeRequest): Promise<NvmeResult> {
    return new Promise((resolve, reject) => this.submit(request, { completed: resolve, failed: reject }))
  }

  /** Runs two I/O commands as one (Compare and Write). */
  async executeFused(first: NvmeRequest, second: NvmeRequest): Promise<readonly [NvmeResult, NvmeResult]> {
    const queue = this.#takeQueue()
    if (queue === undefined) throw new BlockError('DISCONNECTED', 'there is no I/O queue')
    return await queue.executeFused(first, second)
  }

  /** Begins an admin command; for those without a deadline. */
  submitAdmin(request: NvmeRequest, handler: NvmeHandler): void {
    this.#admin.submit(request, handler)
  }

  /** Runs an admin command. A status other than success is thrown (see `nvmeError`). */
  async admin(what: string, request: NvmeRequest): Promise<NvmeResult> {
    const result = await this.#admin.execute(request)
    if (result.status !== 0) throw nvmeError(what, result.status)
    return result
  }

  /** Identify data, 4096 bytes. */
  async identify(cns: number, nsid = 0): Promise<Uint8Array> {
    const page = new Uint8Array(IDENTIFY_BYTES)
    await this.admin('Identify', identify(cns, page, nsid))
    return page
  }

  /** A property's lower 32 bits, and the upper ones of one with 8 bytes. */
  async property(offset: number, lengthBytes: 4 | 8): Promise<{ low: number; high: number }> {
    const { dw0, dw1 } = await this.admin('Property Get', propertyGet(offset, lengthBytes))
    return { low: dw0, high: dw1 }
  }

  /** Shuts the controller down in order and closes. Idempotent; never rejects. */
  async disconnect(): Promise<void> {
    if (!this.#isOpen) return
    try {
      await this.admin('Property Set', propertySet(Property.cc, CC_ENABLED | CC_SHUTDOWN))
      await this.#status(SHUTDOWN_MS, (csts) => (csts & CSTS_SHUTDOWN_MASK) === CSTS_SHUTDOWN_COMPLETE)
    } catch (error) {
      // The controller is gone, or does not know how: closing is all that is left.
      if (!(error instanceof BlockError)) throw error
    }
    this.close()
  }

  /** Closes at once; what is outstanding fails with DISCONNECTED. Idempotent. */
  close(): void {
    this.#end(new BlockError('DISCONNECTED', 'the controller was closed'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }

  async #enable(): Promise<void> {
    const { high, low } = await this.property(Property.cap, 8)
    const timeoutMs = Math.max(1, low >>> 24) * 500
    if (high === 0 && low === 0) throw new BlockError('PROTOCOL', 'the controller has no capabilities')
    this.#entriesMax = (low & 0xffff) + 1
    await this.admin('Property Set', propertySet(Property.cc, CC_ENABLED))
    await this.#status(timeoutMs, (csts) => (csts & CSTS_READY) !== 0)
  }

  /** Asks for CSTS until `isThere`; TIMED_OUT when that takes too long. */
  async #status(timeoutMs: number, isThere: (csts: number) => boolean): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + timeoutMs
    for (;;) {
      const { low } = await this.property(Property.csts, 4)
      if (isThere(low)) return
      if ((low & CSTS_FATAL) !== 0) throw new BlockError('PROTOCOL', 'the controller says that it is broken')
      if (this.#clock.monotonicMs() >= untilMs)
        throw new BlockError('TIMED_OUT', 'the controller is not ready')
      await this.#clock.sleep(POLL_MS)
    }
  }

  async #openIoQueues(): Promise<void> {
    const isDiscovery = (this.#options.subsystemNqn ?? DISCOVERY_NQN) === DISCOVERY_NQN
    const wished = this.#options.queues ?? (isDiscovery ? 0 : 1)
    if (wished === 0) return
    const count = wished - 1
    const { dw0 } = await this.admin(
      'Set Features',
      setFeatures(Feature.numberOfQueues, count | (count << 16)),
    )
    const given = Math.min(wished, (dw0 & 0xffff) + 1, (dw0 >>> 16) + 1)
    const entries = Math.min(this.#entriesMax, (this.#options.queueDepth ?? QUEUE_DEPTH) + 1)
    const { capsuleDataBytes } = this.identity
    for (let qid = 1; qid <= given; qid++) {
      const queue = await openQueue(this.#options, { entries, capsuleDataBytes: ADMIN_CAPSULE_BYTES })
      this.#ioQueues.push(queue)
      this.#watch(queue)
      const wish = {
        qid,
        entries,
        keepAliveMs: 0,
        controllerId: this.controllerId,
        withoutFlowControl: true,
      }
      await connectQueue(queue, this.#options, wish)
      queue.setLimits({ capsuleDataBytes })
    }
  }

  #takeQueue(): NvmeQueue | undefined {
    const queue = this.#ioQueues[this.#nextQueue]
    this.#nextQueue = this.#nextQueue + 1 >= this.#ioQueues.length ? 0 : this.#nextQueue + 1
    return queue
  }

  /** Half of the time: one that is lost is followed by another in time. */
  #scheduleKeepAlive(keepAliveMs: number): void {
    if (keepAliveMs === 0 || !this.#isOpen) return
    this.#keepAliveTimer = this.#clock.after(keepAliveMs / 2, () => {
      this.#admin.submit(
        { ...keepAlive, timeoutMs: keepAliveMs },
        {
          completed: ({ status }) => {
            if (status === 0) this.#scheduleKeepAlive(keepAliveMs)
            else this.#end(nvmeError('Keep Alive', status))
          },
          failed: (error) => this.#end(error),
        },
      )
    })
  }

  #watch(queue: NvmeQueue): void {
    void queue.closed.then((error) => this.#end(error))
  }

  #end(error: BlockError): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#keepAliveTimer?.cancel()
    for (const queue of this.#ioQueues) queue.close(error)
    this.#admin.close(error)
    const { logger = silentLogger } = this.#options
    logger.info('nvme_host.controller_ended', { code: error.code, reason: error.message })
    this.#closed.resolve(error)
  }
}

const isQueueOpen = (queue: NvmeQueue): boolean => queue.isOpen

function openQueue(
  options: NvmeConnectOptions,
  queue: { entries: number; capsuleDataBytes: number },
): Promise<NvmeQueue> {
  const { net, clock, pool = new BufferPool(), tasksMax = TASKS_MAX } = options
  return NvmeQueue.open({ net, clock, pool }, options.portal, {
    ...queue,
    tasksMax: Math.min(tasksMax, TASKS_MAX),
    headerDigest: options.headerDigest === true,
    dataDigest: options.dataDigest === true,
    commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    timeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  })
}

/** Fabrics Connect, and the authentication that the answer may ask for; returns the controller's id. */
async function connectQueue(
  queue: NvmeQueue,
  options: NvmeConnectOptions,
  wish: {
    qid: number
    entries: number
    keepAliveMs: number
    controllerId?: number
    withoutFlowControl?: boolean
  },
): Promise<number> {
  const { hostNqn, hostId, subsystemNqn = DISCOVERY_NQN, authenticate } = options
  const { controllerId = CNTLID_DYNAMIC } = wish
  const request = connect({ ...wish, controllerId, hostNqn, hostId, subsystemNqn })
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
  const { status, dw0 } = await queue.execute({ ...request, timeoutMs })
  if (status !== 0) throw nvmeError('Connect', status)
  const given = dw0 & 0xffff
  if ((dw0 & AUTHENTICATION_REQUIRED_MASK) !== 0) {
    if (authenticate === undefined) {
      throw new BlockError('ACCESS_DENIED', 'the controller asks for authentication, and there is no secret')
    }
    await authenticate(queue, { queueId: wish.qid, controllerId: given })
  }
  return given
}
