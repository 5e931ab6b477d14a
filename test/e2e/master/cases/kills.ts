/**
 * The master is killed at each recorded step of a job, one step after the other until the job has no more: after its
 * restart the job ends as if nothing had been, hosts have noticed nothing, and servers hold what the registry says.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { JobJson } from '../../cluster/fixture/api.ts'
import { type MasterCase, MIB, type Scene } from '../fixture/scene.ts'

const HOOK = join(import.meta.dirname, '..', 'fixture', 'kill-at-commit.ts')
/** More than any job has. */
const STEPS_MAX = 40
const START_MS = 60_000

interface Kill {
  readonly kind: string
  /** Makes the job; an answer that the dying master does not give is no error. */
  begin(scene: Scene, turn: number): Promise<void>
  /** What must be true when it has ended. */
  done(scene: Scene, turn: number): Promise<void>
}

/** The job of this kind that is newest. */
async function newest(scene: Scene, kind: string): Promise<JobJson | undefined> {
  return (await scene.cluster.api.jobs()).filter((job) => job.kind === kind).at(-1)
}

async function killAtEachStep(scene: Scene, kill: Kill): Promise<void> {
  const { cluster } = scene
  const journal = join(cluster.directory, 'kill.journal')
  for (let turn = 1; turn <= STEPS_MAX; turn++) {
    rmSync(journal, { force: true })
    // a job of the same kind that ends later would be taken for this one
    await cluster.api.until('all jobs to end', START_MS, async () =>
      (await cluster.api.jobs()).every(({ state }) => state !== 'running') ? true : undefined,
    )
    await cluster.master.stop()
    await cluster.master.start({
      NODE_OPTIONS: `--import=${HOOK}`,
      KILL_AT: String(turn),
      KILL_JOB: kill.kind,
      KILL_JOURNAL: journal,
    })
    const running = (): number => cluster.servers.filter(({ isRunning }) => isRunning).length
    await cluster.connected(running())
    const before = (await newest(scene, kill.kind))?.id
    let isKilled = false
    const killed = cluster.master.ended().then(() => {
      isKilled = true
    })
    const begun = kill.begin(scene, turn).catch(async (error: unknown) => {
      if (!(await settled(killed))) throw error
    })
    const over = async (): Promise<void> => {
      await begun
      const job = await cluster.api.until(`a job ${kill.kind}`, START_MS, async () => {
        const last = await newest(scene, kill.kind)
        return isKilled || last?.id !== before ? (last ?? undefined) : undefined
      })
      if (!isKilled) await cluster.api.ended(job.id)
    }
    await Promise.race([
      killed,
      over().catch(async (error: unknown) => (await settled(killed)) || Promise.reject(error)),
    ])
    await begun
    const steps = existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []
    const last = steps.at(-1) ?? 'before the first'
    const name = isKilled ? `killed at step ${last}` : `not killed: it has ${steps.length} steps`
    await scene.check(`${kill.kind}: ${name}, ends as it should`, async () => {
      if (isKilled) {
        await cluster.master.start()
        await cluster.connected(running())
        // a job whose record was the last that the master wrote is there, and goes on
        const job = await newest(scene, kill.kind)
        if (job === undefined || job.id === before) throw new Error('the job that was recorded is not there')
        const { state, message } = await cluster.api.ended(job.id, 120_000)
        if (state !== 'succeeded') throw new Error(`it ${state}: ${message}`)
      }
      await kill.done(scene, turn)
      await scene.noDoublePrimary()
      await scene.noOrphans()
      await scene.verify()
    })
    if (!isKilled) return
  }
  throw new Error(`${kill.kind} has more than ${STEPS_MAX} steps`)
}

/** Whether the process has died by now, or dies at once: an answer that broke off may be known before its end. */
const settled = (killed: Promise<void>): Promise<boolean> =>
  Promise.race([
    killed.then(() => true),
    new Promise<boolean>((resolve) => {
      setTimeout(resolve, 2000, false)
    }),
  ])

async function begin(scene: Scene): Promise<void> {
  await scene.create('base')
  await scene.load('base')
}

const create: MasterCase = {
  name: 'create',
  summary: 'the master is killed at each step of a creation',
  servers: 3,
  async run(scene) {
    const { api } = scene.cluster
    await begin(scene)
    await killAtEachStep(scene, {
      kind: 'create',
      begin: async (_, turn) => {
        await api.call('POST', '/block/volume', { name: `v${turn}`, size_bytes: 16 * MIB, replica_factor: 2 })
      },
      done: async (_, turn) => {
        const volume = await api.healthy(`v${turn}`)
        if (volume.replicas.length !== 2) throw new Error(`it has ${volume.replicas.length} replicas`)
      },
    })
  },
}

const expand: MasterCase = {
  name: 'expand',
  summary: 'the master is killed at each step of a growth',
  servers: 3,
  async run(scene) {
    const { api } = scene.cluster
    await begin(scene)
    await killAtEachStep(scene, {
      kind: 'expand',
      begin: async (_, turn) => {
        await api.call('POST', '/block/volume/base/expand', { new_size_bytes: (16 + turn) * MIB })
      },
      done: async (_, turn) => {
        const volume = await api.healthy('base')
        if (volume.size_bytes !== (16 + turn) * MIB) throw new Error(`it has ${volume.size_bytes} bytes`)
      },
    })
  },
}

const remove: MasterCase = {
  name: 'delete',
  summary: 'the master is killed at each step of a deletion',
  servers: 3,
  async run(scene) {
    const { api } = scene.cluster
    await begin(scene)
    for (let i = 1; i <= 12; i++) await scene.create(`v${i}`)
    await killAtEachStep(scene, {
      kind: 'delete',
      begin: async (_, turn) => {
        await api.call('DELETE', `/block/volume/v${turn}`)
      },
      done: async (_, turn) => {
        if ((await api.volume(`v${turn}`)) !== undefined) throw new Error('it is still there')
      },
    })
  },
}

const move: MasterCase = {
  name: 'move',
  summary:
    'the master is killed at each step of a replica that goes to another server, and of a lead that does',
  servers: 3,
  async run(scene) {
    const { api, servers } = scene.cluster
    await begin(scene)
    const placed = async (): Promise<{ on: string[]; free: string }> => {
      const on = ((await api.volume('base'))?.replicas ?? []).map(({ server_name }) => server_name)
      return { on, free: servers.find(({ name }) => !on.includes(name))?.name ?? '' }
    }
    let wanted = ''
    await killAtEachStep(scene, {
      kind: 'move',
      begin: async () => {
        const { on, free } = await placed()
        wanted = free
        await api.call('POST', '/block/volume/base/move', { from: on[0], to: free })
      },
      done: async () => {
        await api.healthy('base')
        const { on } = await placed()
        if (on.length !== 2 || !on.includes(wanted)) throw new Error(`replicas are on ${on.join()}`)
      },
    })
  },
}

const replace: MasterCase = {
  name: 'replace',
  summary: 'a server is lost for good, and the master is killed at each step of making its replica anew',
  servers: 4,
  masterFlags: ['--replace-after', '10s'],
  async run(scene) {
    const { cluster } = scene
    const { api } = cluster
    await begin(scene)
    await killAtEachStep(scene, {
      kind: 'replace',
      begin: async () => {
        // the one that is away since the last turn comes back first, and gives up what it has
        for (const server of cluster.servers.filter(({ isRunning }) => !isRunning)) await server.start()
        await cluster.connected(cluster.servers.length)
        const { replicas } = await api.healthy('base')
        const victim = replicas.find(({ role, state }) => role !== 'primary' && state === 'ready')
        await cluster.serverOf(victim?.server ?? '').kill()
      },
      done: async () => {
        const { replicas } = await api.healthy('base', 120_000)
        const ready = replicas.filter(({ state, connected }) => state === 'ready' && connected)
        if (ready.length !== 2) throw new Error(`${ready.length} replicas are ready`)
      },
    })
    for (const server of cluster.servers.filter(({ isRunning }) => !isRunning)) await server.start()
    await scene.check('the servers that came back have given up what they had', () => scene.noOrphans())
  },
}

const drain: MasterCase = {
  name: 'drain',
  summary: 'the master is killed at each step of a server being emptied',
  servers: 3,
  async run(scene) {
    const { cluster } = scene
    const { api } = cluster
    await begin(scene)
    for (const name of ['v1', 'v2']) await scene.create(name)
    let drained = ''
    await killAtEachStep(scene, {
      kind: 'drain',
      begin: async () => {
        if (drained !== '') await api.call('POST', `/block/server/${drained}/uncordon`)
        const { replicas } = await api.healthy('base')
        drained = replicas.find(({ role }) => role === 'primary')?.server_name ?? ''
        await api.call('POST', `/block/server/${drained}/drain`)
      },
      done: async () => {
        for (const volume of await api.volumes()) {
          if (volume.replicas.some(({ server_name }) => server_name === drained))
            throw new Error(`${volume.name} is on it`)
        }
      },
    })
  },
}

export const KILLS: readonly MasterCase[] = [create, expand, remove, move, replace, drain]
