/** A disk that fills up or fails under one replica: that one leaves, and hosts go on. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ReplicationCase, SYNC_ALL } from '../fixture/scene.ts'

/** Of util-linux; they need root. */
const MOUNT = 'mount'
const UNMOUNT = 'umount'
const MIB = 1 << 20
/** The log of 16 MiB, and not all of what is written. */
const SMALL_BYTES = 20 * MIB
const LARGE_BYTES = 160 * MIB
/** Time for several attempts at a connection. */
const ATTEMPTS_MS = 6000
/** The last server's data lie there. */
const place = (folder: string): string => join(folder, 'small-disk')

function mount(folder: string): string {
  const path = place(folder)
  mkdirSync(path, { recursive: true })
  execFileSync(MOUNT, ['-t', 'tmpfs', '-o', `size=${SMALL_BYTES}`, 'tmpfs', path])
  return join(path, 'data')
}

const unmount = (folder: string): void => {
  execFileSync(UNMOUNT, ['--lazy', place(folder)])
}

export const fullDisk: ReplicationCase = {
  name: 'full-disk',
  summary: 'sync_all: the disk of one replica fills up, and is made larger',
  limitSeconds: 180,
  policy: SYNC_ALL,
  servers: (folder) => [{}, {}, { data: mount(folder) }],
  cleanUp: unmount,
  async run(scene) {
    const { volume, witness, servers } = scene
    const small = servers[2]
    if (small === undefined) throw new Error('there is no third server')
    await scene.step(`the disk of ${small.name} fills up: it leaves the set, and hosts go on`, async () => {
      await volume.setIs(
        servers.filter((server) => server !== small),
        90_000,
      )
      await witness.progress(2000)
      return `they waited ${witness.takeSlowest().toFixed(0)} ms at most`
    })
    await scene.step('its disk is larger, and it comes back', async () => {
      execFileSync(MOUNT, ['-o', `remount,size=${LARGE_BYTES}`, place(scene.folder)])
      await volume.inSync()
    })
  },
}

export const failedDisk: ReplicationCase = {
  name: 'failed-disk',
  summary: 'sync_all: all writes to the disk of one replica fail, then to that of the primary',
  limitSeconds: 180,
  policy: SYNC_ALL,
  async run(scene) {
    const { volume, witness, servers } = scene
    for (const whose of ['replica', 'primary'] as const) {
      const primary = await volume.serving()
      const [replica = primary] = await scene.replicas()
      const bad = whose === 'primary' ? primary : replica
      await scene.step(`the disk of ${bad.name}, a ${whose}, fails: it leaves, and hosts go on`, async () => {
        witness.takeSlowest()
        bad.failDisk(true)
        await volume.setIs(
          servers.filter((server) => server !== bad),
          30_000,
        )
        await witness.progress(500)
        if (!bad.log().some((line) => line.includes('replica.failed'))) throw new Error('it does not say so')
        return `they waited ${witness.takeSlowest().toFixed(0)} ms at most`
      })
      await scene.step('its disk works again, and it comes back', async () => {
        bad.failDisk(false)
        await volume.inSync()
      })
    }
  },
}

export const lostDisk: ReplicationCase = {
  name: 'lost-disk',
  summary: 'sync_all: one replica loses its disk and is made anew',
  limitSeconds: 180,
  policy: SYNC_ALL,
  async run(scene) {
    const { volume, witness } = scene
    const [lost] = await scene.replicas()
    if (lost === undefined) throw new Error('there is no replica')
    const primary = await volume.primary()
    const refusals = (): number[] =>
      [primary, lost].map((server) => server.log().filter((line) => line.includes('unknownVolume')).length)
    await scene.step(`${lost.name} is killed, and its volume is gone`, async () => {
      await lost.kill()
      rmSync(join(lost.data, 'volumes'), { recursive: true })
      await witness.progress(1000)
    })
    await scene.step(
      'it refuses connections for a volume that it does not have, and that is said once',
      async () => {
        const before = refusals()
        await lost.start()
        await delay(ATTEMPTS_MS)
        const said = refusals().map((count, i) => count - (before[i] ?? 0))
        if (said.some((count) => count !== 1)) throw new Error(`it is said ${said.join(' and ')} times`)
      },
    )
    await scene.step('it is made anew, and comes to be in sync', async () => {
      await volume.change(lost, { isLost: true })
      await volume.inSync()
    })
  },
}

/** A file that is there already: nothing may be read in the place of what was written. */
export const damagedRecord: ReplicationCase = {
  name: 'damaged',
  summary: 'sync_all: one replica cannot be opened, and is repaired by hand',
  limitSeconds: 120,
  policy: SYNC_ALL,
  async run(scene) {
    const { volume, witness } = scene
    const [bad] = await scene.replicas()
    if (bad === undefined) throw new Error('there is no replica')
    const record = join(bad.data, 'volumes', volume.uuid, 'replica.json')
    await scene.step(`${bad.name} starts beside a replica that it cannot read`, async () => {
      await bad.kill()
      writeFileSync(record, '{')
      await bad.start()
      await witness.progress(500)
      if (!bad.log().some((line) => line.includes('replica.unreadable'))) throw new Error('it says nothing')
    })
    await scene.step('the record is written anew, and it comes back', async () => {
      await bad.stop()
      writeFileSync(
        record,
        JSON.stringify({ version: 1, authority: scene.cluster.authorityUrl, madeIn: null }),
      )
      await bad.start()
      await volume.inSync()
    })
  },
}
