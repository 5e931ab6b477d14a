import type { KernelCase } from '../fixture/case.ts'
import { snapshotHandlers } from '../fixture/snapshots.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'

const MIB = 1 << 20
const VOLUME = 'snapped'

export const snapshots: KernelCase = {
  name: 'snapshots',
  summary:
    'snapshots of a mounted ext4 under writes: a clone that is written to, and exposures that cannot be',
  limitSeconds: 1200,
  async run(context) {
    const cluster = await context.cluster({ volume: VOLUME, sizeBytes: 256 * MIB, isMultipath: false })
    const files = new SyncedFiles()
    await context.guest({
      script: 'snapshots.sh',
      target: cluster,
      handlers: {
        ...files.handlers(() => context.guestFolder),
        ...cluster.handlers,
        ...snapshotHandlers(cluster.api, VOLUME, files),
      },
    })
    await context.finishCluster(cluster)
  },
}
