/**
 * Keeps a reserve of disk space for what must always be possible: log, map, state and superblock. When free space
 * falls below it, writes that would need new space are refused with NO_SPACE before they reach the log;
 * overwrites and trims go on. Free space is sampled before the first write, and then at most once a second and only
 * while writes come in.
 */
import type { Clock } from '../base/ports/clock.ts'
import type { Disk } from '../base/ports/disk.ts'

const SAMPLE_INTERVAL_MS = 1000

interface SpaceGuardOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** Of what lies on the disk. */
  readonly path: string
  readonly reserveBytes: number
  /** How much the flusher may still have to find room for. */
  readonly unflushedBytes: () => number
}

export class SpaceGuard {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #path: string
  readonly #reserveBytes: number
  readonly #unflushedBytes: () => number
  #sampledMs = Number.NEGATIVE_INFINITY
  #sampling: Promise<void> | undefined
  #freeBytes = Number.POSITIVE_INFINITY

  /** Resolves when the disk was looked at. */
  static async open(options: SpaceGuardOptions): Promise<SpaceGuard> {
    const guard = new SpaceGuard(options)
    await guard.sample()
    return guard
  }

  private constructor(options: SpaceGuardOptions) {
    this.#disk = options.disk
    this.#clock = options.clock
    this.#path = options.path
    this.#reserveBytes = options.reserveBytes
    this.#unflushedBytes = options.unflushedBytes
  }

  /** Whether new space must not be promised, by the last sample. Starts the next one when it is due. */
  get isLow(): boolean {
    if (this.#clock.monotonicMs() - this.#sampledMs >= SAMPLE_INTERVAL_MS) void this.sample()
    return this.#freeBytes < this.#reserveBytes + this.#unflushedBytes()
  }

  /** Looks at the disk. An error of the look counts as no news. */
  sample(): Promise<void> {
    this.#sampledMs = this.#clock.monotonicMs()
    this.#sampling ??= this.#disk
      .space(this.#path)
      .then(
        ({ freeBytes }) => {
          this.#freeBytes = freeBytes
        },
        () => undefined,
      )
      .finally(() => {
        this.#sampling = undefined
      })
    return this.#sampling
  }
}
