import type { KernelCase } from '../fixture/case.ts'

export const logical4096: KernelCase = {
  name: 'logical4096',
  summary: 'a volume of 4096-byte logical blocks',
  limitSeconds: 240,
  async run(context) {
    const target = await context.target({ volume: 'wide', size: '1GiB', logicalBlockBytes: 4096 })
    await context.guest({ script: 'logical4096.sh', target })
    await context.finish(target)
  },
}
