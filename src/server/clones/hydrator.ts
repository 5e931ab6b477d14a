/**
 * Fills a clone: whatever its origin has and nobody wrote yet is read there, and written as a host would, several runs of
 * blocks at once, at a pace that hosts do not feel. What is filled already is passed over, so that it goes on after a
 * restart or a failover without knowing where it was. At the end the origin is given up.
 */
import { BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { OriginSource } from '../../base/ports/origin.ts'
import { BLOCK_BYTES, MIB } from '../../base/units.ts'
import type { CloneDevice } from '../../replication/led-volume.ts'
import { ResyncPacer } from '../../replication/resync/pacer.ts'
import type { TaskRun } from '../tasks/task-runner.ts'
import { originTrouble } from './clone-origin.ts'

export interface HydratorOptions {
  readonly device: CloneDevice & {
    /** Tells how long hosts' commands take; returns the call that ends it. */
    onLatency(listener: (ms: number, nowMs: number) => void): () => void
  }
  readonly origin: OriginSource
  readonly clock: Clock
}

const RUN_BLOCKS_MAX = MIB / BLOCK_BYTES
const RUNS_UNDERWAY_MAX = 4
/** Blocks that are asked for at a time, and so remembered. */
const LISTED_MAX = 8192
/**
 * What does not go through for so long without any success is given up, and whoever wants it begins anew: an origin whose server
 * does not answer soon, for another one may lead it by then; what else is BUSY late.
 */
const PATIENCE_MS = { UNREACHED: 10_000, BUSY: 120_000 } as const
const RETRY_MS = { MIN: 50, MAX: 5_000 } as const
const PASSING: ReadonlySet<BlockErrorCode> = new Set(['BUSY', 'DISCONNECTED', 'TIMED_OUT'])

interface Run {
  readonly block: number
  blocks: number
}

/**
 * Resolves when all is filled, and that is durable. As the device; MEDIUM with the block that the origin cannot give; BUSY at once
 * when the ticket of the origin is over.
 */
export async function hydrate(options: HydratorOptions, run: TaskRun): Promise<void> {
  const { clock, device } = options
  const { origin } = device
  if (origin === null) return
  const hydration = new Hydration(options, run)
  const end = device.onLatency((ms, nowMs) => hydration.pacer.latency(ms, nowMs))
  try {
    const blocks = Math.ceil(origin.sizeBytes / BLOCK_BYTES)
    let fromBlock: number | null = 0
    while (fromBlock !== null) {
      run.progress({ done: fromBlock, total: blocks, unit: 'blocks' })
      fromBlock = await hydration.step(fromBlock, blocks)
      // a clone of nothing takes no longer than its turn
      await clock.yield()
    }
    await hydration.insist(() => device.finishOrigin())
    run.progress({ done: blocks, total: blocks, unit: 'blocks' })
  } finally {
    end()
  }
}

class Hydration {
  readonly pacer: ResyncPacer
  readonly #o: HydratorOptions
  readonly #run: TaskRun
  #successMs: number

  constructor(options: HydratorOptions, run: TaskRun) {
    this.#o = options
    this.#run = run
    this.#successMs = options.clock.monotonicMs()
    this.pacer = new ResyncPacer(this.#successMs)
  }

  /** Fills what is listed next; where to go on, or null at the end. */
  async step(fromBlock: number, blocksMax: number): Promise<number | null> {
    const { device, origin } = this.#o
    const listed = await this.insist(() => origin.changed({ fromBlock, limit: LISTED_MAX }))
    const endBlock = Math.min(listed.nextBlock ?? blocksMax, blocksMax)
    const wanted = listed.blocks.filter(({ kind, block }) => kind === 'data' && block < endBlock)
    const runs: Run[] = []
    let next = 0
    const last = wanted.at(-1)?.block ?? -1
    let at: number | null = wanted[0]?.block ?? null
    while (at !== null && at <= last) {
      const from: number = at
      const { blocks, nextBlock } = await this.insist(() => device.untouched(from, LISTED_MAX))
      for (const block of blocks) {
        while (next < wanted.length && wanted[next]!.block < block) next++
        if (wanted[next]?.block === block) addTo(runs, block)
      }
      at = nextBlock
    }
    await this.#fill(runs)
    return listed.nextBlock === null || endBlock >= blocksMax ? null : endBlock
  }

  async #fill(runs: readonly Run[]): Promise<void> {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let run = runs[next++]; run !== undefined; run = runs[next++]) await this.#fillRun(run)
    }
    const lanes = Array.from({ length: RUNS_UNDERWAY_MAX }, async () => {
      try {
        await lane()
      } catch (error) {
        // the others stop at their next run
        next = runs.length
        throw error
      }
    })
    const ends = await Promise.allSettled(lanes)
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #fillRun({ block, blocks }: Run): Promise<void> {
    const { device, origin, clock } = this.#o
    const data = new Uint8Array(blocks * BLOCK_BYTES)
    for (;;) {
      const waitMs = this.pacer.take(data.byteLength, clock.monotonicMs())
      if (waitMs === 0) break
      await this.#pause(waitMs)
    }
    await this.insist(() => origin.read(block, data))
    await this.insist(() => device.hydrate(block, data))
  }

  /** What does not go through at present is tried again, for as long as something does now and then. */
  async insist<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#o
    const beganMs = clock.monotonicMs()
    let pauseMs: number = RETRY_MS.MIN
    for (;;) {
      this.#run.signal.throwIfAborted()
      try {
        const done = await work()
        this.#successMs = clock.monotonicMs()
        return done
      } catch (error) {
        if (!isBlockError(error) || !PASSING.has(error.code)) throw error
        const failingMs = clock.monotonicMs() - Math.max(this.#successMs, beganMs)
        if (failingMs >= patienceMs(error)) throw error
        this.#run.say(`waits: ${error.message}`)
      }
      await this.#pause(pauseMs)
      pauseMs = Math.min(2 * pauseMs, RETRY_MS.MAX)
    }
  }

  /** Ends early when the task is to end. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#run
    signal.throwIfAborted()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#o.clock.after(ms, resolve)
    const wake = (): void => resolve()
    signal.addEventListener('abort', wake)
    await promise
    signal.removeEventListener('abort', wake)
    timer.cancel()
    signal.throwIfAborted()
  }
}

function patienceMs(error: BlockError): number {
  switch (originTrouble(error)) {
    case 'over':
      return 0
    case 'unreached':
      return PATIENCE_MS.UNREACHED
    case null:
      return PATIENCE_MS.BUSY
  }
}

function addTo(runs: Run[], block: number): void {
  const last = runs.at(-1)
  const isNext = last !== undefined && last.block + last.blocks === block
  if (isNext && last.blocks < RUN_BLOCKS_MAX) last.blocks++
  else runs.push({ block, blocks: 1 })
}

/** Refuses an image that is not the clone's origin. CONFLICT. */
export function checkOrigin(
  { origin }: Pick<CloneDevice, 'origin'>,
  image: { readonly identity: { readonly volume: string }; readonly sizeBytes: number },
): void {
  if (origin === null) return
  if (origin.volume === image.identity.volume && origin.sizeBytes === image.sizeBytes) return
  throw new BlockError('CONFLICT', `the clone is of volume ${origin.volume}, not of ${image.identity.volume}`)
}
