/** The commands about volumes, jobs and the cluster as a whole. */
import type { Cli } from '../fixture/cli.ts'
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase, Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const VOLUME =
  'name id size_bytes used_bytes logical_block_bytes preset durability_mode replica_factor status health_state ' +
  'health_reasons serving epoch iqn iscsi_addrs replicas qos access publications snapshots_count snapshot_bytes clone scrub jobs created_at'
const JOB = 'id kind state volume volume_name server actor step progress message created_at updated_at'
const CLUSTER =
  'cluster_id registry_id registry_seq lock volume_count healthy_count server_count connected_server_count ' +
  'capacity_bytes free_bytes allocated_bytes promotions_total failovers_total rebuilds_total running_job_count pending'
const EVENT = 'number at last_at count severity kind actor volume server message reason epoch lsn request_id'
const PLAN = 'resolved_policy overrides warnings errors plan'
const SMALL = ['--size', '16MiB', '--log-size', '8MiB']

export const VOLUMES: ClusterCase = {
  name: 'volumes',
  summary: 'volumes, jobs and the cluster by every command, for people and for programs',
  async run(scene) {
    await makeAndChange(scene)
    await lead(scene)
    await jobs(scene)
    await cluster(scene)
    await refusals(scene)
    await completion(scene)
    await remove(scene)
  },
}

async function makeAndChange(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('resolve and plan say what would be made, and make nothing', async () => {
    const text = await cli.says('volume', 'resolve', 'walk', ...SMALL, '--preset', 'database')
    expect(/database: 3 replicas, sync_all/.test(text), text)
    await cli.json(['volume', 'resolve', 'walk', ...SMALL], 'policy overrides warnings errors')
    expect(/candidate/.test(await cli.says('volume', 'plan', 'walk', ...SMALL)), 'a plan names candidates')
    const { plan } = await cli.json<{ plan: { replicas: unknown[] } }>(
      ['volume', 'plan', 'walk', ...SMALL, '--replicas', '3'],
      PLAN,
    )
    expect(plan.replicas.length === 3, 'three replicas are planned')
    await cli.fails(EXIT.notFound, /there is no volume 'walk'.*volume list/, 'volume', 'get', 'walk')
  })
  await scene.check('create waits until hosts are served, and the same again changes nothing', async () => {
    const text = await cli.says('volume', 'create', 'walk', ...SMALL, '--replicas', '3')
    expect(/state +active, serving\n/.test(text), `it is not served:\n${text}`)
    const made = await cli.json(['volume', 'create', 'walk2', ...SMALL], `${VOLUME} job`)
    expect(made.serving === true && typeof made.job === 'string', 'walk2 is served, by a job')
    const again = await cli.json(['volume', 'create', 'walk2', ...SMALL], `${VOLUME} job`)
    expect(again.id === made.id && again.job === null, 'the second create made nothing')
    await cli.fails(
      EXIT.conflict,
      /another size; take another/,
      ...create('walk2', '32MiB', '--log-size', '8MiB'),
    )
  })
  await scene.check('list and get show it', async () => {
    await scene.dev.api.healthy('walk')
    const table = await cli.says('volume', 'list')
    expect(/^NAME +SIZE +USED +HEALTH +IN SYNC/.test(table), table)
    expect(/^walk +16MiB .* healthy +3\/3 +sync_all +server-\d +127/m.test(table), table)
    expect(/UUID/.test(await cli.says('volume', 'list', '-o', 'wide')), '-o wide shows ids')
    const list = await cli.json<{ name: string }[]>(['volume', 'list'], VOLUME)
    expect(
      ['demo', 'walk', 'walk2'].every((name) => list.some((one) => one.name === name)),
      'three are listed',
    )
    const one = await cli.json<unknown[]>(['volume', 'list', '--limit', '1', '--health', 'healthy'], VOLUME)
    expect(one.length === 1, '--limit 1 gives one')
    const text = await cli.says('volume', 'get', 'walk')
    expect(/^primary +server-\d, in sync, sound$/m.test(text), text)
    const { replicas } = await cli.json<{ replicas: object[] }>(['volume', 'get', 'walk'], VOLUME)
    expect(replicas.length === 3, 'three replicas')
    const script = await cli.says('volume', 'attach-info', 'walk')
    expect(script.includes('iscsiadm') && script.includes('nvme connect'), script)
    await cli.json(['volume', 'attach-info', 'walk'], 'name sections warnings')
  })
  await scene.check('expand, qos and access change it', async () => {
    await cli.says('volume', 'expand', 'walk', '20MiB')
    await cli.json(['volume', 'expand', 'walk', '24MiB'], JOB)
    await cli.fails(EXIT.usage, /does not shrink/, 'volume', 'expand', 'walk', '16MiB')
    expect(/100MiB\/s/.test(await cli.says('volume', 'qos', 'walk', '--bandwidth', '100MiB')), 'bandwidth')
    const qos = await cli.json(
      ['volume', 'qos', 'walk', '--iops', '5000', '--bandwidth', 'none'],
      'iops iops_burst bytes_per_second bytes_burst',
    )
    expect(qos.iops === 5000 && qos.bytes_per_second === 0, `limits are ${JSON.stringify(qos)}`)
    const iqn = 'iqn.2026-11.org.example:host1'
    expect(
      (await cli.says('volume', 'access', 'walk', '--initiator', iqn)).includes(iqn),
      'the host is named',
    )
    const access = await cli.json(['volume', 'access', 'walk', '--any-initiator'], 'initiators chap')
    expect(access.initiators === null, 'anybody may log in again')
    await cli.fails(EXIT.usage, /initiator/, 'volume', 'access', 'walk', '--initiator', 'not-an-iqn')
  })
  await scene.check('another preset adds a replica, and takes it away again', async () => {
    const text = await cli.says('volume', 'preset', 'walk2', 'database')
    expect(/^policy +database: 3 replicas, sync_all$/m.test(text), text)
    expect((await scene.dev.api.healthy('walk2')).replicas.length === 3, 'three replicas')
    const back = await cli.json<{ replicas: unknown[] }>(
      ['volume', 'preset', 'walk2', 'general'],
      `${VOLUME} job warnings`,
    )
    expect(back.replicas.length === 2, `${back.replicas.length} replicas are left`)
    const same = await cli.json(['volume', 'preset', 'walk2', 'general'], `${VOLUME} job warnings`)
    expect(same.job === null, 'the same again changes nothing')
    await cli.fails(EXIT.usage, /general/, 'volume', 'preset', 'walk2', 'fastest')
  })
  await scene.check('a node that has a volume is shown, and shut out', async () => {
    const initiator = 'iqn.2026-11.io.basalt:node:n1'
    const publish = (): Promise<unknown> =>
      scene.dev.api.call('PUT', '/block/volume/walk2/publications/n1', { initiator })
    await publish()
    expect(/^published to +n1, since/m.test(await cli.says('volume', 'get', 'walk2')), 'it is shown')
    await cli.fails(EXIT.refused, /--yes/, 'volume', 'unpublish', 'walk2', 'n1')
    await cli.fails(EXIT.conflict, /published to n1/, 'volume', 'delete', 'walk2', '--yes')
    await cli.says('volume', 'unpublish', 'walk2', 'n1', '--yes')
    await cli.fails(EXIT.notFound, /not published/, 'volume', 'unpublish', 'walk2', 'n1', '--yes')
    await publish()
    await cli.json(['volume', 'unpublish', 'walk2', 'n1', '--yes'], VOLUME)
  })
}

async function lead(scene: Scene): Promise<void> {
  const { cli, dev } = scene
  await scene.check('preflight, move and promote change who leads', async () => {
    expect(/^promotable +yes/m.test(await cli.says('volume', 'preflight', 'walk')), 'it is promotable')
    await cli.json(
      ['volume', 'preflight', 'walk'],
      'promotable reason primary_server primary_alive candidate_server rejections at_risk',
    )
    const others = async (): Promise<string[]> =>
      (await dev.api.healthy('walk')).replicas
        .filter(({ role }) => role !== 'primary')
        .map(({ server_name }) => server_name)
    const [first = ''] = await others()
    await cli.says('volume', 'move', 'walk', '--to', first)
    const [second = ''] = await others()
    await cli.json(['volume', 'move', 'walk', '--to', second], JOB)
    const now = await dev.api.healthy('walk')
    expect(
      now.replicas.some((one) => one.role === 'primary' && one.server_name === second),
      'it was moved',
    )
    await cli.fails(EXIT.usage, /--to.*--from/, 'volume', 'move', 'walk')
    await cli.fails(EXIT.notFound, /no server 'nowhere'/, 'volume', 'move', 'walk', '--to', 'nowhere')
    await cli.says('volume', 'promote', 'walk', '--reason', 'a walk')
    await dev.api.healthy('walk')
    await cli.json(['volume', 'promote', 'walk'], VOLUME)
    await dev.api.healthy('walk')
    await cli.fails(EXIT.refused, /--yes/, 'volume', 'promote', 'walk', '--force')
  })
}

async function jobs(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('jobs are listed, shown, watched and cancelled', async () => {
    expect(/^JOB +KIND +OF +STATE/.test(await cli.says('job', 'list')), 'a table of jobs')
    const done = await cli.json<{ id: string }[]>(['job', 'list', '--state', 'succeeded'], JOB)
    const id = done[0]?.id ?? ''
    expect(/^state +succeeded/m.test(await cli.says('job', 'get', id)), 'it succeeded')
    await cli.json(['job', 'get', id], JOB)
    await cli.says('job', 'watch', id)
    await cli.json(['job', 'watch', id], JOB)
    // two of two replicas of three servers: the third replica of demo has nowhere to go, and the job waits
    for (const form of ['human', 'json'] as const) {
      const drain = await cli.json(['server', 'drain', 'server-1', '--no-wait'], JOB)
      const begun = String(drain.id)
      if (form === 'human') await cli.says('job', 'cancel', begun)
      else await cli.json(['job', 'cancel', begun], JOB)
      const ended = await scene.dev.api.ended(begun)
      expect(ended.state === 'cancelled', `the drain ${ended.state}`)
      await cli.json(['server', 'uncordon', 'server-1'], 'id name cordoned')
      const watched = await cli.run('job', 'watch', begun)
      expect(watched.code === EXIT.failed, `a cancelled job is watched with exit code ${watched.code}`)
      await cli.fails(EXIT.conflict, /ended|cancelled|over/, 'job', 'cancel', begun)
    }
    await cli.fails(EXIT.notFound, /no job/, 'job', 'get', '00000000-0000-4000-8000-000000000000')
  })
}

async function cluster(scene: Scene): Promise<void> {
  const { cli, dev } = scene
  await scene.check('the cluster shows how it is and what happened', async () => {
    expect(/^servers +3, 3 connected/m.test(await cli.says('cluster', 'status')), 'three servers')
    await cli.json(['cluster', 'status'], CLUSTER)
    expect(/^AT +SEVERITY/.test(await cli.says('cluster', 'events', '--volume', 'walk')), 'a table of events')
    const events = await cli.json<unknown[]>(['cluster', 'events', '--limit', '7'], EVENT)
    expect(events.length === 7, `${events.length} events`)
  })
  await scene.check('rebalance and recover run, and refuse', async () => {
    await cli.says('cluster', 'rebalance', '--dry-run')
    await cli.says('cluster', 'rebalance')
    await cli.json(['cluster', 'rebalance'], JOB)
    await cli.fails(EXIT.conflict, /nothing to recover/, 'cluster', 'recover', '--yes')
    await cli.fails(EXIT.refused, /--yes/, 'cluster', 'recover', '--force')
    const text = await cli.says('cluster', 'recover', '--force', '--yes')
    expect(!/[0-9a-f]{8}-.*the promotion/.test(text), `volumes are named by their ids:\n${text}`)
    for (const name of ['demo', 'walk']) await dev.api.healthy(name)
    await cli.json(['cluster', 'recover', '--force', '--yes'], CLUSTER)
    for (const name of ['demo', 'walk']) await dev.api.healthy(name)
  })
}

async function refusals(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('exit codes tell what kind of problem it is', async () => {
    await cli.fails(EXIT.usage, /unknown command/, 'volume', 'mend')
    await cli.fails(EXIT.usage, /--size is missing/, 'volume', 'create', 'x')
    await cli.fails(EXIT.notFound, /no server/, 'server', 'get', 'nobody')
    await cli.fails(EXIT.refused, /--yes/, 'volume', 'delete', 'walk')
    const away = cli.as({ BASALT_MASTER: 'http://127.0.0.1:9' })
    await away.fails(EXIT.unavailable, /--master/, 'volume', 'list')
    await cli.fails(EXIT.usage, /not an address/, 'volume', 'list', '--master', 'ftp://x')
    await cli.fails(EXIT.notFound, /cannot read/, 'volume', 'list', '--token-file', '/no/such/file')
  })
}

async function completion(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('a shell completes commands, flags and names', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      expect(/__complete/.test(await cli.says('completion', shell)), `${shell} has no script`)
    }
    await offered(cli, ['volume', 'ex'], ['expand'])
    await offered(cli, ['volume', 'get', 'wal'], ['walk', 'walk2'])
    await offered(cli, ['server', 'cordon', ''], ['server-1', 'server-2', 'server-3'])
    await offered(cli, ['volume', 'create', 'x', '--preset', ''], ['database', 'general', 'throughput'])
    await offered(cli, ['volume', 'list', '--li'], ['--limit'])
  })
}

async function offered(cli: Cli, words: readonly string[], wanted: readonly string[]): Promise<void> {
  const found = await cli.offers(...words)
  expect(found.join(' ') === wanted.join(' '), `'${words.join(' ')}' is completed by: ${found.join(' ')}`)
}

async function remove(scene: Scene): Promise<void> {
  const { cli } = scene
  await scene.check('delete takes it away', async () => {
    await cli.says('volume', 'delete', 'walk', '--yes')
    await cli.json(['volume', 'delete', 'walk2', '--yes'], JOB)
    await cli.fails(EXIT.notFound, /there is no volume 'walk'/, 'volume', 'delete', 'walk', '--yes')
  })
}

const create = (name: string, size: string, ...more: string[]): string[] => [
  ...['volume', 'create', name, '--size', size],
  ...more,
]
