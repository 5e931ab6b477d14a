/** What best_effort does, and does not do, when servers are lost. */
import { BEST_EFFORT, type ReplicationCase } from '../fixture/scene.ts'

export const bestEffort: ReplicationCase = {
  name: 'best-effort',
  summary: 'best_effort: a replica lags and leaves, a primary is lost and what may be missing is recorded',
  limitSeconds: 180,
  policy: BEST_EFFORT,
  async run(scene) {
    const { volume, witness } = scene
    const [slow, other] = await scene.replicas()
    const primary = await volume.primary()
    if (slow === undefined || other === undefined) throw new Error('there are no replicas')
    await scene.step(`the link to ${slow.name} hangs: it leaves the set, and hosts hardly wait`, async () => {
      witness.takeSlowest()
      slow.proxy.hang()
      await volume.setIs([primary, other])
      await witness.progress(500)
      slow.proxy.resume()
      return `they waited ${witness.takeSlowest().toFixed(0)} ms at most`
    })
    await scene.inSync()
    await scene.step(`${primary.name} leads and is killed: hosts go on elsewhere`, async () => {
      const { registry } = await volume.registry()
      witness.takeSlowest()
      witness.isLossAllowed = true
      await primary.kill()
      await volume.serving(30_000, registry.epoch.number + 1)
      await witness.progress(500)
      const { mayHaveLost } = (await volume.registry()).registry
      if (!mayHaveLost) throw new Error('that something may be lost was not recorded')
      return `they waited ${witness.takeSlowest().toFixed(0)} ms at most`
    })
    await scene.step(`everything can be read, and from now on nothing is missing`, async () => {
      await witness.stop()
      await witness.verify()
      witness.isLossAllowed = false
      witness.start()
      await primary.start()
      await witness.progress(500)
    })
    await scene.inSync()
  },
}
