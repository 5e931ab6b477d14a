/** The commands that ask one target, without a master. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withBasalt } from '../../target/support/process.ts'
import { EXIT } from '../fixture/cli.ts'
import { expectAt, expectReadOnly, writeTo } from '../fixture/content.ts'
import type { ClusterCase } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const ANY = '127.0.0.1:0'
const SNAPSHOT = 'id name lsn sizeBytes createdAt heldBytes exclusiveBytes exposed'
const TASK = 'task state done total unit message code result'

interface TargetLine {
  readonly admin: string
  readonly iqn: string
  readonly iscsi: string
}

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
    await scene.check('snapshots of a target are made, restored and exposed', () =>
      withBasalt(['target', ...flags, '--iscsi', ANY, '--nvme', ANY, '--admin', ANY], async (child) => {
        const { admin, iqn, iscsi } = await child.ready<TargetLine>()
        const at = cli.as({ BASALT_ADMIN: `http://${admin}` })
        const disk = { iqn, portal: iscsi }
        await writeTo(disk, 1)
        await at.says('target', 'snapshot', 'create', 'one')
        await writeTo(disk, 2)
        await at.json(['target', 'snapshot', 'create', 'two'], SNAPSHOT)
        expect(/^SNAPSHOT/.test(await at.says('target', 'snapshot', 'list')), 'a table')
        await at.json(['target', 'snapshot', 'list'], SNAPSHOT)
        await at.says('target', 'snapshot', 'get', 'one')
        await at.json(['target', 'snapshot', 'get', 'one'], SNAPSHOT)
        await at.says('target', 'snapshot', 'expose', 'one')
        const { exposed } = await at.json<{ exposed: { iqn: string; iscsi: string[] } }>(
          ['target', 'snapshot', 'expose', 'one'],
          SNAPSHOT,
        )
        await expectReadOnly(exposed.iqn, exposed.iscsi[0] ?? '', 1)
        await at.says('target', 'snapshot', 'unexpose', 'one')
        await at.json(['target', 'snapshot', 'unexpose', 'one'], SNAPSHOT)
        await at.says('target', 'snapshot', 'restore', 'one', '--yes')
        await expectAt(disk, 1)
        await at.json(['target', 'snapshot', 'restore', 'two', '--yes'], 'restored')
        await expectAt(disk, 2)
        await at.fails(EXIT.conflict, /one/, 'target', 'snapshot', 'create', 'one')
        await at.fails(EXIT.notFound, /no snapshot/, 'target', 'snapshot', 'get', 'nothing')
        await at.says('target', 'snapshot', 'delete', 'one', '--yes')
        await at.json(['target', 'snapshot', 'delete', 'two', '--yes'], 'deleted')
      }),
    )
    await scene.check('a target is backed up, exported, and gets its content back', () =>
      withBasalt(['target', ...flags, '--iscsi', ANY, '--nvme', ANY, '--admin', ANY], async (child) => {
        const { admin, iqn, iscsi } = await child.ready<TargetLine>()
        const key = join(directory, 'key')
        writeFileSync(key, `${'c0ffee'.padEnd(64, '0')}\n`, { mode: 0o600 })
        const at = cli.as({ BASALT_ADMIN: `http://${admin}` })
        const disk = { iqn, portal: iscsi }
        const where = ['--directory', join(directory, 'repository'), '--encryption-key-file', key]
        await writeTo(disk, 3)
        await at.says('target', 'backup', 'create', ...where)
        await at.says('target', 'backup', 'check', ...where)
        await at.json(['target', 'backup', 'check', ...where], 'reachable')
        await writeTo(disk, 4)
        await at.json(['target', 'backup', 'create', ...where], TASK)
        expect(/^BACKUP/.test(await at.says('target', 'backup', 'list', ...where)), 'a table')
        const all = await at.json<{ id: string; kind: string }[]>(
          ['target', 'backup', 'list', ...where],
          'id kind',
        )
        expect(all.map(({ kind }) => kind).join(' ') === 'incremental full', JSON.stringify(all))
        const [newest = '', first = ''] = all.map(({ id }) => id)
        await at.says('target', 'backup', 'get', newest, ...where)
        await at.json(['target', 'backup', 'get', newest, ...where], 'id kind base')
        await at.says('target', 'backup', 'verify', newest, ...where)
        await at.json(['target', 'backup', 'verify', first, ...where], TASK)
        const images = ['--directory', join(directory, 'images')]
        await at.says('target', 'export', 'golden', ...images)
        await at.json(['target', 'export', 'golden2', ...images], TASK)
        await writeTo(disk, 5)
        await at.says('target', 'backup', 'restore', first, ...where, '--yes')
        await expectAt(disk, 3)
        await at.json(['target', 'backup', 'restore', newest, ...where, '--yes'], TASK)
        await expectAt(disk, 4)
        await writeTo(disk, 6)
        await at.says('target', 'import', 'golden', ...images, '--yes')
        await expectAt(disk, 4)
        await at.json(['target', 'import', 'golden2', ...images, '--yes'], TASK)
        await at.fails(EXIT.notFound, /nothing/, 'target', 'backup', 'get', 'nothing', ...where)
        await at.fails(EXIT.refused, /--yes/, 'target', 'import', 'golden', ...images)
        await at.says('target', 'backup', 'prune', '--keep-last', '1', ...where, '--yes')
        await at.json(['target', 'backup', 'prune', '--keep-last', '1', '--dry-run', ...where], TASK)
        await at.says('target', 'backup', 'verify', newest, ...where)
        await at.says('target', 'backup', 'delete', newest, ...where, '--yes')
        await at.json(['target', 'backup', 'delete', newest, ...where, '--yes'], TASK)
        await expectAt(disk, 4)
        const left = await at.json<unknown[]>(['target', 'snapshot', 'list'], 'name')
        expect(left.length === 0, `backups leave snapshots: ${JSON.stringify(left)}`)
      }),
    )
    await scene.check('a target that is not there', () =>
      cli.fails(EXIT.unavailable, /--admin/, 'target', 'list', '--admin', 'http://127.0.0.1:9'),
    )
  },
}
