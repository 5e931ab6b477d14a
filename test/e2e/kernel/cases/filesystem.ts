import { setTimeout as delay } from 'node:timers/promises'
import type { CaseContext, KernelCase } from '../fixture/case.ts'
import type { Target } from '../fixture/target.ts'

const MIB = 1024 * 1024
const FIO_SIZE_MIB = 512
/** Space that must be seen taken, and later given back: most of the file, as the log's own size stays. */
const LEAST_BYTES = 0.75 * FIO_SIZE_MIB * MIB
const RETURN_LIMIT_MS = 60_000

/** What the host measures while the guest writes and trims. */
class SpaceWitness {
  readonly #target: Target
  readonly #emptyBytes: number
  #takenBytes = 0

  private constructor(target: Target, emptyBytes: number) {
    this.#target = target
    this.#emptyBytes = emptyBytes
  }

  static async open(target: Target): Promise<SpaceWitness> {
    return new SpaceWitness(target, await target.diskUsageBytes())
  }

  async taken(): Promise<string> {
    await this.#target.checkpoint()
    this.#takenBytes = await this.#target.diskUsageBytes()
    const grownBytes = this.#takenBytes - this.#emptyBytes
    if (grownBytes < LEAST_BYTES) throw new Error(`du grew by ${mib(grownBytes)} only`)
    return `du grew by ${mib(grownBytes)}`
  }

  async returned(): Promise<string> {
    const endMs = performance.now() + RETURN_LIMIT_MS
    for (;;) {
      await this.#target.checkpoint()
      const shrunkBytes = this.#takenBytes - (await this.#target.diskUsageBytes())
      if (shrunkBytes >= LEAST_BYTES) return `du shrank by ${mib(shrunkBytes)}`
      if (performance.now() > endMs) throw new Error(`du shrank by ${mib(shrunkBytes)} only`)
      await delay(500)
    }
  }
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`

async function run(context: CaseContext, fileSystem: 'ext4' | 'xfs'): Promise<void> {
  const target = await context.target({ volume: fileSystem, size: '2GiB' })
  const witness = await SpaceWitness.open(target)
  await context.guest({
    script: 'filesystem.sh',
    target,
    environment: { FILE_SYSTEM: fileSystem, FIO_SIZE: `${FIO_SIZE_MIB}M` },
    handlers: { 'space-taken': () => witness.taken(), 'space-returned': () => witness.returned() },
  })
  await context.finish(target)
}

export const ext4: KernelCase = {
  name: 'ext4',
  summary: 'ext4: verified random writes, trim gives space back, fsck clean',
  limitSeconds: 900,
  run: (context) => run(context, 'ext4'),
}

export const xfs: KernelCase = {
  name: 'xfs',
  summary: 'xfs: verified random writes, trim gives space back, xfs_repair clean',
  limitSeconds: 900,
  run: (context) => run(context, 'xfs'),
}
