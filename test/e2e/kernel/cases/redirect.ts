import type { KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'

const MIB = 1 << 20

export const redirect: KernelCase = {
  name: 'redirect',
  summary:
    'a session opened at another server than the primary: moved as planned, then the primary is killed',
  limitSeconds: 900,
  async run(context) {
    const cluster = await context.cluster({ volume: 'redirect', sizeBytes: 256 * MIB, isMultipath: false })
    const files = new SyncedFiles()
    await context.guest({
      script: 'redirect.sh',
      target: cluster,
      handlers: { ...files.handlers(() => context.guestFolder), ...cluster.handlers },
    })
    await context.finishCluster(cluster)
  },
}
