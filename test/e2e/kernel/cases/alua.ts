import type { KernelCase } from '../fixture/case.ts'

const MIB = 1 << 20

export const alua: KernelCase = {
  name: 'alua',
  summary:
    'dm-multipath with ALUA over three servers: the lead is moved, the primary is killed and comes back',
  limitSeconds: 1200,
  async run(context) {
    const cluster = await context.cluster({ volume: 'alua', sizeBytes: 256 * MIB, isMultipath: true })
    await context.guest({ script: 'alua.sh', target: cluster, handlers: cluster.handlers })
    await context.finishCluster(cluster)
  },
}
