/** The authority that is away, and moves that it is asked for. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ReplicationCase, SYNC_ALL } from '../fixture/scene.ts'

/** Longer than a lease: the members' promises carry the volume. */
const AWAY_MS = 8000
const MOVES = 6
/** The bar for a planned move. */
const MOVE_MS = 500

export const authority: ReplicationCase = {
  name: 'authority',
  summary: 'sync_all: hosts go on while the authority is away',
  limitSeconds: 120,
  policy: SYNC_ALL,
  async run(scene) {
    await scene.step('the authority is killed: hosts go on beyond their lease', async () => {
      await scene.cluster.killAuthority()
      scene.witness.takeSlowest()
      const endMs = performance.now() + AWAY_MS
      while (performance.now() < endMs) {
        await scene.witness.progress(100, 5000)
        await delay(50)
      }
      return `they waited ${scene.witness.takeSlowest().toFixed(0)} ms at most`
    })
    await scene.step('it comes back, and nothing changes', async () => {
      await scene.cluster.startAuthority()
      const { registry } = await scene.volume.registry()
      await delay(6000)
      await scene.witness.progress(500)
      const now = (await scene.volume.registry()).registry
      if (now.epoch.number !== registry.epoch.number) throw new Error('another epoch began')
    })
  },
}

export const moves: ReplicationCase = {
  name: 'moves',
  summary: 'sync_all: planned moves of the primary, with hosts that write',
  limitSeconds: 120,
  policy: SYNC_ALL,
  async run(scene) {
    const waits: number[] = []
    for (let move = 0; move < MOVES; move++) {
      await scene.inSync()
      const [to] = await scene.replicas()
      if (to === undefined) throw new Error('there is no replica')
      await scene.step(`the volume moves to ${to.name}`, async () => {
        scene.witness.takeSlowest()
        const primary = await scene.volume.move(to)
        await scene.witness.progress(200)
        const slowestMs = scene.witness.takeSlowest()
        waits.push(slowestMs)
        if (primary !== to) throw new Error(`it went to ${primary.name}`)
        return `hosts waited ${slowestMs.toFixed(0)} ms at most`
      })
    }
    scene.later(`the median of these waits is below ${MOVE_MS} ms`, async () => {
      const median = waits.toSorted((a, b) => a - b)[Math.floor(waits.length / 2)] ?? 0
      if (median > MOVE_MS) throw new Error(`it is ${median.toFixed(0)} ms`)
      return `${median.toFixed(0)} ms`
    })
  },
}
