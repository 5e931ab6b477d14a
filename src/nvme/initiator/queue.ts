/**
 * The shell around a queue core: one connection, the clock, promises. Commands that are submitted in one turn of the
 * event loop leave in one write; those that are submitted from within a completion leave with the other answers to the
 * same chunk. There is no promise per PDU, and none at all for commands with a handler.
 *
 * That the connection's output is full is not heeded: what stands in it is bounded by the entries of the queue, and
 * consists of the callers' own buffers.
 */
import type { HostPort } from '../../base/address.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Connection, Net } from '../../base/ports/net.ts'
import { KIB } from '../../base/units.ts'
import type { IcResp } from '../pdu/initialize.ts'
import type { NvmeHandler, NvmeRequest, NvmeResult } from './command.ts'
import { QueueCore, type QueueOptions } from './queue-core.ts'

export interface QueuePorts {
  readonly net: Net
  readonly clock: Clock
  readonly pool: BufferPool
}

/** A command with so much data leaves at once: the controller can work on it while the next one is made. */
const EAGER_BYTES = 64 * KIB
/** How often a queue with something outstanding looks at the clock. */
const TICK_MS = 100

export class NvmeQueue {
  readonly #core: QueueCore
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #opened = Promise.withResolvers<IcResp>()
  readonly #closed = Promise.withResolvers<BlockError>()
  #agreed: IcResp | undefined
  #timer: Timer | undefined
  /** A flush is sure to come: by a microtask, or at the end of the present chunk. */
  #isFlushDue = false

  private constructor(connection: Connection, ports: QueuePorts, options: QueueOptions) {
    this.#connection = connection
    this.#clock = ports.clock
    this.#core = new QueueCore(ports.pool, options, {
      opened: (agreed) => {
        this.#agreed = agreed
        this.#opened.resolve(agreed)
      },
      ended: (error) => this.#ended(error),
    })
  }

  /**
   * Connects and exchanges Initialize Connection. DISCONNECTED when that fails or takes longer than `timeoutMs`,
   * PROTOCOL when the controller refuses or answers what no host can take.
   */
  static async open(
    ports: QueuePorts,
    portal: HostPort,
    options: QueueOptions & { readonly timeoutMs: number },
  ): Promise<NvmeQueue> {
    const { net, clock } = ports
    const connection = await net.connect({ ...portal, timeoutMs: options.timeoutMs })
    const queue = new NvmeQueue(connection, ports, options)
    const timer = clock.after(options.timeoutMs, () => {
      queue.#core.fail(new BlockError('DISCONNECTED', 'Initialize Connection took too long'))
    })
    queue.#core.tick(clock.monotonicMs())
    queue.#core.start()
    connection.start({
      data: (chunk) => queue.#data(chunk),
      drain: () => undefined,
      closed: (cause) => {
        queue.#core.fail(new BlockError('DISCONNECTED', 'the controller closed the connection', { cause }))
      },
    })
    queue.#send()
    try {
      await queue.#opened.promise
      return queue
    } finally {
      timer.cancel()
    }
  }

  /** What Initialize Connection came to. */
  get agreed(): IcResp | undefined {
    return this.#agreed
  }

  get isOpen(): boolean {
    return !this.#core.isEnded
  }

  /** Commands that are not over. */
  get outstanding(): number {
    return this.#core.outstanding
  }

  /** Resolves when the queue is over, with the reason. */
  get closed(): Promise<BlockError> {
    return this.#closed.promise
  }

  /** From the next command on. */
  setLimits(limits: { entries?: number; capsuleDataBytes?: number }): void {
    this.#core.setLimits(limits)
  }

  /** Begins a command and tells `handler` its end; no promise is made. */
  submit(request: NvmeRequest, handler: NvmeHandler): void {
    this.#arm()
    this.#core.submit(request, handler)
    if ((request.dataOut?.byteLength ?? 0) >= EAGER_BYTES) this.#send()
    else this.#flushSoon()
  }

  /** Runs a command. Rejects as `NvmeHandler.failed` tells; a status other than success is no error here. */
  execute(request: NvmeRequest): Promise<NvmeResult> {
    return new Promise((resolve, reject) => {
      this.submit(request, { completed: resolve, failed: reject })
    })
  }

  /** Runs two commands as one (Compare and Write). */
  async executeFused(first: NvmeRequest, second: NvmeRequest): Promise<readonly [NvmeResult, NvmeResult]> {
    this.#arm()
    const results = [first, second].map(() => Promise.withResolvers<NvmeResult>())
    const handlers = results.map(({ resolve, reject }) => ({ completed: resolve, failed: reject }))
    this.#core.submitFused(first, second, [handlers[0]!, handlers[1]!])
    this.#flushSoon()
    const [one, other] = await Promise.all(results.map(({ promise }) => promise))
    return [one!, other!]
  }

  /** Closes at once; what is outstanding fails with DISCONNECTED, or with `error`. Idempotent. */
  close(error = new BlockError('DISCONNECTED', 'the queue was closed')): void {
    this.#core.fail(error)
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
    queueMicrotask(this.#flushTurn)
  }

  readonly #flushTurn = (): void => this.#flush()

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
      if (this.#core.outstanding === 0) return
      this.#arm()
      this.#flush()
    })
  }

  /** A TermReq, if there is one to send, leaves before the end of the connection. */
  #ended(error: BlockError): void {
    this.#timer?.cancel()
    this.#send()
    if (error.code === 'PROTOCOL') this.#connection.end()
    else this.#connection.destroy()
    this.#opened.reject(error)
    this.#opened.promise.catch(() => undefined)
    this.#closed.resolve(error)
  }
}
