/**
 * One controller: what Connect to an admin queue makes for a host, and what lasts as long as their association (NVMe
 * Base 2.0 §3.1, §3.9; controllers are dynamic).
 *
 *     connected ──CC.EN=1──▶ ready ──▶ ended      (admin connection gone, keep alive expired, volume lost, access)
 *         └──── too long disabled ───────▲
 *
 * Commands come from its admin queue; the queues themselves are connections, which it knows by what they can be asked
 * for. What it is a controller of (a volume, the discovery service) is behind `ControllerPages`. Always true: an ended
 * controller answers nothing, and its queues have been told to end.
 */
import { AdminOpcode, FabricsType } from '../commands.ts'
import { final, STATUS } from '../status.ts'
import {
  ADMIN_SUCCESS,
  type AdminCommand,
  type AdminResult,
  adminData,
  adminStatus,
  adminValue,
} from './admin-types.ts'
import { type AsyncEvent, AsyncEvents } from './async-events.ts'
import { ABORT_LIMIT } from './capabilities.ts'
import { ErrorLog } from './error-log.ts'
import { type FeatureHost, Features } from './features.ts'
import { isSupportedAdmin, LogPage } from './log-pages.ts'
import { Properties } from './properties.ts'

/** A connected queue as its controller sees it. */
export interface ControllerQueue {
  readonly queueId: number
  /** Aborts the command `cid`; false, or a promise of it: it was not aborted. */
  abort(cid: number): boolean | Promise<boolean>
  /** Answers a parked command. */
  complete(command: AdminCommand, result: AdminResult): void
  /** Forgets a parked command without an answer. */
  drop(command: AdminCommand): void
  /** Cuts the connection; resolves when nothing of it is under way. */
  reset(reason: string): Promise<void>
}

export interface IdentifyRequest {
  readonly cns: number
  readonly csi: number
  readonly nsid: number
  /** CNTID: where a list of controllers begins. */
  readonly controllerId: number
}

export interface LogRequest {
  readonly page: number
  /** LSP. */
  readonly specific: number
  readonly nsid: number
  /** What of the page is asked for. */
  readonly offset: number
  readonly lengthBytes: number
}

/** A part of a page that is too long to be made whole for each of its parts. */
export interface LogPart {
  /** From the offset that was asked for. */
  readonly part: Uint8Array
  readonly totalBytes: number
}

/** What a controller is the controller of. A number is a status: there is no such page. */
export interface ControllerPages {
  readonly isDiscovery: boolean
  readonly logPages: readonly number[]
  identify(request: IdentifyRequest, controller: Controller): Uint8Array | number
  log(request: LogRequest, controller: Controller): Uint8Array | LogPart | number
  reservationFeature(
    command: AdminCommand,
    isSet: boolean,
    controller: Controller,
  ): AdminResult | Promise<AdminResult>
}

export interface ControllerOptions {
  readonly id: number
  readonly hostNqn: string
  readonly hostId: Uint8Array
  readonly keepAliveMs: number
  readonly limits: {
    readonly queueEntries: number
    readonly ioQueuesMax: number
    readonly keepAliveMsMax: number
    readonly idleSecondsMax: number
  }
  readonly pages: ControllerPages
  readonly connectedWallMs: number
  /** Called once, when the association is over. */
  readonly ended: (reason: string) => void
}

const CDW10 = 40
const CDW11 = 44
const CDW12 = 48
const CDW13 = 52
const CDW14 = 56
const NSID_AT = 4
const OPCODE_AT = 0
const NOT_ABORTED = 1
const RETAIN_EVENT = 0x80
/** OT: the offset counts entries, which no page here is made of. */
const OFFSET_TYPE_INDEX = 0x80_0000
const TWO_32 = 0x1_0000_0000
const HOUR_SECONDS = 3600

export class Controller implements FeatureHost {
  readonly id: number
  readonly hostNqn: string
  readonly hostId: Uint8Array
  readonly connectedWallMs: number
  readonly properties: Properties
  readonly events: AsyncEvents<AdminCommand>
  readonly errors = new ErrorLog()
  readonly pages: ControllerPages
  readonly queues = new Map<number, ControllerQueue>()
  /** Of all I/O queues. */
  readonly counters = { commands: 0, reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 }
  /** Namespaces changed since the host read log page 04h. */
  namespacesChanged = false
  keepAliveMs: number
  /** Its host has proved itself, or cannot use it before it has. */
  isAskedForProof = false
  /** Set by every command that arrives on any queue. */
  isAlive = true
  readonly #options: ControllerOptions
  readonly #features: Features
  #aborts = 0
  #silentSeconds = 0
  #disabledSeconds = 0
  #seconds = 0
  #ending: Promise<void> | undefined

  constructor(options: ControllerOptions) {
    this.#options = options
    this.id = options.id
    this.hostNqn = options.hostNqn
    this.hostId = options.hostId
    this.pages = options.pages
    this.connectedWallMs = options.connectedWallMs
    this.keepAliveMs = options.keepAliveMs
    this.properties = new Properties({
      queueEntries: options.limits.queueEntries,
      hasIo: !options.pages.isDiscovery,
    })
    this.events = new AsyncEvents((command, dword0) => {
      this.queues.get(0)?.complete(command, adminValue(dword0))
    })
    this.#features = new Features(this)
  }

  get isDiscovery(): boolean {
    return this.pages.isDiscovery
  }

  get isEnded(): boolean {
    return this.#ending !== undefined
  }

  get ioQueuesMax(): number {
    return this.#options.limits.ioQueuesMax
  }

  get ioQueues(): number {
    return this.queues.size - (this.queues.has(0) ? 1 : 0)
  }

  get keepAliveMsMax(): number {
    return this.#options.limits.keepAliveMsMax
  }

  get asyncEventConfig(): number {
    return this.events.config
  }

  set asyncEventConfig(value: number) {
    this.events.config = value
  }

  /** Hours since it was connected. */
  get onHours(): number {
    return Math.floor(this.#seconds / HOUR_SECONDS)
  }

  reservationFeature(command: AdminCommand, isSet: boolean): AdminResult | Promise<AdminResult> {
    return this.pages.reservationFeature(command, isSet, this)
  }

  post(event: AsyncEvent): void {
    if (this.properties.isReady) this.events.post(event)
  }

  /** Once a second: gives up a host that does not show that it is there, or never enables its controller. */
  tick(): void {
    const { idleSecondsMax } = this.#options.limits
    this.#seconds++
    if (!this.properties.isReady) {
      if (++this.#disabledSeconds > idleSecondsMax) void this.end('the controller was not enabled')
      return
    }
    this.#disabledSeconds = 0
    if (this.isAlive) {
      this.isAlive = false
      this.#silentSeconds = 0
      return
    }
    const isBounded = this.keepAliveMs > 0 || this.isDiscovery
    if (!isBounded) return
    const secondsMax = this.keepAliveMs > 0 ? Math.ceil(this.keepAliveMs / 1000) : idleSecondsMax
    if (++this.#silentSeconds <= secondsMax) return
    this.properties.fail()
    void this.end('keep alive expired')
  }

  /** The association is over: every queue's connection is cut. Resolves when nothing is under way. Idempotent. */
  end(reason: string): Promise<void> {
    if (this.#ending !== undefined) return this.#ending
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ending = promise
    const queues = [...this.queues.values()]
    this.#options.ended(reason)
    void Promise.all(queues.map((queue) => queue.reset(reason))).then(() => resolve())
    return promise
  }

  /** An admin command, on a queue that is authenticated. 'parked': it is answered by its queue's `complete`. */
  execute(command: AdminCommand): AdminResult | Promise<AdminResult> | 'parked' {
    const { view } = command
    const opcode = view.getUint8(OPCODE_AT)
    if (!isSupportedAdmin(opcode, this.isDiscovery)) return adminStatus(final(STATUS.INVALID_OPCODE), 0)
    if (!this.properties.isReady) return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR))
    switch (opcode) {
      case AdminOpcode.identify:
        return this.#identify(command)
      case AdminOpcode.getLogPage:
        return this.#getLogPage(command)
      case AdminOpcode.abort:
        return this.#abort(command)
      case AdminOpcode.setFeatures:
        return this.#features.set(command)
      case AdminOpcode.getFeatures:
        return this.#features.get(command)
      case AdminOpcode.asynchronousEventRequest:
        return this.events.request(command)
          ? 'parked'
          : adminStatus(final(STATUS.EVENT_REQUEST_LIMIT_EXCEEDED))
      default:
        // Keep Alive: `isAlive` has been set by its arrival.
        return ADMIN_SUCCESS
    }
  }

  /** Property Get and Set (NVMe Base 2.0 §6.5, §6.6). */
  property(command: AdminCommand, type: number): AdminResult {
    const { view } = command
    const attributes = view.getUint8(CDW10) & 7
    const offset = view.getUint32(CDW11, true)
    if (attributes > 1) return adminStatus(final(STATUS.INVALID_FIELD), CDW10)
    const sizeBytes = attributes === 1 ? 8 : 4
    if (type === FabricsType.propertyGet) {
      const value = this.properties.get(offset, sizeBytes)
      if (value === undefined) return adminStatus(final(STATUS.INVALID_FIELD), CDW11)
      return adminValue(value.low, value.high)
    }
    const done = this.properties.set(offset, sizeBytes, view.getUint32(CDW12, true))
    if (done === undefined) return adminStatus(final(STATUS.INVALID_FIELD), CDW11)
    if (done.change === 'reset') this.#reset()
    else if (done.change === 'enabled') this.isAlive = true
    return ADMIN_SUCCESS
  }

  /** CC.EN=0: the admin queue stays, I/O queues and all that was set go. */
  #reset(): void {
    const admin = this.queues.get(0)
    for (const command of this.events.reset()) admin?.drop(command)
    this.#features.reset()
    this.namespacesChanged = false
    for (const queue of [...this.queues.values()]) {
      if (queue.queueId !== 0) void queue.reset('the controller was reset')
    }
  }

  #identify(command: AdminCommand): AdminResult {
    const { view, dataInLengthMax } = command
    const page = this.pages.identify(
      {
        cns: view.getUint8(CDW10),
        controllerId: view.getUint16(CDW10 + 2, true),
        csi: view.getUint8(CDW11 + 3),
        nsid: view.getUint32(NSID_AT, true),
      },
      this,
    )
    return typeof page === 'number' ? adminStatus(page, CDW10) : adminData(page, dataInLengthMax)
  }

  #getLogPage(command: AdminCommand): AdminResult {
    const { view, dataInLengthMax } = command
    const page = view.getUint8(CDW10)
    const flags = view.getUint8(CDW10 + 1)
    const dwords = view.getUint16(CDW10 + 2, true) + view.getUint16(CDW11, true) * 0x1_0000 + 1
    const offset = view.getUint32(CDW12, true) + view.getUint32(CDW13, true) * TWO_32
    if (!this.pages.logPages.includes(page)) return adminStatus(final(STATUS.INVALID_LOG_PAGE), CDW10)
    if ((view.getUint32(CDW14, true) & OFFSET_TYPE_INDEX) !== 0 || offset % 4 !== 0) {
      return adminStatus(final(STATUS.INVALID_FIELD), CDW12)
    }
    const lengthBytes = Math.min(dwords * 4, dataInLengthMax)
    const nsid = view.getUint32(NSID_AT, true)
    const content = this.pages.log({ page, specific: flags & 0x7f, nsid, offset, lengthBytes }, this)
    if (typeof content === 'number') return adminStatus(content, CDW10)
    const isPart = 'part' in content
    if (offset > (isPart ? content.totalBytes : content.byteLength)) {
      return adminStatus(final(STATUS.INVALID_FIELD), CDW12)
    }
    const result = isPart ? adminData(content.part, lengthBytes) : adminData(content, lengthBytes, offset)
    if ((flags & RETAIN_EVENT) === 0) {
      if (page === LogPage.changedNamespaces) this.namespacesChanged = false
      this.events.cleared(page)
    }
    return result
  }

  #abort({ view }: AdminCommand): AdminResult | Promise<AdminResult> {
    const queueId = view.getUint16(CDW10, true)
    const cid = view.getUint16(CDW10 + 2, true)
    if (this.#aborts > ABORT_LIMIT) return adminStatus(final(STATUS.ABORT_LIMIT_EXCEEDED))
    const queue = this.queues.get(queueId)
    if (queue === undefined) return adminValue(NOT_ABORTED)
    const done = queue.abort(cid)
    if (!(done instanceof Promise)) return adminValue(done === true ? 0 : NOT_ABORTED)
    this.#aborts++
    return done.then((isAborted) => {
      this.#aborts--
      return adminValue(isAborted ? 0 : NOT_ABORTED)
    })
  }
}
