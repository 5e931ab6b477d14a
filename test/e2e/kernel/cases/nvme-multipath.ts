import type { KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'

const MIB = 1 << 20

export const nvmeMultipath: KernelCase = {
  name: 'nvme-multipath',
  summary:
    "NVMe/TCP: the kernel's multipath over three servers: the lead is moved, the primary is killed, and hangs",
  limitSeconds: 900,
  async run(context) {
    // not a multipath volume: that is a matter of iSCSI, over NVMe every server with a replica is a path
    const cluster = await context.cluster({
      ...{ volume: 'nvme-paths', sizeBytes: 256 * MIB, isMultipath: false, protocol: 'nvme' },
    })
    const files = new SyncedFiles()
    await context.guest({
      script: 'nvme-multipath.sh',
      target: cluster,
      handlers: { ...files.handlers(() => context.guestFolder), ...cluster.handlers },
    })
    await context.finishCluster(cluster)
  },
}
