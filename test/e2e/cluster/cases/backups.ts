/** The commands about repositories and backups, for people and for programs. The repository is a directory. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT } from '../fixture/cli.ts'
import { expectContent, withHost, writeContent } from '../fixture/content.ts'
import type { ClusterCase, Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const REPOSITORY =
  'name kind endpoint region bucket prefix access_key_id force_path_style directory encrypted created_at'
const BACKUP =
  'id volume_name volume_uuid created_at snapshot_name size_bytes kind base stored_bytes changed_bytes compression encrypted state'
const JOB = 'id kind state volume volume_name progress message result created_at updated_at'
const SMALL = ['--size', '16MiB', '--log-size', '8MiB']
const KEY = 'c0ffee'.padEnd(64, '0')
const SECRET = 'never-to-be-seen-again'

type BackupJson = { readonly id: string; readonly kind: string; readonly created_at: string }

export const BACKUPS: ClusterCase = {
  name: 'backups',
  summary: 'repositories and backups by every command, and what comes back',
  async run(scene) {
    await scene.cli.says('volume', 'create', 'kept', ...SMALL)
    await repositories(scene)
    await make(scene)
    await restore(scene)
    await damage(scene)
    await thin(scene)
  },
}

async function repositories(scene: Scene): Promise<void> {
  const { cli, directory } = scene
  await scene.check('repositories are added, shown, checked and forgotten; no secret is shown', async () => {
    const file = (name: string, text: string): string => {
      const path = join(directory, name)
      writeFileSync(path, `${text}\n`, { mode: 0o600 })
      return path
    }
    const key = file('key', KEY)
    const secret = file('secret', SECRET)
    const here = ['--directory', join(directory, 'repository'), '--encryption-key-file', key]
    const texts = [await cli.says('repository', 'add', 'here', ...here)]
    const s3 = [
      '--bucket',
      'b',
      '--endpoint',
      'http://127.0.0.1:9',
      '--access-key-id',
      'A',
      '--secret-key-file',
      secret,
    ]
    const added = await cli.json(['repository', 'add', 'away', ...s3], REPOSITORY)
    texts.push(
      JSON.stringify(added),
      await cli.says('repository', 'list'),
      await cli.says('repository', 'get', 'away'),
    )
    texts.push(JSON.stringify(await cli.json(['repository', 'list'], REPOSITORY)))
    texts.push(JSON.stringify(await cli.json(['repository', 'get', 'here'], REPOSITORY)))
    texts.push(await cli.says('repository', 'set', 'away', ...s3, '--region', 'eu-central-1'))
    await cli.json(['repository', 'set', 'away', ...s3], REPOSITORY)
    texts.push(await cli.says('cluster', 'events', '--limit', '200'))
    const all = texts.join('\n')
    expect(!all.includes(KEY) && !all.includes(SECRET), 'a secret is shown')
    expect(
      /can write, read and delete in 'here'/.test(await cli.says('repository', 'check', 'here')),
      'it works',
    )
    await cli.json(['repository', 'check', 'here'], 'server')
    await cli.fails(EXIT.unavailable, /repository|127\.0\.0\.1:9/, 'repository', 'check', 'away')
    await cli.fails(EXIT.conflict, /here/, 'repository', 'add', 'here', ...here)
    await cli.fails(
      EXIT.usage,
      /64 hex digits/,
      'repository',
      'add',
      'x',
      '--directory',
      '/x',
      '--encryption-key-file',
      secret,
    )
    await cli.fails(EXIT.notFound, /no repository/, 'repository', 'check', 'nothing')
    await cli.says('repository', 'remove', 'away', '--yes')
    await cli.says('repository', 'add', 'other', '--directory', join(directory, 'other'))
    await cli.json(['repository', 'remove', 'other', '--yes'], 'removed')
  })
}

async function make(scene: Scene): Promise<void> {
  const { cli, directory } = scene
  await scene.check('the first backup is full, the next has what changed', async () => {
    await writeContent(scene, 'kept', 1)
    expect(/^state +succeeded$/m.test(await cli.says('backup', 'create', 'kept')), 'it was made')
    await writeContent(scene, 'kept', 2)
    await cli.json(['backup', 'create', 'kept', '--repository', 'here'], JOB)
    const table = await cli.says('backup', 'list', '--volume', 'kept')
    expect(/^BACKUP +VOLUME/.test(table), table)
    const all = await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)
    expect(
      all.map(({ kind }) => kind).join(' ') === 'incremental full',
      `newest first: ${JSON.stringify(all)}`,
    )
    const [newest, first] = all
    expect(/^encrypted +yes$/m.test(await cli.says('backup', 'get', newest?.id ?? '')), 'it is encrypted')
    await cli.json(['backup', 'get', first?.id ?? ''], BACKUP)
    expect(/^verified /m.test(await cli.says('backup', 'verify', newest?.id ?? '')), 'it is whole')
    await cli.json(['backup', 'verify', first?.id ?? ''], JOB)
    const names = filesUnder(join(directory, 'repository')).join('\n')
    expect(!names.includes(KEY), 'the key is in the repository')
    expect((await cli.offers('backup', 'get', '')).includes(newest?.id ?? '-'), 'a shell completes it')
  })
}

async function restore(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('a backup becomes a new volume, or what a volume was', async () => {
    const [newest, first] = await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)
    await cli.says('backup', 'restore', first?.id ?? '', 'kept-first', '--replicas', '2')
    await expectContent(scene, 'kept-first', 1)
    await writeContent(scene, 'kept', 3)
    await cli.fails(EXIT.refused, /--yes/, 'backup', 'restore', newest?.id ?? '', 'kept')
    await withHost(scene, 'kept', async (host) => {
      await host.read(0, 4096)
      await cli.fails(
        EXIT.refused,
        /logged in|attached/,
        'backup',
        'restore',
        newest?.id ?? '',
        'kept',
        '--yes',
      )
    })
    await scene.dev.api.until('a restore without hosts', 10_000, async () => {
      const { code, stderr } = await cli.run('backup', 'restore', newest?.id ?? '', 'kept', '--yes')
      if (code === EXIT.refused) return undefined
      expect(code === EXIT.ok, stderr)
      return true
    })
    await expectContent(scene, 'kept', 2)
    await cli.json(['backup', 'restore', newest?.id ?? '', 'kept', '--yes', '--force'], JOB)
    await expectContent(scene, 'kept', 2)
    await cli.says('volume', 'delete', 'kept-first', '--yes')
    await cli.fails(EXIT.notFound, /no backup/, 'backup', 'restore', 'nothing', 'never')
  })
}

async function damage(scene: Scene): Promise<void> {
  const { cli, directory } = scene
  await scene.check('a damaged backup is found, named, and not restored', async () => {
    await cli.says('backup', 'create', 'kept', '--full')
    const [newest] = await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)
    const largest = filesUnder(join(directory, 'repository'))
      .filter((path) => path.includes(`/${newest?.id}/`))
      .toSorted((a, b) => statSync(a).size - statSync(b).size)
      .at(-1)
    expect(largest !== undefined, 'there is nothing to damage')
    const path = largest ?? ''
    const whole = readFileSync(path)
    const bad = Buffer.from(whole)
    // within content: behind it are records that a restore does not need
    const at = Math.min(100, Math.floor(bad.length / 4))
    bad.writeUInt8(bad.readUInt8(at) ^ 1, at)
    writeFileSync(path, bad)
    const verified = await cli.run('backup', 'verify', newest?.id ?? '')
    expect(verified.code === EXIT.failed, `verify ends with ${verified.code}: ${verified.stderr}`)
    const name = path.slice(path.lastIndexOf('/') + 1)
    expect(verified.stderr.includes(name), `'${name}' is not named: ${verified.stderr}`)
    const restored = await cli.run('backup', 'restore', newest?.id ?? '', 'kept-bad')
    expect(restored.code === EXIT.failed, `restore ends with ${restored.code}: ${restored.stderr}`)
    const volume = await scene.dev.api.volume('kept-bad')
    expect(volume?.serving !== true, 'a volume that is half restored is served')
    writeFileSync(path, whole)
    await cli.says('backup', 'verify', newest?.id ?? '')
    if (volume !== undefined) await cli.says('volume', 'delete', 'kept-bad', '--yes')
  })
}

async function thin(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('backups go by hand and by rules; what stays is whole', async () => {
    const before = await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)
    const oldest = before.at(-1)?.id ?? ''
    await cli.fails(EXIT.refused, /--yes/, 'backup', 'delete', oldest)
    await cli.says('backup', 'delete', oldest, '--yes')
    await cli.fails(EXIT.usage, /no rule says/, 'backup', 'prune', '--yes')
    const dry = await cli.json<{ result: { deleted: string[] } }>(
      ['backup', 'prune', '--keep-last', '1', '--dry-run'],
      JOB,
    )
    expect(dry.result.deleted.length === before.length - 2, JSON.stringify(dry.result))
    expect(
      (await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)).length === before.length - 1,
      'a dry run deletes',
    )
    await cli.says('backup', 'prune', '--keep-last', '1', '--volume', 'kept', '--yes')
    const [left, ...others] = await cli.json<BackupJson[]>(['backup', 'list'], BACKUP)
    expect(left !== undefined && others.length === 0, 'one is left')
    await cli.says('backup', 'verify', left?.id ?? '')
    await cli.json(['backup', 'delete', left?.id ?? '', '--yes'], JOB)
    await cli.says('volume', 'delete', 'kept', '--yes')
    await cli.says('repository', 'remove', 'here', '--yes')
  })
}

const filesUnder = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : []
