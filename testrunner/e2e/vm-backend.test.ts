/** The vm backend: a guest is booted once, and works with a cluster of this computer. `npm run e2e:vm`, two to three minutes. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { plainSyscalls } from '../../src/io/syscalls.ts'
import type { Machine, Place } from '../backends/backend.ts'
import { vmBackend } from '../backends/vm/vm-backend.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { kernelHost } from '../hosts/kernel/kernel-host.ts'
import { hostNames } from '../hosts/names.ts'
import { processesWith, requestOf, topologyOf, until } from './fixture/scene.ts'

const PATIENCE_MS = 300_000
const signal = new AbortController().signal
const clock = new RealClock({ syscalls: plainSyscalls })
const random = new RealRandom()
const topology = topologyOf({ masters: 1, servers: 1, hosts: 1 })
const runId = `vm-${process.pid}`

let folder: string
let place: Place
let h1: Machine
let cluster: Cluster | undefined

const sh = async (script: string, timeoutMs = 120_000): Promise<string> => {
  const ran = await h1.run(['bash', '-c', script], { timeoutMs, asRoot: true })
  expect(ran, `${script}: ${ran.stderr}`).toMatchObject({ code: 0, isTimedOut: false })
  return ran.stdout
}

beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'basalt-e2e-vm-'))
  const backend = vmBackend({ clock, random, recordsFolder: join(folder, 'records') })
  expect(await backend.missing(['kernel', 'netem', 'partition', 'fio', 'sqlite'])).toEqual([])
  place = await backend.open(requestOf({ runId, topology, directory: join(folder, 'place') }), signal)
  h1 = place.machines.get('h1') as Machine
}, PATIENCE_MS)

afterAll(async () => {
  await cluster?.stop()
  await place?.close(false)
  fs.rmSync(folder, { recursive: true, force: true })
}, PATIENCE_MS)

describe('a machine in QEMU', { timeout: PATIENCE_MS }, () => {
  test('is one of the place, with a kernel of its own', async () => {
    expect([...place.machines.keys()]).toEqual(['m1', 's1', 'h1'])
    expect(place.hostKind).toBe('kernel')
    expect(place.facts.guestKernel).toMatch(/^6\.1\./)
    expect((await sh('id -u; lsmod')).split('\n')).toEqual(
      expect.arrayContaining([
        '0',
        expect.stringMatching(/^iscsi_tcp /),
        expect.stringMatching(/^nvme_tcp /),
      ]),
    )
  })

  test('runs programs, with input, and the product', async () => {
    const words = ['', "it's", '$HOME', 'new\nline']
    const ran = await h1.run(['printf', '%s\\0', ...words])
    expect(ran.stdout.split('\0').slice(0, -1)).toEqual(words)
    expect(await h1.run(['cat'], { input: 'hello' })).toMatchObject({ code: 0, stdout: 'hello' })
    expect(await h1.run(['sleep', '600'], { timeoutMs: 500 })).toMatchObject({ code: null, isTimedOut: true })
    const version = await h1.run([...h1.basalt, '--version'])
    expect(version, version.stderr).toMatchObject({ code: 0, signal: null })
  })

  test('streams a program and kills it', async () => {
    const program = await h1.spawn(['cat'])
    const sent = Buffer.alloc(4 * 1024 * 1024, 'basalt ')
    const got: Buffer[] = []
    program.stdout.on('data', (chunk: Buffer) => got.push(chunk))
    program.stdin.write(sent)
    await until(
      'the stream to come back',
      60_000,
      () => got.reduce((sum, { length }) => sum + length, 0) === sent.length,
    )
    expect(Buffer.concat(got).equals(sent)).toBe(true)
    await program.signal('SIGKILL')
    expect(await program.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('takes and gives files', async () => {
    const content = Buffer.from(random.bytes(3_000_000))
    await h1.putFile(h1.path('a', 'file'), content, 0o640)
    expect(await sh(`stat -c %a ${h1.path('a', 'file')}`)).toBe('640\n')
    expect(Buffer.from(await h1.getFile(h1.path('a', 'file'), 4_000_000)).equals(content)).toBe(true)
    await h1.remove(h1.path('a'))
    await expect(h1.getFile(h1.path('a', 'file'), 1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test("its kernel logs in to a cluster's volume, a cut silences it, and it goes on", async () => {
    cluster = await startCluster({ place, topology, random, clock, signal, log: () => undefined })
    const wish = {
      name: 'disk',
      size_bytes: 64 * 1024 * 1024,
      replica_factor: 1,
      durability_mode: 'sync_all',
    }
    await cluster.api.post('/block/volume', Type.Unknown(), wish)
    const { iqn, portal } = await attachable(cluster)
    await sh(`iscsiadm -m discovery -t sendtargets -p ${portal}; iscsiadm -m node -T ${iqn} --login`)
    const device = (await sh(`udevadm settle; ls /dev/disk/by-path/*${iqn}-lun-0 | head -n 1`)).trim()
    await sh(`dd if=/dev/zero of=${device} bs=1M count=4 oflag=direct status=none`)
    await place.network.cut('h1', 's1')
    const write = h1.run(['dd', 'if=/dev/zero', `of=${device}`, 'bs=4k', 'count=1', 'oflag=direct'], {
      timeoutMs: 120_000,
    })
    const early = await Promise.race([
      write,
      new Promise((resolve) => setTimeout(() => resolve('waiting'), 5_000)),
    ])
    expect(early).toBe('waiting')
    await place.network.heal()
    expect(await write).toMatchObject({ code: 0 })
    await sh(`udevadm settle; iscsiadm -m node -T ${iqn} --logout`)
  })

  test.each([
    { way: 'one iSCSI session', transport: 'iscsi', isMultipath: false, device: /^\/dev\/sd/ },
    { way: 'dm-multipath', transport: 'iscsi', isMultipath: true, device: /^\/dev\/mapper\/mpath/ },
    { way: 'NVMe', transport: 'nvme', isMultipath: false, device: /^\/dev\/nvme/ },
  ] as const)('a host attaches by $way, works on the disk, and leaves nothing', async (wish) => {
    const { api } = cluster as Cluster
    const words: string[] = []
    const log = (text: string): void => void words.push(text)
    const host = kernelHost({ machine: h1, names: hostNames(runId, 'h1'), api, clock, log })
    const limit = AbortSignal.timeout(120_000)
    const disk = await host.attach({ ...wish, volume: 'disk', isReadOnly: false }, limit)
    expect(disk).toMatchObject({
      devicePath: expect.stringMatching(wish.device),
      sizeBytes: 64 * 1024 * 1024,
    })
    const content = random.bytes(8 * 4096)
    const parts = Array.from({ length: 8 }, (_, i) => i * 4096)
    await Promise.all(parts.map((at) => disk.write(at, content.subarray(at, at + 4096), limit)))
    await disk.flush(limit)
    expect(Buffer.compare(await disk.read(0, content.byteLength, limit), content)).toBe(0)
    await host.close()
    expect(words).toEqual([])
    expect(
      await sh('ls -A /sys/class/iscsi_session /sys/class/nvme; ls -d /sys/block/dm-* || true'),
    ).not.toMatch(/session\d|nvme\d|dm-/)
  })

  test("delay in the guest's kernel", async () => {
    const ping = async (): Promise<number> => {
      const { stdout } = await h1.run(['ping', '-c', '3', '-i', '0.3', '-q', '10.0.2.2'], {
        timeoutMs: 60_000,
      })
      return Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1])
    }
    const delay = { delayMs: 400, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }
    await place.network.impair('h1', delay)
    expect(await ping()).toBeGreaterThan(750)
    await place.network.heal('h1')
    expect(await ping()).toBeLessThan(400)
  })

  test('closing leaves no QEMU and no folder, but what is to be kept', async () => {
    const program = await h1.spawn(['sleep', '600'])
    await cluster?.stop()
    cluster = undefined
    await place.close(true)
    await program.exited
    expect(processesWith(folder)).toEqual([])
    expect(fs.readFileSync(join(folder, 'place', 'h1', 'dmesg'), 'utf8')).toContain('Linux version')
    expect(fs.existsSync(join(folder, 'place', 'h1', 'console.log'))).toBe(true)
    expect(fs.existsSync(join(folder, 'place', 'h1', 'token'))).toBe(false)
  })
})

const Iscsi = Type.Object({
  iqn: Type.String(),
  portals: Type.Array(Type.Object({ address: Type.String() })),
})
const AttachInfo = Type.Object({ iscsi: Type.Union([Type.Null(), Iscsi]) })

/** When it serves. */
async function attachable({ api }: Cluster): Promise<{ readonly iqn: string; readonly portal: string }> {
  let found = { iqn: '', portal: '' }
  await until('the volume to have portals', 60_000, async () => {
    const { iscsi } = await api
      .get('/block/volume/disk/attach-info', AttachInfo)
      .catch(() => ({ iscsi: null }))
    found = { iqn: iscsi?.iqn ?? '', portal: iscsi?.portals[0]?.address ?? '' }
    return found.portal !== ''
  })
  return found
}
