/** The commands about snapshots, clones, schedules and scrubs, for people and for programs. */
import { EXIT } from '../fixture/cli.ts'
import { expectContent, expectReadOnly, withHost, writeContent } from '../fixture/content.ts'
import type { ClusterCase, Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const SNAPSHOT =
  'id name volume volume_id state lsn size_bytes created_at held_bytes exclusive_bytes exposed schedule group repository'
const SCHEDULE = 'name volumes every_seconds at keep backup paused created_at next_at matching last'
const JOB = 'id kind state volume volume_name progress message result created_at updated_at'
const SMALL = ['--size', '16MiB', '--log-size', '8MiB']
/** A schedule runs at the next whole minute. */
const RUN_MS = 150_000

type SnapshotJson = {
  readonly name: string
  readonly state: string
  readonly lsn: number
  readonly schedule: string | null
  readonly group: string | null
  readonly exposed: { readonly iqn: string; readonly iscsi: readonly string[] } | null
}

export const SNAPSHOTS: ClusterCase = {
  name: 'snapshots',
  summary: 'snapshots, clones, schedules and scrubs by every command, and what they hold',
  async run(scene) {
    await scene.cli.says('volume', 'create', 'snap', ...SMALL)
    await scene.cli.says('volume', 'create', 'snap2', ...SMALL)
    await make(scene)
    await see(scene)
    await clone(scene)
    await goBack(scene)
    await scrub(scene)
    await schedules(scene)
    await refusals(scene)
    await remove(scene)
  },
}

async function make(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('snapshots keep a volume as it was', async () => {
    await writeContent(scene, 'snap', 1)
    expect(/^snapshot +snap@one$/m.test(await cli.says('snapshot', 'create', 'snap@one')), 'it is named')
    await writeContent(scene, 'snap', 2)
    const made = await cli.json<SnapshotJson>(['snapshot', 'create', 'snap@two'], SNAPSHOT)
    expect(made.state === 'ready' && made.lsn > 0, JSON.stringify(made))
    await writeContent(scene, 'snap', 3)
    const all = await cli.json<SnapshotJson[]>(['snapshot', 'list', 'snap'], SNAPSHOT)
    expect(all.map(({ name }) => name).join(' ') === 'one two', `oldest first: ${JSON.stringify(all)}`)
    expect(/^SNAPSHOT +CREATED/.test(await cli.says('snapshot', 'list')), 'a table of all')
    expect(/^state +ready$/m.test(await cli.says('snapshot', 'get', 'snap@one')), 'it is ready')
    await cli.json(['snapshot', 'show', 'snap@one'], SNAPSHOT)
    cli.walked('json', 'snapshot get')
    const volume = await cli.json<{ snapshots_count: number }>(
      ['volume', 'get', 'snap'],
      'snapshots_count snapshot_bytes clone scrub',
    )
    expect(volume.snapshots_count === 2, `${volume.snapshots_count} snapshots`)
  })
  await scene.check('a group is of several volumes at one moment', async () => {
    const table = await cli.says('snapshot', 'group', 'both', 'snap', 'snap2')
    expect(/^snap@both /m.test(table) && /^snap2@both /m.test(table), table)
    const made = await cli.json<SnapshotJson[]>(['snapshot', 'group', 'again', 'snap', 'snap2'], SNAPSHOT)
    expect(made.length === 2 && made[0]?.group === made[1]?.group, JSON.stringify(made))
    await cli.fails(EXIT.notFound, /no volume/, 'snapshot', 'group', 'third', 'snap', 'nobody')
    const left = await cli.json<SnapshotJson[]>(['snapshot', 'list', 'snap'], 'name')
    expect(!left.some(({ name }) => name === 'third'), 'all or none')
  })
}

async function see(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('an exposed snapshot is a disk that nobody writes to', async () => {
    expect(/^iSCSI +iqn/m.test(await cli.says('snapshot', 'expose', 'snap@one')), 'a person sees where')
    const { exposed } = await cli.json<SnapshotJson>(['snapshot', 'expose', 'snap@one'], SNAPSHOT)
    const [portal = ''] = exposed?.iscsi ?? []
    await expectReadOnly(exposed?.iqn ?? '', portal, 1)
    await expectContent(scene, 'snap', 3)
    await cli.says('snapshot', 'unexpose', 'snap@one')
    const hidden = await cli.json<SnapshotJson>(['snapshot', 'unexpose', 'snap@one'], SNAPSHOT)
    expect(hidden.exposed === null, 'it is no longer exposed')
  })
}

async function clone(scene: Scene): Promise<void> {
  const { cli, dev } = scene
  await scene.check('a clone is a volume of its own', async () => {
    const text = await cli.says('volume', 'clone', 'snap@one', 'snap-clone', '--replicas', '2')
    expect(/^name +snap-clone$/m.test(text), text)
    await expectContent(scene, 'snap-clone', 1)
    await writeContent(scene, 'snap-clone', 7)
    const made = await cli.json<{ size_bytes: number }>(
      ['volume', 'clone', 'snap@two', 'snap-large', '--size', '32MiB'],
      'name id size_bytes status health_state clone job',
    )
    expect(made.size_bytes === 32 * 1024 * 1024, `${made.size_bytes} bytes`)
    await expectContent(scene, 'snap-large', 2)
    await expectContent(scene, 'snap', 3)
    for (const name of ['snap-clone', 'snap-large']) await dev.api.healthy(name)
    await cli.says('snapshot', 'create', 'snap-clone@own')
    await cli.fails(EXIT.usage, /no fewer/, 'volume', 'clone', 'snap@two', 'snap-small', '--size', '8MiB')
    await cli.fails(EXIT.conflict, /snap-large/, 'volume', 'clone', 'snap@one', 'snap-large')
    for (const name of ['snap-clone', 'snap-large']) await cli.says('volume', 'delete', name, '--yes')
  })
}

async function goBack(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('a volume becomes what it was, and later snapshots stay', async () => {
    await cli.fails(EXIT.refused, /--yes/, 'snapshot', 'restore', 'snap@one')
    await withHost(scene, 'snap', async (host) => {
      await host.read(0, 4096)
      await cli.fails(EXIT.refused, /logged in|attached/, 'snapshot', 'restore', 'snap@one', '--yes')
    })
    await nobodyLoggedIn(scene, 'snap@one')
    await expectContent(scene, 'snap', 1)
    await cli.json(['snapshot', 'restore', 'snap@two', '--yes', '--force'], JOB)
    await expectContent(scene, 'snap', 2)
  })
}

/** Goes back as soon as the master has heard that the host is gone. */
async function nobodyLoggedIn(scene: Scene, snapshot: string): Promise<void> {
  const words = ['snapshot', 'restore', snapshot, '--yes']
  await scene.dev.api.until('a restore without hosts', 10_000, async () => {
    const { code, stderr } = await scene.cli.run(...words)
    if (code === EXIT.refused) return undefined
    expect(code === EXIT.ok, stderr)
    return true
  })
  scene.cli.walked('human', 'snapshot restore')
}

async function scrub(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('a scrub reads all of every replica', async () => {
    expect(/^verified /m.test(await cli.says('scrub', 'snap')), 'it says how much')
    const job = await cli.json<{ result: { errors?: number } | null }>(['scrub', 'snap', '--no-repair'], JOB)
    expect(job.result?.errors === 0, JSON.stringify(job.result))
    await scene.dev.api.until('the volume to know of it', 10_000, async () => {
      const { scrub } = await cli.json<{ scrub: { errors: number } | null }>(
        ['volume', 'get', 'snap'],
        'scrub',
      )
      return scrub === null ? undefined : scrub
    })
  })
}

async function schedules(scene: Scene): Promise<void> {
  const { cli, dev } = scene
  await scene.check('a schedule makes snapshots by itself, and keeps as many as it is told', async () => {
    const flags = ['--volume', 'snap*', '--every', '1m', '--keep-last', '1']
    const text = await cli.says('schedule', 'create', 'minutely', ...flags)
    expect(/^now +snap, snap2$/m.test(text), text)
    await cli.json(
      ['schedule', 'create', 'later', '--volume', 'snap', '--at', '0 3 * * 0', '--keep-last', '1'],
      SCHEDULE,
    )
    expect(/^NAME +VOLUMES/.test(await cli.says('schedule', 'list')), 'a table')
    await cli.json(['schedule', 'list'], SCHEDULE)
    await cli.json(
      ['schedule', 'set', 'later', '--volume', 'snap2', '--every', '1d', '--keep-last', '2'],
      SCHEDULE,
    )
    await cli.says('schedule', 'set', 'later', ...flags.slice(0, 2), '--every', '2d', '--keep-last', '2')
    expect(/^state +paused$/m.test(await cli.says('schedule', 'pause', 'later')), 'it rests')
    await cli.json(['schedule', 'pause', 'later'], SCHEDULE)
    const resumed = await cli.json<{ paused: boolean; every_seconds: number }>(
      ['schedule', 'resume', 'later'],
      SCHEDULE,
    )
    expect(!resumed.paused && resumed.every_seconds === 2 * 86_400, JSON.stringify(resumed))
    await cli.says('schedule', 'resume', 'later')
    await dev.api.until('a snapshot by the schedule', RUN_MS, async () => {
      const all = await cli.json<SnapshotJson[]>(['snapshot', 'list', 'snap2'], 'name schedule')
      return all.some(({ schedule }) => schedule === 'minutely') ? true : undefined
    })
    const last = await dev.api.until('the end of its run', 30_000, async () => {
      const one = await cli.json<{ last: { made: number; failed: number; ended_at: string | null } | null }>(
        ['schedule', 'get', 'minutely'],
        SCHEDULE,
      )
      return one.last?.ended_at == null ? undefined : one.last
    })
    expect(last.made >= 2 && last.failed === 0, JSON.stringify(last))
    await cli.says('schedule', 'get', 'minutely')
    await cli.says('schedule', 'delete', 'minutely', '--yes')
    await cli.json(['schedule', 'delete', 'later', '--yes'], 'deleted')
  })
}

async function refusals(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('what is wrong is refused with a sentence', async () => {
    await cli.fails(EXIT.usage, /write VOLUME@SNAPSHOT/, 'snapshot', 'create', 'snap')
    await cli.fails(EXIT.usage, /not a snapshot name/, 'snapshot', 'create', 'snap@Ä')
    await cli.fails(EXIT.conflict, /one/, 'snapshot', 'create', 'snap@one')
    await cli.fails(EXIT.notFound, /no snapshot/, 'snapshot', 'get', 'snap@nothing')
    await cli.fails(EXIT.notFound, /no volume/, 'snapshot', 'create', 'nobody@one')
    await cli.fails(EXIT.refused, /--yes/, 'snapshot', 'delete', 'snap@one')
    await cli.fails(EXIT.notFound, /no snapshot/, 'volume', 'clone', 'snap@nothing', 'snap-never')
    await cli.fails(EXIT.notFound, /no volume/, 'scrub', 'nobody')
    await cli.fails(EXIT.notFound, /no schedule/, 'schedule', 'get', 'nothing')
    const create = ['schedule', 'create', 'wrong', '--volume', 'snap', '--keep-last', '1']
    await cli.fails(EXIT.usage, /is not a time/, ...create, '--every', 'often')
    await cli.fails(EXIT.usage, /minute|hour|cron/, ...create, '--at', 'every full moon')
  })
  await scene.check('a shell completes their names', async () => {
    const [first] = await cli.offers('snapshot', 'get', 'snap')
    expect(first === 'snap@', `completed by ${first}`)
    const found = await cli.offers('volume', 'clone', 'snap@o')
    expect(found.join(' ') === 'snap@one', `completed by ${found.join(' ')}`)
  })
}

async function remove(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('snapshots go, and volumes with theirs', async () => {
    expect(
      /^deleted snap@two$/m.test(await cli.says('snapshot', 'delete', 'snap@two', '--yes')),
      'it says so',
    )
    await cli.json(['snapshot', 'delete', 'snap@one', '--yes'], 'deleted')
    await expectContent(scene, 'snap', 2)
    for (const name of ['snap', 'snap2']) await cli.says('volume', 'delete', name, '--yes')
  })
}
