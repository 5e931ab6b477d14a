/** Links between servers that break, hang and are slow. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ReplicationCase, SYNC_ALL } from '../fixture/scene.ts'

const BREAKS = 10
const SLOW_MS = 20

export const links: ReplicationCase = {
  name: 'links',
  summary: 'sync_all: connections of servers break again and again, are cut, hang, and are slow',
  limitSeconds: 240,
  policy: SYNC_ALL,
  async run(scene) {
    const { witness, volume } = scene
    await scene.step(`${BREAKS} times all connections break`, async () => {
      for (let i = 0; i < BREAKS; i++) {
        for (const { proxy } of scene.servers) proxy.breakAll()
        await witness.progress(100)
      }
    })
    await scene.inSync()
    const [replica, other] = await scene.replicas()
    const primary = await volume.primary()
    if (replica === undefined || other === undefined) throw new Error('there are no replicas')
    await scene.step(`${replica.name} is cut off: it leaves the set, and hosts go on`, async () => {
      witness.takeSlowest()
      replica.proxy.cut()
      await volume.setIs([primary, other])
      await witness.progress(500)
      return `they waited ${witness.takeSlowest().toFixed(0)} ms at most`
    })
    await scene.step('the link is mended, and it comes back', async () => {
      replica.proxy.mend()
      await volume.inSync()
    })
    await scene.step(`the link to ${other.name} hangs: it leaves the set, and comes back`, async () => {
      other.proxy.hang()
      await volume.setIs([primary, replica])
      await witness.progress(500)
      other.proxy.resume()
      await volume.inSync()
    })
    await scene.step(`all links take ${SLOW_MS} ms each way: everybody stays in sync`, async () => {
      const before = (await volume.registry()).registry.set.version
      for (const { proxy } of scene.servers) proxy.delay(SLOW_MS)
      await witness.progress(1000)
      for (const { proxy } of scene.servers) proxy.delay(0)
      const after = (await volume.registry()).registry.set.version
      if (after !== before) throw new Error(`the set changed: version ${before} is ${after} now`)
    })
    await scene.step(
      'both replicas are cut off for longer than a lease: the primary goes on alone',
      async () => {
        for (const { proxy } of [replica, other]) proxy.cut()
        await volume.setIs([primary])
        await delay(4000)
        await witness.progress(500)
        for (const { proxy } of [replica, other]) proxy.mend()
      },
    )
  },
}
