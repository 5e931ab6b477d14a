/** A fourth server joins: what the rebalance moves is what its dry run said, while hosts write. */
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'
import { progressOf, SMALL, verified } from './drain.ts'

const VOLUMES = 12
const LOADED = 3

interface Move {
  readonly volume_name: string
  readonly kind?: string
  readonly from: string
  readonly to: string
}
interface Placed {
  readonly [volume: string]: { readonly primary: string; readonly replicas: readonly string[] }
}

export const GROW: ClusterCase = {
  name: 'grow',
  summary: 'a fourth server joins, and rebalance moves what its dry run said',
  async run(scene) {
    const { cli, dev } = scene
    const names = (await dev.api.volumes()).map((volume) => volume.name)
    for (let n = 0; n < LOADED || names.length < VOLUMES; n++) {
      await dev.api.call('POST', '/block/volume', { name: `grow-${n}`, ...SMALL })
      names.push(`grow-${n}`)
    }
    for (const name of names) await dev.api.healthy(name)
    const loads = await Promise.all(Array.from({ length: LOADED }, (_, n) => scene.load(`grow-${n}`)))
    await scene.check('hosts write before', () => progressOf(loads, 10))
    for (const { witness } of loads) witness.takeSlowest()
    const { line } = await dev.join('server-4')
    const placed = async (): Promise<Placed> =>
      Object.fromEntries(
        (await dev.api.volumes()).map(({ name, replicas }) => [
          name,
          {
            primary: replicas.find(({ role }) => role === 'primary')?.server ?? '',
            replicas: replicas.map(({ server }) => server).sort(),
          },
        ]),
      )
    let moves: readonly Move[] = []
    await scene.check('the dry run says what would move, and moves nothing', async () => {
      const before = await placed()
      moves = await cli.json<readonly Move[]>(
        ['cluster', 'rebalance', '--dry-run'],
        'volume volume_name from to bytes',
      )
      expect(moves.length > 0, 'nothing would move')
      expect(
        moves.some(({ to }) => to === line.server),
        'nothing would go to the new server',
      )
      const text = await cli.says('cluster', 'rebalance', '--dry-run')
      expect(text.trimEnd().split('\n').length === moves.length + 1, `the table is another plan:\n${text}`)
      expect(JSON.stringify(await placed()) === JSON.stringify(before), 'the dry run moved something')
    })
    await scene.check('rebalance moves that and nothing else', async () => {
      const expected = after(await placed(), moves)
      const beganMs = performance.now()
      await cli.says('cluster', 'rebalance')
      scene.note(`${moves.length} moves in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
      for (const name of names) await dev.api.healthy(name)
      const found = await placed()
      const others = names.filter((name) => JSON.stringify(found[name]) !== JSON.stringify(expected[name]))
      const shown = others.map((name) => `${name}: ${JSON.stringify([expected[name], found[name]])}`)
      expect(others.length === 0, `elsewhere than the dry run said:\n${shown.join('\n')}`)
    })
    await scene.check('after it, nothing is left to move', async () => {
      const again = await cli.json<readonly Move[]>(['cluster', 'rebalance', '--dry-run'], 'volume from to')
      expect(again.length === 0, `${again.length} moves more: ${JSON.stringify(again)}`)
    })
    await verified(scene, loads)
    await scene.stopLoads()
  },
}

/** Where everything is when `moves` were made. */
function after(placed: Placed, moves: readonly Move[]): Placed {
  const result: Record<string, { primary: string; replicas: readonly string[] }> = { ...placed }
  for (const { volume_name, kind, from, to } of moves) {
    const before = result[volume_name]
    if (before === undefined) continue
    const primary = before.primary === from ? to : before.primary
    const replicas =
      kind === 'lead' ? before.replicas : before.replicas.map((one) => (one === from ? to : one)).sort()
    result[volume_name] = { primary, replicas }
  }
  return result
}
