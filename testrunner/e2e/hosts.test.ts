/** Hosts of this process and the oracle against a real cluster: what is written is there, also when the primary is killed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ApiClient } from '../../src/client/http/api-client.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealNet } from '../../src/io/net.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import { RealCluster } from '../../test/e2e/cluster/fixture/real-cluster.ts'
import type { Disk, Host } from '../hosts/disk.ts'
import { hostNames } from '../hosts/names.ts'
import { userHost } from '../hosts/user/user-host.ts'
import { newOracle } from '../oracle/new-oracle.ts'

const MIB = 1 << 20
const NAMES = { service: 'the master', addressFlag: '--master', tokenFlag: '--token' }
const LOAD = { depth: 4, readPercent: 30, flushEvery: 20, paceMs: 0, areaBytes: 4 * MIB }
const ports = {
  net: new RealNet(),
  clock: new RealClock({ syscalls: loadSyscalls() }),
  random: new RealRandom(),
}

const folder = mkdtempSync(join(tmpdir(), 'basalt-hosts-'))
let cluster: RealCluster
let hosts: readonly Host[]
beforeAll(async () => {
  cluster = await RealCluster.start(join(folder, 'cluster'), { servers: 3 })
  for (const [name, multipath] of [
    ['several', true],
    ['one', false],
  ] as const) {
    const wish = { name, multipath, size_bytes: 16 * MIB, replica_factor: 3, durability_mode: 'sync_all' }
    await cluster.api.call('POST', '/block/volume', wish)
    await cluster.api.healthy(name)
  }
  const api = await ApiClient.open({ address: cluster.masterUrl, names: NAMES })
  hosts = ['h1', 'h2'].map((name) => userHost({ name, names: hostNames('e2e', name), api, ports }))
})
afterAll(async () => {
  await Promise.all((hosts ?? []).map((host) => host.close()))
  await cluster?.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const within = (ms: number): AbortSignal => AbortSignal.timeout(ms)
const attach = (
  at: number,
  volume: string,
  transport: Disk['transport'],
  isMultipath: boolean,
): Promise<Disk> => hosts[at]!.attach({ volume, transport, isMultipath, isReadOnly: false }, within(20_000))

it.each([
  ['several', 'iscsi', true],
  ['several', 'nvme', true],
  ['one', 'iscsi', false],
  ['one', 'nvme', false],
] as const)('a load on %s over %s, multipath %s, is verified', async (volume, transport, isMultipath) => {
  const oracle = newOracle(ports)
  const ledger = oracle.ledger(volume)
  const disk = await attach(0, volume, transport, isMultipath)
  expect(disk).toMatchObject({ volume, host: 'h1', transport, sizeBytes: 16 * MIB, devicePath: null })
  await ledger.fill(disk, MIB, within(20_000))
  const load = ledger.start(disk, LOAD)
  await load.progress(200, within(20_000))
  expect(await load.stop(within(10_000))).toMatchObject({ errors: 0 })
  await disk.trim(8 * MIB, MIB, within(5000))
  expect((await disk.read(8 * MIB, MIB, within(5000))).every((byte) => byte === 0)).toBe(true)
  await disk.detach()
  expect(hosts[0]!.disks).toEqual([])
  await expect(disk.read(0, 4096, within(5000))).rejects.toMatchObject({ code: 'CLOSED' })
  // by the other host
  const other = await attach(1, volume, transport, isMultipath)
  expect((await ledger.verify(other, within(20_000))).blocks).toBeGreaterThan(250)
  await other.detach()
  oracle.check()
})

it('a host that is not let in is told so, and one that waits gives up when it is told to', async () => {
  const letIn = (initiators: readonly string[] | null): Promise<unknown> =>
    cluster.api.call('PUT', '/block/volume/one/access', { initiators, chap: null, hosts: null, dhchap: [] })
  await letIn([hosts[1]!.names.initiator])
  await expect(attach(0, 'one', 'iscsi', false)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  await (await attach(1, 'one', 'iscsi', false)).detach()
  await letIn(null)
  const gone = { volume: 'gone', transport: 'iscsi', isMultipath: false, isReadOnly: false } as const
  await expect(hosts[0]!.attach(gone, within(5000))).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

it('commands go on by another path when the primary is killed, and no write is lost', async () => {
  const oracle = newOracle(ports)
  const disks = [
    await attach(0, 'several', 'iscsi', true),
    await attach(1, 'several', 'nvme', true),
    await attach(0, 'one', 'iscsi', false),
    await attach(1, 'one', 'nvme', false),
  ]
  const loads = disks.map((disk) => oracle.ledger(disk.volume).start(disk, { ...LOAD, paceMs: 5 }))
  await Promise.all(loads.map((load) => load.progress(100, within(20_000))))
  const { volume_server } = await cluster.api.healthy('several')
  const killed = cluster.serverOf(volume_server)
  await killed.kill()
  await Promise.all(loads.map((load) => load.progress(300, within(40_000))))
  for (const load of loads) expect(await load.stop(within(10_000))).toMatchObject({ errors: 0 })
  for (const disk of disks) await oracle.ledger(disk.volume).verify(disk, within(20_000))
  oracle.check()
  expect(Math.max(...loads.slice(0, 2).map(({ totals }) => totals.longestGapMs))).toBeGreaterThan(1000)
  await oracle.close()
  await Promise.all(disks.map((disk) => disk.detach()))
})
