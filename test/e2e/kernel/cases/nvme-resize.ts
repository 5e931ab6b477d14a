import type { KernelCase } from '../fixture/case.ts'

const MIB = 1 << 20
const SIZE_BYTES = 64 * MIB
const NEW_SIZE_BYTES = 160 * MIB

export const nvmeResize: KernelCase = {
  name: 'nvme-resize',
  summary: 'NVMe/TCP: the volume of a cluster grows under a mounted file system, and the kernel is told',
  limitSeconds: 300,
  async run(context) {
    const cluster = await context.cluster({
      ...{ volume: 'growing', sizeBytes: SIZE_BYTES, isMultipath: false, protocol: 'nvme' },
    })
    await context.guest({
      script: 'nvme-resize.sh',
      target: cluster,
      environment: { SIZE_BYTES: String(SIZE_BYTES), NEW_SIZE_BYTES: String(NEW_SIZE_BYTES) },
      handlers: cluster.handlers,
    })
    await context.finishCluster(cluster)
  },
}
