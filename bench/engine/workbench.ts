/** A place to measure the engine in: the real ports, a scratch directory on a real disk, volumes made in it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BufferPool } from '../../src/base/buffer-pool.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { CreateVolumeOptions, OpenVolumeOptions, VolumePorts } from '../../src/blockvol/api.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealDisk } from '../../src/io/disk.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'

export class Workbench {
  readonly ports: VolumePorts
  readonly directory: string
  #count = 0

  private constructor(directory: string) {
    const syscalls = loadSyscalls()
    this.directory = directory
    this.ports = {
      disk: new RealDisk({ syscalls }),
      clock: new RealClock({ syscalls }),
      random: new RealRandom(),
      pool: new BufferPool(),
      logger: silentLogger,
    }
  }

  /** `parent` is a directory on the disk to be measured. */
  static open(parent: string): Workbench {
    mkdirSync(parent, { recursive: true })
    return new Workbench(mkdtempSync(join(parent, 'bench-')))
  }

  /** Makes and opens a volume. */
  async volume(
    create: Partial<CreateVolumeOptions> & { sizeBytes: number },
    open: Partial<OpenVolumeOptions> = {},
  ): Promise<{ volume: Volume; directory: string }> {
    const directory = join(this.directory, `v${this.#count++}`)
    await Volume.create(this.ports, {
      directory,
      uuid: this.ports.random.bytes(16),
      name: 'bench',
      logicalBlockBytes: 4096,
      ...create,
    })
    return { volume: await Volume.open(this.ports, { directory, ...open }), directory }
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Keeps `depth` operations under way until `count` have been started; resolves when all are done. */
export function atDepth(
  depth: number,
  count: number,
  operation: (i: number) => Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0
    let done = 0
    const next = (): void => {
      if (started === count) return
      operation(started++).then(() => {
        if (++done === count) resolve()
        else next()
      }, reject)
    }
    for (let i = 0; i < Math.min(depth, count); i++) next()
  })
}

/** Latencies in microseconds, kept exactly. */
export class Latencies {
  readonly #values: number[] = []

  add(us: number): void {
    this.#values.push(us)
  }

  quantile(q: number): number {
    const sorted = Float64Array.from(this.#values).sort()
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0
  }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** One line of the report. */
export interface Row {
  readonly what: string
  readonly figure: string
  /** The bar of the design, and whether it is reached. */
  readonly bar?: { readonly text: string; readonly isReached: boolean }
  /** What the figure is made of, for the record. */
  readonly facts: Readonly<Record<string, number | readonly number[]>>
}
