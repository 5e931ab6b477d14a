/** The commands about servers, on servers that join for it and leave. */
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const SERVER =
  'id name connection silent_ms state cordoned zone rack disk_type capacity_bytes free_bytes allocated_bytes ' +
  'volume_count primary_count addresses joined_at'
const JOB = 'id kind state volume volume_name server actor step progress message created_at updated_at'

export const SERVERS: ClusterCase = {
  name: 'servers',
  summary: 'two servers join, are cordoned, drained and removed',
  async run(scene) {
    const { cli, dev } = scene
    await scene.check('servers are listed and shown', async () => {
      const table = await cli.says('server', 'list')
      expect(/^NAME +STATE +ZONE +DISK/.test(table) && /^server-3 +ready/m.test(table), table)
      const list = await cli.json<unknown[]>(['server', 'list'], SERVER)
      expect(list.length === 3, `${list.length} servers`)
      expect(/^state +ready/m.test(await cli.says('server', 'get', 'server-1')), 'it is ready')
      await cli.json(['server', 'get', 'server-1'], SERVER)
    })
    const guests = [await dev.join('guest-1'), await dev.join('guest-2')] as const
    await scene.check('cordon and uncordon', async () => {
      await cli.says('server', 'cordon', 'guest-1')
      const cordoned = await cli.json(['server', 'cordon', 'guest-2'], SERVER)
      expect(cordoned.cordoned === true, 'it is cordoned')
      await cli.says('server', 'uncordon', 'guest-1')
      const back = await cli.json(['server', 'uncordon', 'guest-2'], SERVER)
      expect(back.cordoned === false, 'it is back')
    })
    await scene.check('drain and remove', async () => {
      await cli.json(
        ['volume', 'create', 'guest', '--size', '16MiB', '--log-size', '8MiB', '--replicas', '5'],
        'name serving',
      )
      await dev.api.healthy('guest')
      await cli.fails(EXIT.conflict, /drain/, 'server', 'remove', 'guest-1', '--yes')
      await cli.fails(EXIT.refused, /--yes/, 'server', 'remove', 'guest-1')
      await cli.json(['volume', 'delete', 'guest', '--yes'], JOB)
      await cli.says('server', 'drain', 'guest-1')
      await cli.json(['server', 'drain', 'guest-2'], JOB)
      // a server that still runs would say hello again: it is stopped first
      for (const { child } of guests) expect((await child.stop()).code === 0, 'it stops')
      await cli.says('server', 'remove', 'guest-1', '--yes')
      await cli.json(['server', 'remove', 'guest-2', '--yes'], 'removed name')
      const list = await cli.json<{ name: string }[]>(['server', 'list'], SERVER)
      expect(list.length === 3, `there are ${list.map(({ name }) => name).join(', ')}`)
      await cli.fails(EXIT.notFound, /no server 'guest-1'/, 'server', 'get', 'guest-1')
    })
  },
}
