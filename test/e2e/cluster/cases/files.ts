/** The commands that need no cluster: files of a new one, help, version. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

export const FILES: ClusterCase = {
  name: 'files',
  summary: 'help, version, and the files of a new cluster',
  async run(scene) {
    const { cli, directory } = scene
    await scene.check('help of the program and of every noun', async () => {
      for (const noun of [
        [],
        ['volume'],
        ['snapshot'],
        ['schedule'],
        ['repository'],
        ['backup'],
        ['server'],
        ['cluster'],
        ['cluster', 'token'],
        ['job'],
        ['target'],
      ]) {
        const text = await cli.says(...noun, '--help')
        expect(/^Usage: basalt/.test(text) && /Commands/.test(text), text)
      }
      expect(/^basalt \d+\.\d+\.\d+ \(Node/.test(await cli.says('version')), 'the version')
      await cli.fails(EXIT.usage, /unknown command 'volumes'/, 'volumes')
    })
    await scene.check('cluster init and certify make files, and overwrite none', async () => {
      const [one, two] = [join(directory, 'one'), join(directory, 'two')]
      const text = await cli.says('cluster', 'init', '--dir', one, '--server', 'a=127.0.0.1')
      expect(/Copy each folder/.test(text), text)
      for (const name of ['admin.token', 'authority.key']) {
        expect((statSync(join(one, name)).mode & 0o777) === 0o600, `${name} is for its owner only`)
      }
      await cli.json(['cluster', 'init', '--dir', two], 'clusterId directory nodes adminTokenFile')
      await cli.fails(EXIT.conflict, /--dir/, 'cluster', 'init', '--dir', one)
      await cli.says('cluster', 'certify', '--dir', one, '--node', 'b=127.0.0.1')
      expect(existsSync(join(one, 'servers/b/node.crt')), 'a server was added')
      await cli.json(['cluster', 'certify', '--dir', one], 'directory renewed added')
      await cli.fails(EXIT.notFound, /./, 'cluster', 'certify', '--dir', join(directory, 'none'))
    })
  },
}
