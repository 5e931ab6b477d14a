import type { CaseContext, KernelCase } from '../fixture/case.ts'
import { SpaceWitness } from '../fixture/space-witness.ts'

const MIB = 1024 * 1024
const FIO_SIZE_MIB = 512
/** Space that must be seen taken, and later given back: most of the file, as the log's own size stays. */
const LEAST_BYTES = 0.75 * FIO_SIZE_MIB * MIB

async function run(context: CaseContext, fileSystem: 'ext4' | 'xfs'): Promise<void> {
  const target = await context.target({ volume: fileSystem, size: '2GiB' })
  const witness = await SpaceWitness.open(target, LEAST_BYTES)
  await context.guest({
    script: 'filesystem.sh',
    target,
    environment: { FILE_SYSTEM: fileSystem, FIO_SIZE: `${FIO_SIZE_MIB}M` },
    handlers: witness.handlers,
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
