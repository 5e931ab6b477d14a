import type { CaseContext, KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'

const MIB = 1 << 20
const SIZE_BYTES = 64 * MIB
const NEW_SIZE_BYTES = 160 * MIB

async function run(context: CaseContext, protocol: 'iscsi' | 'nvme'): Promise<void> {
  const cluster = await context.cluster({
    ...{ volume: 'growing', sizeBytes: SIZE_BYTES, isMultipath: false, protocol },
  })
  const files = new SyncedFiles()
  await context.guest({
    script: 'expand.sh',
    target: cluster,
    environment: {
      PROTOCOL: protocol,
      SIZE_BYTES: String(SIZE_BYTES),
      NEW_SIZE_BYTES: String(NEW_SIZE_BYTES),
    },
    handlers: { ...files.handlers(() => context.guestFolder), ...cluster.handlers },
  })
  await context.finishCluster(cluster)
}

export const expand: KernelCase = {
  name: 'expand',
  summary:
    'the volume of a cluster grows under a mounted, written file system: unit attention, rescan, resize2fs',
  limitSeconds: 600,
  run: (context) => run(context, 'iscsi'),
}

export const nvmeExpand: KernelCase = {
  name: 'nvme-expand',
  summary: 'NVMe/TCP: the same, and the kernel is told by an event',
  limitSeconds: 600,
  run: (context) => run(context, 'nvme'),
}
