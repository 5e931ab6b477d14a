/** Tokens: who may do what, and what ends when one is revoked or runs out. From here on nothing goes without one. */
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const TOKEN = 'id name role created_at expires_at'
/** Below which nobody can guess. */
const TOKEN_CHARACTERS = 32

export const TOKENS: ClusterCase = {
  name: 'tokens',
  summary: 'tokens and roles: what each may, and what a revoked one may',
  async run(scene) {
    const { cli, dev } = scene
    await cli.says('volume', 'create', 'guarded', '--size', '16MiB', '--log-size', '4MiB')
    await scene.check('the first token is an admin, and from then on nothing goes without', async () => {
      await cli.fails(EXIT.usage, /--role is missing/, 'cluster', 'token', 'create', 'eve')
      await cli.fails(EXIT.conflict, /admin/, 'cluster', 'token', 'create', 'eve', '--role', 'viewer')
      await cli.fails(
        EXIT.usage,
        /30d/,
        'cluster',
        'token',
        'create',
        'eve',
        '--role',
        'admin',
        '--expires',
        'soon',
      )
      const token = (await cli.says('cluster', 'token', 'create', 'ada', '--role', 'admin')).trim()
      expect(token.length >= TOKEN_CHARACTERS, 'it is short')
      dev.token = token
      await cli.fails(EXIT.refused, /--token-file/, 'volume', 'list')
    })
    const admin = cli.as({ BASALT_TOKEN: dev.token ?? '' })
    const make = async (name: string, role: string): Promise<{ id: string; token: string }> =>
      admin.json(['cluster', 'token', 'create', name, '--role', role, '--expires', '1d'], `${TOKEN} token`)
    const viewer = await make('vera', 'viewer')
    const operator = await make('olga', 'operator')
    await scene.check('tokens are listed, and none is shown', async () => {
      const table = await admin.says('cluster', 'token', 'list')
      const list = await admin.json<object[]>(['cluster', 'token', 'list'], TOKEN)
      expect(/^ID +NAME +ROLE/.test(table) && list.length >= 3, table)
      const all = `${table}${JSON.stringify(list)}`
      const shown = [dev.token ?? '', viewer.token, operator.token].filter((token) => all.includes(token))
      expect(shown.length === 0 && !/sha256|token"/.test(all), 'a token is shown')
    })
    const asViewer = cli.as({ BASALT_TOKEN: viewer.token })
    const asOperator = cli.as({ BASALT_TOKEN: operator.token })
    await scene.check('a viewer looks and changes nothing', async () => {
      await asViewer.says('volume', 'list')
      await asViewer.says('cluster', 'events')
      await asViewer.says('volume', 'plan', 'x', '--size', '1GiB')
      const mayNot = /role operator.*'vera' has the role viewer.*--token-file/
      await asViewer.fails(EXIT.refused, mayNot, 'volume', 'delete', 'guarded', '--yes')
      await asViewer.fails(EXIT.refused, mayNot, 'volume', 'create', 'x', '--size', '1GiB')
      await asViewer.fails(EXIT.refused, mayNot, 'server', 'drain', 'server-1')
      await asViewer.says('snapshot', 'list')
      await asViewer.says('schedule', 'list')
      await asViewer.fails(EXIT.refused, mayNot, 'snapshot', 'create', 'guarded@one')
      await asViewer.fails(EXIT.refused, mayNot, 'scrub', 'guarded')
      await asViewer.fails(EXIT.refused, mayNot, 'backup', 'create', 'guarded', '--repository', 'any')
      await asViewer.fails(EXIT.refused, /role/, 'repository', 'add', 'x', '--directory', '/x')
      await asViewer.fails(EXIT.refused, /admin/, 'cluster', 'token', 'list')
      const answer = await fetch(`${dev.url}/block/volume/guarded`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${viewer.token}` },
      })
      const problem = (await answer.json()) as Record<string, unknown>
      expect(answer.status === 403 && problem.code === 'ACCESS_DENIED', JSON.stringify(problem))
    })
    await scene.check('an operator runs volumes, and gives out no tokens', async () => {
      await asOperator.json(['volume', 'qos', 'guarded', '--iops', '100'], 'iops')
      await asOperator.fails(EXIT.refused, /admin/, 'cluster', 'token', 'create', 'x', '--role', 'admin')
      await asOperator.fails(EXIT.refused, /admin/, 'cluster', 'recover', '--yes', '--force')
    })
    await scene.check('revoked, unknown and malformed tokens are refused', async () => {
      await admin.says('cluster', 'token', 'revoke', 'vera')
      await asViewer.fails(EXIT.refused, /--token-file/, 'volume', 'list')
      await admin.json(['cluster', 'token', 'revoke', operator.id], 'revoked')
      await asOperator.fails(EXIT.refused, /--token-file/, 'volume', 'delete', 'guarded', '--yes')
      await admin.fails(EXIT.notFound, /no token/, 'cluster', 'token', 'revoke', 'vera')
      const stranger = cli.as({ BASALT_TOKEN: 'basalt_0000000000000000000000000000000000000000000' })
      await stranger.fails(EXIT.refused, /--token-file/, 'volume', 'list')
      await cli.as({ BASALT_TOKEN: 'two words' }).fails(EXIT.usage, /not a token/, 'volume', 'list')
      for (const authorization of ['Bearer ', 'Basic YTpi', `Bearer ${'x'.repeat(5000)}`]) {
        const answer = await fetch(`${dev.url}/block/volumes`, { headers: { authorization } })
        const problem = (await answer.json()) as Record<string, unknown>
        expect(answer.status === 401 && problem.code === 'ACCESS_DENIED', JSON.stringify(problem))
      }
    })
    await scene.check('the volume is as it was, and servers are still there', async () => {
      await dev.api.healthy('guarded')
      const events = await admin.says('cluster', 'events', '--limit', '200')
      expect(/ada/.test(events) && /olga/.test(events), 'events name who did it')
      expect(!events.includes(viewer.token), 'an event shows a token')
    })
  },
}
