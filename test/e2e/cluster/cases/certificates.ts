/** A cluster with certificates: who comes with the wrong one gets nothing, and is told why. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BasaltProcess, withBasalt } from '../../target/support/process.ts'
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const ANY = '127.0.0.1:0'

export const CERTIFICATES: ClusterCase = {
  name: 'certificates',
  summary: 'certificates of another authority are refused, by servers and by the command line',
  async run(scene) {
    const { cli, directory } = scene
    const file = (...path: string[]): string => join(directory, ...path)
    for (const name of ['cluster', 'other']) {
      await cli.says('cluster', 'init', '--dir', file(name), '--server', 'a=127.0.0.1')
    }
    const https = ['cert', 'key'].flatMap((part) => [
      `--http-tls-${part}`,
      file('cluster/master', { cert: 'node.crt', key: 'node.key' }[part] ?? ''),
    ])
    const config = ['--config', file('cluster/master/master.yaml'), '--http', ANY, '--grpc', ANY]
    await withBasalt(['master', ...config, ...https], async (child) => {
      const { http, grpc } = await child.ready<{ readonly http: string; readonly grpc: string }>()
      const [admin, ca] = [file('cluster/admin.token'), file('cluster/master/ca.crt')]
      const here = cli.as({ BASALT_MASTER: `https://${http}`, BASALT_TOKEN_FILE: admin })
      await scene.check('https: with the authority, without it, and without TLS', async () => {
        await here.json(['cluster', 'status', '--ca', ca], 'cluster_id')
        await here.fails(EXIT.refused, /not trusted.*--ca/, 'cluster', 'status')
        await here.fails(
          EXIT.refused,
          /not trusted.*--ca/,
          'cluster',
          'status',
          '--ca',
          file('other/master/ca.crt'),
        )
        await here.fails(EXIT.notFound, /--ca: cannot read/, 'cluster', 'status', '--ca', file('none'))
        const plain = here.as({ BASALT_MASTER: `http://${http}` })
        const { code, stdout } = await plain.run('cluster', 'status')
        expect(code === EXIT.unavailable && stdout === '', `without TLS it ends with ${code}`)
      })
      await scene.check('no token, one of servers, one of another cluster', async () => {
        const nobody = cli.as({ BASALT_MASTER: `https://${http}`, BASALT_CA: ca })
        await nobody.fails(EXIT.refused, /--token-file/, 'volume', 'list')
        for (const token of ['cluster/join.token', 'other/admin.token']) {
          await nobody.fails(EXIT.refused, /--token-file/, 'volume', 'list', '--token-file', file(token))
        }
      })
      await scene.check(
        'a server with a certificate of another authority does not join, and says so',
        async () => {
          for (const name of ['ca.crt', 'node.crt', 'node.key']) {
            cpSync(file('other/servers/a', name), file('cluster/servers/a', name))
          }
          const stranger = new BasaltProcess([
            ...['server', '--config', file('cluster/servers/a/server.yaml'), '--master', grpc],
            ...['--iscsi', ANY, '--nvme', ANY, '--replication', ANY, '--http', ANY, '--grpc', ANY],
          ])
          try {
            await stranger.line('stderr', (line) => (line.includes('certificate') ? line : undefined))
          } finally {
            await stranger.kill()
          }
          const status = await here.json(['cluster', 'status', '--ca', ca], 'server_count')
          expect(status.server_count === 0, 'it has joined')
        },
      )
      expect(readFileSync(admin, 'utf8').trim().length > 20, 'a token')
    })
  },
}
