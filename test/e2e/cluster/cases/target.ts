/** The commands that ask one target, without a master. */
import { join } from 'node:path'
import { withBasalt } from '../../target/support/process.ts'
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const ANY = '127.0.0.1:0'

export const TARGET: ClusterCase = {
  name: 'target',
  summary: 'a target by itself is asked',
  async run(scene) {
    const { cli, directory } = scene
    const flags = ['--data', join(directory, 'data'), '--volume', 'alone', '--size', '16MiB']
    await scene.check('list, show, space, checkpoint, scrub', () =>
      withBasalt(['target', ...flags, '--iscsi', ANY, '--nvme', ANY, '--admin', ANY], async (child) => {
        const { admin } = await child.ready()
        const at = cli.as({ BASALT_ADMIN: `http://${admin}` })
        expect(/^NAME/.test(await at.says('target', 'list')), 'a table')
        await at.json(['target', 'list'], 'name uuid state health sizeBytes lsn iscsi')
        expect(/alone/.test(await at.says('target', 'show')), 'it is shown')
        await at.json(
          ['target', 'show', 'alone'],
          'name uuid state health reasons sizeBytes epoch lsn log iscsi',
        )
        await at.says('target', 'space')
        await at.json(['target', 'space'], 'extentsBytes mapBytes logBytes totalBytes freeBytes')
        await at.says('target', 'checkpoint')
        await at.json(['target', 'checkpoint'], 'checkpointLsn')
        await at.says('target', 'scrub', '--wait')
        await at.json(['target', 'scrub', '--wait'], 'running passes verifiedBytes errors badBlocks')
        await at.fails(EXIT.notFound, /no volume/, 'target', 'show', 'nobody')
      }),
    )
    await scene.check('a target that is not there', () =>
      cli.fails(EXIT.unavailable, /--admin/, 'target', 'list', '--admin', 'http://127.0.0.1:9'),
    )
  },
}
