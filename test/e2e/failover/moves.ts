/** Planned moves of the lead while hosts write: what the longest command took from when it was given. */
import type { Scene } from './fixture/scene.ts'
import type { LoadedVolume } from './fixture/volumes.ts'

const PAUSE_MS = 500

/** `number` of each volume, each to the next server. */
export async function moves(scene: Scene, number: number): Promise<void> {
  scene.report.title(`planned moves: ${number} of each volume`)
  for (const volume of scene.volumes) {
    await scene.check(
      `${volume.kind}: no command takes longer than ${PAUSE_MS} ms in a planned move`,
      async () => {
        const pauses: number[] = []
        for (let i = 0; i < number; i++) pauses.push(await move(scene, volume))
        for (const ms of pauses) scene.measured(scene.figures.moves, volume.kind, ms)
        const late = pauses.filter((ms) => ms > PAUSE_MS)
        if (late.length > 0) throw new Error(`it took ${late.map((ms) => ms.toFixed(0)).join(', ')} ms`)
      },
    )
  }
  await scene.check('no host got an error, and nothing acknowledged is lost', async () => {
    for (const volume of scene.volumes) await volume.verify()
  })
}

async function move(scene: Scene, volume: LoadedVolume): Promise<number> {
  const leader = await volume.leader()
  const { servers } = scene.cluster
  const next = servers[(servers.findIndex(({ id }) => id === leader) + 1) % servers.length]
  await volume.witness.progress(50)
  let longestMs = 0
  const end = volume.host.watch(({ givenMs, answeredMs }) => {
    longestMs = Math.max(longestMs, answeredMs - givenMs)
  })
  try {
    await volume.moveTo(next?.id ?? '')
    await volume.witness.progress(50)
  } finally {
    end()
  }
  return longestMs
}
