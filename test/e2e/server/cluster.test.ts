/** `basalt server --master` as processes, under a master that does what the test says. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseHostPort } from '../../../src/base/address.ts'
import { epochNumber } from '../../../src/base/units.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealNet } from '../../../src/io/net.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { loadSyscalls } from '../../../src/io/syscalls.ts'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import { testUnitReady } from '../../../src/iscsi/initiator/cdb.ts'
import { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import { parseSense } from '../../../src/iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { SENSE_KEY } from '../../../src/iscsi/scsi/sense.ts'
import type { ReplicaBeat } from '../../../src/master/links.ts'
import type { ServerReadyLine } from '../../../src/server/block-server.ts'
import { serverId } from '../../../src/v2engine/identity.ts'
import type { Assignment, SealAnswer } from '../../../src/v2engine/messages.ts'
import { JOIN_TOKEN, MasterDouble } from '../../grpc/master-double.ts'
import { BasaltProcess } from '../target/support/process.ts'
import { temporaryDirectory } from '../target/support/volume.ts'

const MIB = 1 << 20
const CLUSTER = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const VOLUME = '11111111-2222-4333-8444-555555555555'
const NO_LIMITS = { iops: 0, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 }

const INITIATOR = 'iqn.2026-11.org.example:host1'
const initiator = new Initiator({
  net: new RealNet(),
  clock: new RealClock({ syscalls: loadSyscalls() }),
  random: new RealRandom(),
  initiatorName: INITIATOR,
  connectTimeoutMs: 2000,
  loginTimeoutMs: 2000,
})
const connect = (server: ServerReadyLine): Promise<InitiatorSession> =>
  initiator.connect({
    portal: parseHostPort(server.iscsi, 'portal'),
    targetName: 'iqn.2026-11.io.basalt:vol1',
    isid: 0x8000_0000_0007,
  })

let directory: ReturnType<typeof temporaryDirectory>
let master: MasterDouble
let running: BasaltProcess[]
beforeEach(async () => {
  directory = temporaryDirectory()
  running = []
  master = await MasterDouble.open()
  writeFileSync(join(directory.path, 'key'), 'a-cluster-key-0123456789', { mode: 0o600 })
  writeFileSync(join(directory.path, 'token'), JOIN_TOKEN, { mode: 0o600 })
})
afterEach(async () => {
  await Promise.all(running.map((child) => child.kill()))
  master.grpc.close()
  directory.remove()
})

async function start(
  name: string,
  ...more: string[]
): Promise<{ ready: ServerReadyLine; child: BasaltProcess }> {
  const file = (of: string): string => join(directory.path, of)
  const child = new BasaltProcess([
    ...['server', '--data', file(name), '--cluster-id', CLUSTER, '--cluster-key', file('key')],
    ...['--master', master.address, '--join-token-file', file('token'), '--name', name, '--zone', 'z1'],
    ...[
      '--iscsi',
      '127.0.0.1:0',
      '--nvme',
      '127.0.0.1:0',
      '--replication',
      '127.0.0.1:0',
      '--http',
      '127.0.0.1:0',
      '--grpc',
      '127.0.0.1:0',
    ],
    ...more,
  ])
  running.push(child)
  const ready = await child.ready<ServerReadyLine>()
  await master.until(() => master.replicas.has(ready.server))
  return { ready, child }
}

const said = (server: string): ReplicaBeat | undefined => master.replicas.get(server)?.get(VOLUME)
const openAt = (server: string): Promise<NonNullable<ReplicaBeat['open']>> =>
  master.until(() => said(server)?.open ?? undefined)
const allocate = (server: string): Promise<void> =>
  master.links.allocate(server, {
    ...{ volume: VOLUME, name: 'vol1', sizeBytes: 16 * MIB },
    ...{ logicalBlockBytes: 512, logBytes: 4 * MIB, madeIn: null },
  })

/** Seals, assigns the first of `servers` as the primary, and grants it leases from then on. */
async function promote(servers: readonly ServerReadyLine[], number: number): Promise<void> {
  const epoch = { number: epochNumber(number), id: 2n ** 64n - BigInt(number) }
  const [primary] = servers
  const sealed = new Map<string, SealAnswer>()
  master.heard = (server, beat) => {
    for (const { volume, open, messages } of beat.replicas) {
      for (const message of messages) if (message.kind === 'sealed') sealed.set(server, message)
      if (open?.leads?.number !== number) continue
      const { opening, askedAtMs } = open
      const grant = { kind: 'grant', epoch, opening, askedAtMs, leaseMs: 3000 } as const
      master.links.send(server, { kind: 'replica', volume, message: grant })
    }
  }
  for (const { server } of servers) {
    master.links.send(server, { kind: 'replica', volume: VOLUME, message: { kind: 'seal', epoch } })
  }
  await master.until(() => sealed.size === servers.length)
  const members = servers.map(({ server }) => serverId(server))
  for (const { server } of servers) {
    const message: Assignment = {
      kind: 'assign',
      epoch,
      role: server === primary?.server ? 'primary' : 'replica',
      primary: serverId(primary?.server ?? ''),
      opening: sealed.get(primary?.server ?? '')!.opening,
      replicas: servers.map((one) => ({ server: serverId(one.server), endpoint: one.replication })),
      set: { epoch: epoch.number, version: 1, members },
      policy: { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 2 } },
    }
    master.links.send(server, { kind: 'replica', volume: VOLUME, message })
  }
  await master.until(() => said(primary?.server ?? '')?.open?.isServing)
}

const status = async (ready: ServerReadyLine) => (await fetch(`http://${ready.http}/status`)).json()

describe('a block server of a cluster', () => {
  it('joins, and tells where it is and what it has', async () => {
    const { ready } = await start('s1', '--rack', 'r7', '--disk-type', 'nvme')
    expect(master.hellos[0]?.hello).toMatchObject({
      ...{ id: ready.server, name: 's1', clusterId: CLUSTER, zone: 'z1', rack: 'r7', diskType: 'nvme' },
      addresses: {
        grpc: ready.grpc,
        replication: ready.replication,
        http: ready.http,
        iscsi: [ready.iscsi],
        nvme: [ready.nvme],
      },
      registrySeen: null,
    })
    expect(master.beats[0]?.beat.capacityBytes).toBeGreaterThan(0)
    expect(await status(ready)).toMatchObject({ healthy: true, master: { state: 'connected' } })
    const page = await fetch(`http://${ready.http}/ui`)
    expect(await page.text()).toMatch(/<title>Basalt/)
    const metrics = await (await fetch(`http://${ready.http}/metrics`)).text()
    expect(metrics).toMatch(/basalt_master_connected\{server="[^"]+"\} 1/)
    const body = JSON.stringify({
      volume: VOLUME,
      authority: 'http://127.0.0.1:9',
      message: { kind: 'seal', epoch: { number: 1, id: '1' } },
    })
    const assigned = await fetch(`http://${ready.http}/assign`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body,
    })
    expect(assigned.status).toBe(409)
  })

  it('makes, serves, grows and removes replicas as the master says', { timeout: 60_000 }, async () => {
    const [a, b] = await Promise.all([start('s1'), start('s2')])
    const servers = [a.ready, b.ready]
    await Promise.all(servers.map(({ server }) => allocate(server)))
    await allocate(a.ready.server)
    for (const { server } of servers) expect((await openAt(server)).appended).toBe(0)
    await promote(servers, 1)
    // it leads before it was told who may use it: nobody
    await expect(connect(a.ready)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const settings = { kind: 'settings', volume: VOLUME, qos: NO_LIMITS, keep: '' } as const
    const nobody = { initiators: [], chap: null, hosts: [], dhchap: [] }
    const host = { ...nobody, initiators: [INITIATOR] }
    master.links.send(a.ready.server, { ...settings, tag: 3, access: host })
    await master.until(() => said(a.ready.server)?.settingsTag === 3)
    const session = await connect(a.ready)
    const disk = new BlockClient(session)
    expect(await disk.readCapacity()).toMatchObject({ blocks: (16 * MIB) / 512 })

    const expand = { volume: VOLUME, epoch: 1, sizeBytes: 32 * MIB }
    await expect(master.links.expand(b.ready.server, expand)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(master.links.expand(a.ready.server, { ...expand, epoch: 2 })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    await master.links.expand(a.ready.server, expand)
    await master.links.expand(a.ready.server, expand)
    await expect(master.links.expand(a.ready.server, { ...expand, sizeBytes: MIB })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    for (const { server } of servers) await master.until(() => said(server)?.sizeBytes === 32 * MIB)
    const told = await session.execute({ cdb: testUnitReady() })
    // SPC-5: UNIT ATTENTION, CAPACITY DATA HAS CHANGED
    expect(parseSense(told.sense)).toMatchObject({ key: SENSE_KEY.UNIT_ATTENTION, asc: 0x2a, ascq: 0x09 })
    expect(await disk.readCapacity()).toMatchObject({ blocks: (32 * MIB) / 512 })
    await disk.write((32 * MIB) / 512 - 8, 8, new Uint8Array(4096).fill(3))

    master.links.send(a.ready.server, { ...settings, tag: 1, access: nobody })
    await master.until(() => said(a.ready.server)?.settingsTag === 1)
    await expect(disk.testUnitReady()).rejects.toMatchObject({ code: 'DISCONNECTED' })
    await expect(connect(a.ready)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    master.links.send(a.ready.server, { ...settings, tag: 2, access: host })
    await master.until(() => said(a.ready.server)?.settingsTag === 2)
    await (await connect(a.ready)).logout()

    const remove = (server: string, epoch: number): Promise<void> =>
      master.links.remove(server, { volume: VOLUME, epoch, set: { epoch: 1, version: 1 } })
    const older = { volume: VOLUME, epoch: 1, set: { epoch: 1, version: 0 } }
    // it was made before the replica came into the set
    await expect(master.links.remove(b.ready.server, older)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('version 1 of the in-sync set'),
    })
    await expect(remove(a.ready.server, 1)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(remove(b.ready.server, 0)).rejects.toMatchObject({ code: 'CONFLICT' })
    await remove(b.ready.server, 1)
    await remove(b.ready.server, 1)
    await master.until(() => master.replicas.get(b.ready.server)?.size === 0)
    expect(existsSync(join(directory.path, 's2/volumes', VOLUME))).toBe(false)
    // or it would tell the new one of its epoch
    await a.child.kill()
    await allocate(b.ready.server)
    expect((await openAt(b.ready.server)).sealed.number).toBe(0)
  })

  it('keeps over a kill what it was told to store', { timeout: 60_000 }, async () => {
    const { ready, child } = await start('s1')
    await allocate(ready.server)
    master.links.send(ready.server, { kind: 'registry', id: 'registry-1', seq: 41 })
    master.links.send(ready.server, {
      ...{ kind: 'settings', volume: VOLUME, qos: NO_LIMITS, tag: 7, keep: '{"preset":"general"}' },
      access: {
        initiators: ['iqn.2026-11.org.example:h'],
        chap: { user: 'u', secret: 'not-to-be-stored', mutual: null },
        hosts: [],
        dhchap: [],
      },
    })
    await master.until(() => said(ready.server)?.settingsTag === 7)
    await child.kill()
    const stored = readFileSync(join(directory.path, 's1/volumes', VOLUME, 'replica.json'), 'utf8')
    expect(stored).not.toMatch(/not-to-be-stored/)
    expect(JSON.parse(stored)).toMatchObject({ settings: { hasChap: true } })
    master.replicas.clear()

    const again = await start('s1')
    expect(again.ready.server).toBe(ready.server)
    expect(master.hellos.at(-1)?.hello.registrySeen).toEqual({ id: 'registry-1', seq: 41 })
    await openAt(ready.server)
    // the secret is not there any more: it has to be told again
    expect(said(ready.server)).toMatchObject({ settingsTag: 0 })
    expect(master.beats.some(({ beat }) => beat.replicas[0]?.kept === '{"preset":"general"}')).toBe(true)
  })

  it('tells on SIGHUP that it stands elsewhere', { timeout: 60_000 }, async () => {
    const config = join(directory.path, 'server.yaml')
    writeFileSync(config, 'rack: r1\n')
    const { child } = await start('s1', '--config', config)
    expect(master.hellos.at(-1)?.hello.rack).toBe('r1')
    writeFileSync(config, 'rack: r2\ndisk-type: hdd\n')
    child.signal('SIGHUP')
    const hello = await master.until(() => master.hellos.find((one) => one.hello.rack === 'r2'))
    expect(hello).toMatchObject({ stream: 1, hello: { diskType: 'hdd' } })
  })

  it('leaves with a goodbye on SIGTERM, and says that it drains', { timeout: 60_000 }, async () => {
    const { ready, child } = await start('s1')
    await allocate(ready.server)
    expect(await child.stop()).toMatchObject({ code: 0 })
    expect(master.beats.some(({ beat }) => beat.isDraining)).toBe(true)
    await master.until(() => master.ended.length === 1)
    expect(readdirSync(join(directory.path, 's1/volumes'))).toEqual([VOLUME])
  })

  it('is not started when others could read its tokens on the way', async () => {
    const child = new BasaltProcess([
      ...['server', '--data', join(directory.path, 'x'), '--cluster-id', CLUSTER],
      ...['--cluster-key', join(directory.path, 'key'), '--master', '192.0.2.1:7471'],
    ])
    running.push(child)
    const { code, stderr } = await child.exited
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/--master 192\.0\.2\.1:7471 is not on loopback.*--tls-ca/)
  })
})
