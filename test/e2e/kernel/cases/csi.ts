import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RealCluster } from '../../cluster/fixture/real-cluster.ts'
import type { CaseContext, KernelCase } from '../fixture/case.ts'
import { CsiController } from '../fixture/csi-controller.ts'
import { GUEST_VIEW_OF_HOST, type GuestTarget } from '../fixture/target.ts'

const REPOSITORY = join(import.meta.dirname, '..', '..', '..', '..')
/** The driver and what checks it are two processes of Node, and file systems are mounted beside them. */
const MEMORY_MIB = 2048

/** Volumes come and go: none is the guest's from the start. */
const NO_TARGET: GuestTarget = {
  ...{ iqn: '', nqn: '', portals: [], nvmePortals: [], networkCards: 1 },
  died: new Promise<never>(() => undefined),
}

export const csi: KernelCase = {
  name: 'csi',
  summary: "the CSI node service with the guest's own tools: every call killed in the middle, and made twice",
  limitSeconds: 3000,
  async run(context) {
    const folder = mkdtempSync(join(tmpdir(), 'csi-'))
    try {
      const cluster = await RealCluster.start(join(context.folder, 'cluster'), {
        servers: 2,
        portalHost: GUEST_VIEW_OF_HOST,
      })
      try {
        await lifeOfVolumes(context, cluster, folder)
      } finally {
        await cluster.destroy()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function lifeOfVolumes(context: CaseContext, cluster: RealCluster, folder: string): Promise<void> {
  const controller = await CsiController.start({ folder, masterUrl: cluster.masterUrl })
  try {
    await context.guest({
      script: 'csi.sh',
      target: NO_TARGET,
      handlers: controller.handlers,
      memoryMib: MEMORY_MIB,
      shares: { repo: REPOSITORY },
    })
    const { volumes } = await cluster.api.call<{ volumes: unknown[] }>('GET', '/block/volumes')
    context.check('no volume is left', volumes.length === 0, JSON.stringify(volumes))
  } finally {
    context.file('controller.log', controller.log().join('\n'))
    await controller.close()
  }
}
