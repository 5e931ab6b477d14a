/**
 * Carries out a sanitize operation (operation.ts) on one volume, for all its front ends. The operation is durable in
 * the front ends' records before anyone is told that it has begun, and goes on at the next opening of the volume,
 * until it is complete or has failed; meanwhile the front ends let nobody at the blocks.
 *
 * Always true: a write that gets its place in the log after the operation's record is refused, so that nothing lands
 * on what was wiped; an operation ends only when everything is durable and the old content has left the extents.
 * The log's ring keeps old entries until it comes round; no command reads them. Snapshots hold old content on purpose: with
 * any of them nothing begins, and an operation beside which one was made fails.
 */
import { BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { GIB, MIB } from '../../base/units.ts'
import type { FrontendRecords } from '../records.ts'
import {
  advance,
  begin,
  beginExit,
  nextStep,
  overwriteStepBytes,
  progressOf,
  type SanitizeOperation,
  type SanitizeRequest,
  type SanitizeStep,
} from './operation.ts'

export interface SanitizerOptions {
  readonly device: BlockDevice
  readonly records: FrontendRecords
  readonly clock: Clock
  readonly logger: Logger
  /** How much an overwrite writes in a second; 128 MiB by default. */
  readonly bytesPerSecond?: number
}

/** How an operation ended; 'lost': the opening of the volume did, and the operation goes on at the next one. */
export type SanitizeEnd = 'done' | 'failed' | 'lost'

const BYTES_PER_SECOND = 128 * MIB
/** Progress is stored this often, so that a restart repeats little. */
const SAVE_MS = 5_000
/** Patterns are short in the log and long on the disk: so much may wait to be written out. */
const CHECKPOINT_BYTES = GIB
const RETRY_MS = 1_000

/** Errors after which this opening does nothing more. */
const LOST: readonly BlockErrorCode[] = ['CLOSED', 'POISONED', 'DISCONNECTED']

export class Sanitizer {
  readonly #o: SanitizerOptions
  readonly #bytesPerSecond: number
  readonly #stepBytes: number
  readonly #waiting = new Set<(end: SanitizeEnd) => void>()
  #operation: SanitizeOperation | undefined
  #isStopped = false

  /** Goes on with the operation that the records hold, if they hold one. */
  constructor(options: SanitizerOptions) {
    this.#o = options
    this.#bytesPerSecond = options.bytesPerSecond ?? BYTES_PER_SECOND
    this.#stepBytes = overwriteStepBytes(this.#bytesPerSecond)
    this.#operation = options.records.current.sanitize
    // what is read-only is not written, and not served either while it is half wiped
    if (this.#operation?.state === 'running' && !options.device.readOnly) this.#run('sanitize.resumed')
  }

  /** Undefined: the blocks may be used. */
  get operation(): SanitizeOperation | undefined {
    return this.#operation
  }

  /** PROGRESS INDICATION of a running operation, parts of 65536. */
  get progress(): number {
    return this.#operation === undefined ? 0 : progressOf(this.#operation, this.#o.device.sizeBytes)
  }

  /**
   * Begins an operation; durable when the promise resolves. `admit` is called where it gets its place in the log, and
   * may refuse it. BUSY when one is running, READ_ONLY while there are snapshots. The caller has
   * checked that a failed one may be followed by this one.
   */
  start(request: SanitizeRequest, admit: () => void): Promise<void> {
    return this.#start(begin(request), admit)
  }

  /** Leaves a failed operation by wiping what it left; as `start`. */
  exit(admit: () => void): Promise<void> {
    return this.#start(beginExit(), admit)
  }

  /** Calls `listener` once, when the operation has ended, at once if it has; returns the call that takes it back. */
  whenEnded(listener: (end: SanitizeEnd) => void): () => void {
    const state = this.#operation?.state
    if (this.#isStopped) listener('lost')
    else if (state === undefined) listener('done')
    else if (state === 'failed') listener('failed')
    else this.#waiting.add(listener)
    return () => this.#waiting.delete(listener)
  }

  /** The opening of the volume has ended. Idempotent. */
  stop(): void {
    this.#isStopped = true
    this.#tell('lost')
  }

  async #start(operation: SanitizeOperation, admit: () => void): Promise<void> {
    const before = this.#operation
    try {
      await this.#o.records.change(
        { sanitize: operation },
        {
          admit: () => {
            if (this.#operation?.state === 'running') {
              throw new BlockError('BUSY', 'the volume is being sanitized')
            }
            this.#refuseSnapshots()
            admit()
            this.#operation = operation
          },
        },
      )
    } catch (error) {
      if (this.#operation === operation) this.#operation = before
      throw error
    }
    this.#run('sanitize.began')
  }

  #run(event: 'sanitize.began' | 'sanitize.resumed'): void {
    const { device, logger } = this.#o
    const operation = this.#operation!
    logger.info(event, { volume: device.name, method: operation.method, passes: operation.passes })
    void this.#carryOut().then(
      (end) => this.#tell(end),
      (error: unknown) => this.#fail(error),
    )
  }

  /** All steps of the operation, and what makes them final. */
  async #carryOut(): Promise<SanitizeEnd> {
    const { device, records, clock, logger } = this.#o
    let savedMs = clock.monotonicMs()
    let uncheckedBytes = 0
    for (;;) {
      if (this.#isStopped) return 'lost'
      const { logicalBlockBytes, sizeBytes } = device
      const operation = this.#operation!
      const step = nextStep(operation, { sizeBytes, logicalBlockBytes, overwriteStepBytes: this.#stepBytes })
      if (step === undefined) break
      const beganMs = clock.monotonicMs()
      await this.#patiently(() => this.#write(step))
      const next = advance(operation, step, sizeBytes)
      this.#operation = next
      uncheckedBytes += step.pattern === undefined ? 0 : step.lengthBytes
      if (uncheckedBytes >= CHECKPOINT_BYTES) {
        await this.#patiently(() => device.checkpoint())
        uncheckedBytes = 0
      }
      if (next.passesDone > operation.passesDone || clock.monotonicMs() - savedMs >= SAVE_MS) {
        await this.#patiently(() => records.change({ sanitize: next }))
        savedMs = clock.monotonicMs()
      }
      await this.#pace(step, beganMs)
    }
    await this.#patiently(() => device.flush())
    await this.#patiently(() => device.checkpoint())
    this.#refuseSnapshots()
    await this.#patiently(() => records.change({ sanitize: undefined }))
    this.#operation = undefined
    logger.info('sanitize.ended', { volume: device.name })
    return 'done'
  }

  #refuseSnapshots(): void {
    const { device } = this.#o
    if (!device.hasSnapshots) return
    throw new BlockError(
      'READ_ONLY',
      `snapshots of ${device.name} hold what would be wiped; delete them first`,
    )
  }

  #write({ offsetBytes, lengthBytes, pattern }: SanitizeStep): Promise<void> {
    const { device } = this.#o
    return pattern === undefined
      ? device.trim(offsetBytes, lengthBytes)
      : device.writeSame(offsetBytes, lengthBytes, pattern)
  }

  /** Repeats what the device is too busy for. */
  async #patiently(action: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await action()
        return
      } catch (error) {
        if (!isBlockError(error, 'BUSY') || this.#isStopped) throw error
        await this.#o.clock.sleep(RETRY_MS)
      }
    }
  }

  /** Waits until the step has taken the time that it may. */
  async #pace({ lengthBytes, pattern }: SanitizeStep, beganMs: number): Promise<void> {
    const { clock } = this.#o
    const dueMs = pattern === undefined ? 0 : (1000 * lengthBytes) / this.#bytesPerSecond
    const leftMs = dueMs - (clock.monotonicMs() - beganMs)
    await (leftMs > 0 ? clock.sleep(leftMs) : clock.yield())
  }

  async #fail(error: unknown): Promise<void> {
    const { device, records, logger } = this.#o
    if (!isBlockError(error)) throw error
    if (this.#isStopped || LOST.includes(error.code)) {
      this.#tell('lost')
      return
    }
    logger.error('sanitize.failed', { volume: device.name, code: error.code }, error)
    const failed: SanitizeOperation = { ...this.#operation!, state: 'failed' }
    this.#operation = failed
    try {
      await records.change({ sanitize: failed })
    } catch (cause) {
      // stored as running: a restart tries again
      if (!isBlockError(cause)) throw cause
      logger.warn('sanitize.failure_not_stored', { volume: device.name }, cause)
    }
    this.#tell('failed')
  }

  #tell(end: SanitizeEnd): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const listener of waiting) listener(end)
  }
}
