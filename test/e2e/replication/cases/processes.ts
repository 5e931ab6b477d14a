/** Processes that end, hang or are restarted, one after the other, replicas and primaries alike. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerProcess } from '../fixture/cluster.ts'
import { type ReplicationCase, type Scene, SYNC_ALL, SYNC_QUORUM } from '../fixture/scene.ts'

/** The bar for the first command after a primary was lost. */
const FAILOVER_MS = 5000
/** Longer than a lease. */
const STOP_MS = 5000

async function away(
  scene: Scene,
  name: string,
  act: {
    readonly leave: (server: ServerProcess) => Promise<void>
    readonly back: (server: ServerProcess) => Promise<void>
  },
  victims: readonly ('replica' | 'primary')[],
): Promise<void> {
  const failovers: number[] = []
  for (const victim of victims) {
    const primary = await scene.volume.serving()
    const [replica] = await scene.replicas()
    const server = victim === 'primary' ? primary : (replica ?? primary)
    await scene.step(`${name} ${server.name}, a ${victim}: hosts go on`, async () => {
      scene.witness.takeSlowest()
      await act.leave(server)
      await scene.witness.progress(500)
      const slowestMs = scene.witness.takeSlowest()
      if (victim === 'primary') failovers.push(slowestMs)
      return `they waited ${slowestMs.toFixed(0)} ms at most`
    })
    await scene.step(`${server.name} comes back`, async () => {
      await act.back(server)
      await scene.witness.progress(200)
    })
    await scene.inSync()
  }
  scene.later(`${name}: after each loss of a primary hosts waited less than ${FAILOVER_MS} ms`, async () => {
    const slowestMs = Math.max(...failovers)
    if (slowestMs > FAILOVER_MS) throw new Error(`they waited ${slowestMs.toFixed(0)} ms`)
    return `${slowestMs.toFixed(0)} ms at most`
  })
}

const kill = {
  leave: (server: ServerProcess) => server.kill(),
  back: (server: ServerProcess) => server.start(),
}
const freeze = {
  leave: async (server: ServerProcess) => {
    server.signal('SIGSTOP')
    await delay(STOP_MS)
  },
  back: async (server: ServerProcess) => server.signal('SIGCONT'),
}
const blink = {
  leave: async (server: ServerProcess) => {
    server.signal('SIGSTOP')
    await delay(700)
    server.signal('SIGCONT')
  },
  back: async () => undefined,
}
const restart = {
  leave: async (server: ServerProcess) => {
    await server.stop()
  },
  back: (server: ServerProcess) => server.start(),
}

const TURNS = ['replica', 'primary', 'primary', 'replica', 'primary'] as const

export const smoke: ReplicationCase = {
  name: 'smoke',
  summary: 'three replicas, written, read, compared',
  limitSeconds: 60,
  policy: SYNC_ALL,
  async run(scene) {
    await scene.step('5000 writes', () => scene.witness.progress(5000))
  },
}

export const kills: ReplicationCase = {
  name: 'kills',
  summary: 'sync_all: each server is killed in turn and started again',
  limitSeconds: 240,
  policy: SYNC_ALL,
  run: (scene) => away(scene, 'SIGKILL of', kill, TURNS),
}

export const stops: ReplicationCase = {
  name: 'stops',
  summary: 'sync_all: each server is stopped for longer than a lease, and goes on',
  limitSeconds: 240,
  policy: SYNC_ALL,
  run: async (scene) => {
    await away(scene, 'SIGSTOP of', freeze, TURNS)
    await away(scene, 'a short SIGSTOP of', blink, ['replica', 'primary'])
  },
}

export const restarts: ReplicationCase = {
  name: 'restarts',
  summary: 'sync_all: each server is restarted in good order',
  limitSeconds: 240,
  policy: SYNC_ALL,
  run: (scene) => away(scene, 'SIGTERM of', restart, TURNS),
}

export const quorum: ReplicationCase = {
  name: 'quorum',
  summary: 'sync_quorum: a replica is killed or stopped, then the primary',
  limitSeconds: 240,
  policy: SYNC_QUORUM,
  run: async (scene) => {
    await away(scene, 'SIGKILL of', kill, ['replica', 'primary', 'primary'])
    await away(scene, 'SIGSTOP of', freeze, ['replica', 'primary'])
  },
}

export const together: ReplicationCase = {
  name: 'together',
  summary: 'all servers are killed at once, twice, and the authority with them',
  limitSeconds: 180,
  policy: SYNC_ALL,
  async run(scene) {
    for (const isAuthorityToo of [false, true]) {
      const whom = isAuthorityToo ? 'all servers and the authority' : 'all servers'
      await scene.step(`SIGKILL of ${whom} at once`, async () => {
        await scene.witness.progress(500)
        const ends = scene.servers.map((server) => server.kill())
        if (isAuthorityToo) ends.push(scene.cluster.killAuthority())
        await Promise.all(ends)
      })
      await scene.step('they come back, and hosts go on', async () => {
        if (isAuthorityToo) await scene.cluster.startAuthority()
        for (const server of scene.servers) await server.start()
        await scene.witness.progress(500)
      })
      await scene.inSync()
    }
  },
}
