import type { KernelCase } from '../fixture/case.ts'

const SIZE_MIB = 512

export const nvmeSmoke: KernelCase = {
  name: 'nvme-smoke',
  summary: 'NVMe/TCP: discovery, what nvme-cli shows, ext4 with verified writes, flush, fsck, disconnect',
  limitSeconds: 180,
  async run(context) {
    const target = await context.target({ volume: 'nvme-smoke', size: `${SIZE_MIB}MiB` })
    const environment = { SIZE_BYTES: String(SIZE_MIB << 20) }
    await context.guest({ script: 'nvme-smoke.sh', target, environment })
    await context.finish(target)
  },
}
