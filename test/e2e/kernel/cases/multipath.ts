import type { KernelCase } from '../fixture/case.ts'

export const multipath: KernelCase = {
  name: 'multipath',
  summary: 'two portals under multipathd; each path is cut in turn under verified writes and comes back',
  limitSeconds: 900,
  async run(context) {
    const target = await context.target({ volume: 'multipath', size: '256MiB', portals: 2 })
    await context.guest({ script: 'multipath.sh', target })
    await context.finish(target)
  },
}
