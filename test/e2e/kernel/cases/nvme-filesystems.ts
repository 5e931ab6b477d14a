import type { CaseContext, KernelCase } from '../fixture/case.ts'
import { SpaceWitness } from '../fixture/space-witness.ts'

const MIB = 1 << 20
const FIO_SIZE_MIB = 192
/** Most of the file, as the log's own size stays. */
const LEAST_BYTES = 0.75 * FIO_SIZE_MIB * MIB

async function run(context: CaseContext, fileSystem: 'ext4' | 'xfs', connect: string): Promise<void> {
  const target = await context.target({ volume: `nvme-${fileSystem}`, size: '1GiB' })
  const witness = await SpaceWitness.open(target, LEAST_BYTES)
  await context.guest({
    script: 'nvme-filesystems.sh',
    target,
    environment: { FILE_SYSTEM: fileSystem, FIO_SIZE: `${FIO_SIZE_MIB}M`, CONNECT_OPTIONS: connect },
    handlers: witness.handlers,
  })
  await context.finish(target)
}

export const nvmeFilesystems: KernelCase = {
  name: 'nvme-filesystems',
  summary:
    'NVMe/TCP: ext4, and xfs with header and data digests: verified writes; trim and discard give space back',
  limitSeconds: 900,
  async run(context) {
    await run(context, 'ext4', '')
    await run(context, 'xfs', '--hdr-digest --data-digest')
  },
}
