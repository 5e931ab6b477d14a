import type { KernelCase } from '../fixture/case.ts'

const MIB = 1 << 20

export const failoverReservations: KernelCase = {
  name: 'failover-reservations',
  summary: 'persistent reservations of two initiators survive the death of the primary, and work after it',
  limitSeconds: 600,
  async run(context) {
    const cluster = await context.cluster({
      ...{ volume: 'reserved', sizeBytes: 64 * MIB, isMultipath: false },
    })
    await context.guest({ script: 'failover-reservations.sh', target: cluster, handlers: cluster.handlers })
    await context.finishCluster(cluster)
  },
}
