import type { KernelCase } from '../fixture/case.ts'

const SIZE_MIB = 256

export const tools: KernelCase = {
  name: 'tools',
  summary: "what sg3-utils reads of the disk, and the commands that the kernel's block layer does not send",
  limitSeconds: 240,
  async run(context) {
    const target = await context.target({ volume: 'tools', size: `${SIZE_MIB}MiB` })
    const environment = { LAST_LBA: String(SIZE_MIB * 2048 - 1) }
    await context.guest({ script: 'tools.sh', target, environment })
    await context.finish(target)
  },
}
