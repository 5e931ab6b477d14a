/** Servers that do not belong together: refused, said once, and hosts are not held up by it. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ReplicationCase, type Scene, SYNC_ALL } from '../fixture/scene.ts'

/** Time for several attempts. */
const ATTEMPTS_MS = 6000

async function refused(scene: Scene, reason: RegExp): Promise<void> {
  const { volume, witness, servers } = scene
  const stranger = servers[2]
  if (stranger === undefined) throw new Error('there is no third server')
  await scene.step('the stranger leaves the set, and hosts go on', async () => {
    await volume.setIs(servers.slice(0, 2))
    await witness.progress(500)
  })
  await scene.step('the refusal is in the log once, on either side', async () => {
    await delay(ATTEMPTS_MS)
    const primary = await volume.primary()
    for (const server of [primary, stranger]) {
      const lines = server.log().filter((line) => reason.test(line))
      if (lines.length !== 1)
        throw new Error(`${server.name} says it ${lines.length} times:\n${lines.join('\n')}`)
    }
  })
}

const wrong = (
  name: string,
  what: { readonly key?: string; readonly clusterId?: string },
  reason: RegExp,
): ReplicationCase => ({
  name,
  summary: `a server with another ${name.replace('wrong-', 'cluster ')} is refused, and the refusal logged once`,
  limitSeconds: 90,
  policy: SYNC_ALL,
  servers: () => [{}, {}, what],
  isStrangerLast: true,
  run: (scene) => refused(scene, reason),
})

export const wrongKey = wrong('wrong-key', { key: 'another-key-0123456789abcdef0123' }, /notAuthentic/)
export const wrongId = wrong(
  'wrong-id',
  { clusterId: '00000000-58a5-4d0b-9e1f-0c7f3c1a9b11' },
  /wrongCluster/,
)
