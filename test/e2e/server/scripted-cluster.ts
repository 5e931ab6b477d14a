/** Block servers as processes under a master that does what the test says, with volumes that the test names by numbers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { epochNumber, MIB } from '../../../src/base/units.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { loadSyscalls } from '../../../src/io/syscalls.ts'
import type { LedBeat, ReplicaBeat, SnapshotFacts } from '../../../src/master/links.ts'
import type { TaskSpec, TaskView } from '../../../src/rpc/tasks.ts'
import type { ServerReadyLine } from '../../../src/server/block-server.ts'
import { serverId } from '../../../src/v2engine/identity.ts'
import type { Assignment, SealAnswer } from '../../../src/v2engine/messages.ts'
import { JOIN_TOKEN, MasterDouble } from '../../grpc/master-double.ts'
import { type Host, type HostOptions, login } from '../target/support/host.ts'
import { BasaltProcess } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

const CLUSTER = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const LEASE_MS = 2000
const NOWHERE = '127.0.0.1:0'

export const volumeOf = (n: number): string => `11111111-2222-4333-8444-${String(n).padStart(12, '0')}`
export const snapshotOf = (n: number): string => String(n).padStart(16, '0')

interface Lead {
  readonly server: string
  readonly epoch: Assignment['epoch']
}

export class ScriptedCluster {
  readonly directory: ReturnType<typeof temporaryDirectory>
  readonly master: MasterDouble
  readonly #running: BasaltProcess[] = []
  /** Who leads each volume, and is granted leases. */
  readonly #leads = new Map<string, Lead>()
  /** What was said last of volumes that are led. */
  readonly #led = new Map<string, LedBeat>()
  readonly #sealed = new Map<string, SealAnswer>()
  readonly #clock = new RealClock({ syscalls: loadSyscalls() })
  #tasks = 0

  private constructor(master: MasterDouble) {
    this.master = master
    this.directory = temporaryDirectory()
    writeFileSync(join(this.directory.path, 'key'), 'a-cluster-key-0123456789', { mode: 0o600 })
    writeFileSync(join(this.directory.path, 'token'), JOIN_TOKEN, { mode: 0o600 })
    master.heard = (server, { replicas }) => {
      for (const { volume, open, led, messages } of replicas) {
        if (led !== null) this.#led.set(`${server} ${volume}`, led)
        for (const message of messages) {
          const { kind } = message
          if (kind === 'sealed') this.#sealed.set(`${server} ${volume} ${message.epoch.number}`, message)
          if (kind !== 'sealLater') continue
          // a lease that it knows of is not over
          const seal = { kind: 'seal', epoch: message.epoch } as const
          this.#clock.after(message.waitMs, () =>
            master.links.send(server, { kind: 'replica', volume, message: seal }),
          )
        }
        const lead = this.#leads.get(volume)
        if (open?.leads == null || lead?.server !== server) continue
        if (open.leads.number !== lead.epoch.number) continue
        const { opening, askedAtMs } = open
        const grant = { kind: 'grant', epoch: lead.epoch, opening, askedAtMs, leaseMs: LEASE_MS } as const
        master.links.send(server, { kind: 'replica', volume, message: grant })
      }
    }
  }

  static async open(): Promise<ScriptedCluster> {
    return new ScriptedCluster(await MasterDouble.open())
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((child) => child.kill()))
    this.master.grpc.close()
    this.directory.remove()
  }

  async start(name: string): Promise<{ readonly ready: ServerReadyLine; readonly child: BasaltProcess }> {
    const file = (of: string): string => join(this.directory.path, of)
    const { master } = this
    const child = new BasaltProcess([
      ...['server', '--data', file(name), '--cluster-id', CLUSTER, '--cluster-key', file('key')],
      ...['--master', master.address, '--join-token-file', file('token'), '--name', name],
      ...[
        '--iscsi',
        NOWHERE,
        '--nvme',
        NOWHERE,
        '--replication',
        NOWHERE,
        '--http',
        NOWHERE,
        '--grpc',
        NOWHERE,
      ],
    ])
    this.#running.push(child)
    const ready = await child.ready<ServerReadyLine>()
    await master.until(() => master.replicas.has(ready.server))
    return { ready, child }
  }

  /** As the server said last. */
  said(server: string, n: number): ReplicaBeat | undefined {
    return this.master.replicas.get(server)?.get(volumeOf(n))
  }

  /** Of a volume that is led there, as it was said last: a beat says it only when it changed. */
  led(server: string, n: number): LedBeat | undefined {
    return this.#led.get(`${server} ${volumeOf(n)}`)
  }

  /** Makes volume `n` of 16 MiB at these servers, and has the first lead it in epoch 1. */
  async make(n: number, servers: readonly ServerReadyLine[]): Promise<void> {
    for (const { server } of servers) {
      await this.master.links.allocate(server, {
        ...{ volume: volumeOf(n), name: `vol${n}`, sizeBytes: 16 * MIB },
        ...{ logicalBlockBytes: 512, logBytes: 4 * MIB, madeIn: null },
      })
      this.admitAll(server, n)
      await this.master.until(() => this.said(server, n)?.open)
    }
    await this.promote(n, servers, 1)
  }

  /** Any host may use it. */
  admitAll(server: string, n: number): void {
    this.master.links.send(server, {
      ...{ kind: 'settings', volume: volumeOf(n), tag: 1, keep: '' },
      access: { initiators: null, chap: null, hosts: null, dhchap: [] },
      qos: { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 },
    })
  }

  /** Seals, assigns the first of `servers` as the primary, and grants it leases from then on. */
  async promote(n: number, servers: readonly ServerReadyLine[], number: number): Promise<void> {
    const volume = volumeOf(n)
    const epoch = { number: epochNumber(number), id: 2n ** 64n - BigInt(number) }
    const [primary] = servers
    if (primary === undefined) throw new Error('nobody to promote')
    this.#leads.set(volume, { server: primary.server, epoch })
    for (const { server } of servers) {
      this.master.links.send(server, { kind: 'replica', volume, message: { kind: 'seal', epoch } })
    }
    const answer = ({ server }: ServerReadyLine) => this.#sealed.get(`${server} ${volume} ${number}`)
    await this.master.until(() => servers.every((one) => answer(one) !== undefined))
    const members = servers.map(({ server }) => serverId(server))
    for (const { server } of servers) {
      const message: Assignment = {
        kind: 'assign',
        epoch,
        role: server === primary.server ? 'primary' : 'replica',
        primary: serverId(primary.server),
        opening: answer(primary)!.opening,
        replicas: servers.map((one) => ({ server: serverId(one.server), endpoint: one.replication })),
        set: { epoch: epoch.number, version: 1, members },
        policy: { replicaFactor: servers.length, mode: { kind: 'sync_all', minInSync: servers.length } },
      }
      this.master.links.send(server, { kind: 'replica', volume, message })
    }
    await this.master.until(() => {
      const open = this.said(primary.server, n)?.open
      return open?.isServing === true && open.leads?.number === number
    })
  }

  /** Logs in to volume `n`, or to a snapshot of it. */
  login(server: ServerReadyLine, n: number, snapshot?: string, options?: HostOptions): Promise<Host> {
    const suffix = snapshot === undefined ? '' : `:snap:${snapshot}`
    return login({ iscsi: server.iscsi, iqn: `iqn.2026-11.io.basalt:vol${n}${suffix}` }, options)
  }

  snapshot(server: ServerReadyLine, n: number, id: number, epoch = 1): Promise<SnapshotFacts> {
    const request = { volume: volumeOf(n), epoch, id: snapshotOf(id), name: `s${id}` }
    return this.master.links.createSnapshot(server.server, request)
  }

  /** Runs a task to its end; of volume `n`, or of none. */
  async task(server: ServerReadyLine, spec: TaskSpec, n: number | null, epoch = 1): Promise<TaskView> {
    const { links } = this.master
    const task = `00000000-0000-4000-8000-${String(++this.#tasks).padStart(12, '0')}`
    const led = n === null ? null : { volume: volumeOf(n), epoch }
    await links.startTask(server.server, { task, led, spec })
    for (;;) {
      const view = await links.task(server.server, { task })
      if (view.state !== 'running') return view
      // calls of a master are bounded by their rate
      await this.#clock.sleep(20)
    }
  }
}
