/** Clusters without a master, without their registry, and with one that is older than they are. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '../../cluster/fixture/api.ts'
import type { MasterCase, Scene } from '../fixture/scene.ts'

interface Status {
  readonly lock: { readonly reason: string } | null
  readonly registry_id: string
}

const status = (scene: Scene): Promise<Status> => scene.cluster.api.call<Status>('GET', '/block/status')

async function locked(scene: Scene): Promise<void> {
  await scene.cluster.api.until('the lock', 30_000, async () =>
    (await status(scene)).lock === null ? undefined : true,
  )
}

/** The call must be refused for the lock. */
async function refused(what: string, call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof ApiError) || error.status !== 409)
    throw new Error(`${what} was not refused: ${String(error)}`)
}

const withoutMaster: MasterCase = {
  name: 'no-master',
  summary: 'volumes are served for as long as there is no master, and set changes wait for it',
  servers: 3,
  async run(scene) {
    const { cluster } = scene
    await scene.create('base')
    const witness = await scene.load('base')
    await witness.progress(200)
    await cluster.master.kill()
    await scene.check('hosts are served for 20 s without a master', async () => {
      witness.takeSlowest()
      const endMs = performance.now() + 20_000
      while (performance.now() < endMs) await witness.progress(100)
      if (witness.takeSlowest() > 2000) throw new Error('hosts waited for more than 2 s')
    })
    await cluster.master.start()
    await cluster.connected(3)
    await scene.check('nothing acknowledged is missing, and the volume is healthy', async () => {
      await cluster.api.healthy('base')
      await scene.noDoublePrimary()
      await scene.verify()
    })
  },
}

const lost: MasterCase = {
  name: 'lost-registry',
  summary: 'the registry is gone; a new one is made from what servers have',
  servers: 3,
  async run(scene) {
    const { cluster } = scene
    const { api } = cluster
    const before = await scene.create('base')
    await scene.create('other', undefined, 3)
    await scene.load('base')
    const registry = (await status(scene)).registry_id
    await cluster.master.kill()
    rmSync(cluster.masterData, { recursive: true })
    await cluster.master.start()
    await cluster.connected(3)
    await scene.check('a new registry is locked, and deletes nothing', async () => {
      await locked(scene)
      if ((await status(scene)).registry_id === registry) throw new Error('it is the same registry')
      await refused('a creation', api.call('POST', '/block/volume', { name: 'third', size_bytes: 16 << 20 }))
    })
    await scene.check('recover takes the volumes over, as they were', async () => {
      await api.call('POST', '/block/recover', { force: false })
      const after = await api.healthy('base')
      if (after.id !== before.id || after.size_bytes !== before.size_bytes)
        throw new Error('it is another volume')
      if (after.replicas.length !== 2) throw new Error(`base has ${after.replicas.length} replicas`)
      if ((await api.healthy('other')).replicas.length !== 3) throw new Error('other lacks replicas')
      if ((await status(scene)).lock !== null) throw new Error('the lock stays')
    })
    await scene.check('nothing acknowledged is missing, no orphan, no double primary', async () => {
      await scene.noDoublePrimary()
      await scene.noOrphans()
      await scene.verify()
    })
    await scene.check('and it is a cluster as before', async () => {
      await scene.create('third')
    })
  },
}

const old: MasterCase = {
  name: 'old-registry',
  summary: 'the registry is put back from an old copy; it does nothing until it is recovered',
  servers: 3,
  async run(scene) {
    const { cluster } = scene
    const { api } = cluster
    await scene.create('base')
    await scene.load('base')
    await cluster.master.stop()
    const copy = join(cluster.directory, 'copy')
    cpSync(cluster.masterData, copy, { recursive: true })
    await cluster.master.start()
    await cluster.connected(3)
    // since then: a volume more, and another primary
    await scene.create('later')
    const { volume_server, epoch } = await api.healthy('base')
    await cluster.serverOf(volume_server).kill()
    await api.until('another primary', 30_000, async () => {
      const now = await api.volume('base')
      return now?.serving === true && now.volume_server !== volume_server ? true : undefined
    })
    await cluster.serverOf(volume_server).start()
    await api.healthy('base')
    await cluster.master.stop()
    rmSync(cluster.masterData, { recursive: true })
    cpSync(copy, cluster.masterData, { recursive: true })
    await cluster.master.start()
    await cluster.connected(3)
    await scene.check('the old copy is known as one, and promotes and deletes nothing', async () => {
      await locked(scene)
      await refused('a deletion', api.call('DELETE', '/block/volume/base'))
      await refused(
        'a promotion',
        api.call('POST', '/block/volume/base/promote', { force: false, reason: 'test' }),
      )
    })
    await scene.check('recover: epochs above all that were reported, and every volume is there', async () => {
      await api.call('POST', '/block/recover', { force: false })
      const base = await api.healthy('base')
      if (base.epoch <= epoch) throw new Error(`epoch ${base.epoch} is not above ${epoch}`)
      await api.healthy('later')
    })
    await scene.check('nothing acknowledged is missing, no orphan, no double primary', async () => {
      await scene.noDoublePrimary()
      await scene.noOrphans()
      await scene.verify()
    })
  },
}

export const REGISTRY: readonly MasterCase[] = [withoutMaster, lost, old]
