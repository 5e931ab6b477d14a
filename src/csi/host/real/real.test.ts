/** What the kernel's files say, as the real host reads them: folders here that have the shape of /sys and /proc. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../../../base/log.ts'
import { deviceTools } from './devices.ts'
import { iscsiTools } from './iscsi.ts'
import { deviceNumber, parseMountInfo } from './mounts.ts'
import { nvmeTools } from './nvme.ts'
import { runner } from './run.ts'

const VOLUME = '0a0b0c0d-1111-4222-8333-444455556666'
const folder = mkdtempSync(join(tmpdir(), 'basalt-host-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const run = runner(silentLogger)

let trees = 0
/** A folder with these files; `@` before a text makes a link to it. */
function tree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = join(folder, `tree-${++trees}`)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    if (typeof content === 'string' && content.startsWith('@'))
      symlinkSync(content.slice(1), join(root, path))
    else writeFileSync(join(root, path), content)
  }
  return root
}

const page80 = (serial: string): Uint8Array =>
  Buffer.from(`\0\x80\0${String.fromCharCode(serial.length)}${serial}`)
const disk = (name: string, minor: number) => ({
  [`block/${name}/dev`]: `8:${minor}\n`,
  [`block/${name}/size`]: '131072\n',
  [`block/${name}/ro`]: '0\n',
})

it('reads mountinfo: bind mounts, escapes, read-only by mount and by file system', () => {
  const text = [
    '36 35 8:16 / /stage rw,noatime shared:5 - ext4 /dev/sdb rw',
    '37 35 8:16 / /pods/a\\040b ro,relatime shared:5 master:1 - ext4 /dev/sdb rw',
    '38 35 8:32 / /hurt rw - ext4 /dev/sdc ro,errors=remount-ro',
    '39 35 0:6 /sdb /pods/device rw,nosuid - devtmpfs udev rw',
    'nonsense',
  ].join('\n')
  expect(parseMountInfo(text)).toEqual([
    { target: '/stage', number: '8:16', root: '/', fsType: 'ext4', isReadOnly: false },
    { target: '/pods/a b', number: '8:16', root: '/', fsType: 'ext4', isReadOnly: true },
    { target: '/hurt', number: '8:32', root: '/', fsType: 'ext4', isReadOnly: true },
    { target: '/pods/device', number: '0:6', root: '/sdb', fsType: 'devtmpfs', isReadOnly: false },
  ])
})

it('takes device numbers apart as the kernel puts them together', () => {
  expect(deviceNumber(0x0810)).toBe('8:16')
  expect(deviceNumber(0x10300)).toBe('259:0')
  expect(deviceNumber(0x10_0300)).toBe('3:256')
  expect(deviceNumber(0x20_0805)).toBe('8:517')
})

describe('disks', () => {
  const at = (sys: string) => deviceTools(run, { sys, dev: '/dev' }).devicesOf(VOLUME)
  const hex = VOLUME.replaceAll('-', '')
  const scsi = (name: string, minor: number, session: string, serial: string, vendor = 'BASALT  ') => ({
    [`devices/host3/${session}/target3:0:0/3:0:0:0/vendor`]: `${vendor}\n`,
    [`devices/host3/${session}/target3:0:0/3:0:0:0/vpd_pg80`]: page80(serial),
    [`devices/host3/${session}/target3:0:0/3:0:0:0/block/${name}/dev`]: `8:${minor}\n`,
    [`devices/host3/${session}/target3:0:0/3:0:0:0/block/${name}/size`]: '131072\n',
    [`devices/host3/${session}/target3:0:0/3:0:0:0/block/${name}/ro`]: '1\n',
    [`devices/host3/${session}/target3:0:0/3:0:0:0/block/${name}/device`]: '@../../../3:0:0:0',
    [`block/${name}`]: `@../devices/host3/${session}/target3:0:0/3:0:0:0/block/${name}`,
    [`class/iscsi_session/${session}/ifacename`]: `basalt-${VOLUME}\n`,
  })

  it('over iSCSI by vendor and serial number, with the interface of the session', async () => {
    const sys = tree({
      ...scsi('sdb', 16, 'session7', hex),
      ...scsi('sdc', 32, 'session8', hex, 'OTHER   '),
      ...scsi('sdd', 48, 'session9', hex.replace('0a', 'ff')),
      ...disk('vda', 0),
    })
    expect(await at(sys)).toEqual([
      {
        ...{ path: '/dev/sdb', number: '8:16', kind: 'scsi', volumeId: VOLUME, sizeBytes: 64 << 20 },
        ...{ isReadOnly: true, initiators: [`basalt-${VOLUME}`] },
      },
    ])
  })

  it('over NVMe by the UUID of the namespace, with the hosts of its controllers; paths are no disks', async () => {
    const sys = tree({
      ...disk('nvme0n1', 0),
      'block/nvme0n1/uuid': `${VOLUME.toUpperCase()}\n`,
      'block/nvme0n1/device/nvme0/hostnqn': 'nqn.one\n',
      'block/nvme0n1/device/nvme1/hostnqn': 'nqn.two\n',
      ...disk('nvme0c1n1', 1),
      'block/nvme0c1n1/uuid': `${VOLUME}\n`,
    })
    expect((await at(sys)).map(({ path, initiators }) => [path, initiators])).toEqual([
      ['/dev/nvme0n1', ['nqn.one', 'nqn.two']],
    ])
  })

  it('a map is the volume’s when all of its paths are', async () => {
    const map = (slaves: readonly string[]) => ({
      ...disk('dm-0', 0),
      'block/dm-0/dm/uuid': `mpath-36024253${hex.slice(7)}\n`,
      'block/dm-0/dm/name': 'mpatha\n',
      ...Object.fromEntries(slaves.map((name) => [`block/dm-0/slaves/${name}`, `@../../${name}`])),
    })
    const paths = { ...scsi('sdb', 16, 'session7', hex), ...scsi('sdc', 32, 'session8', hex) }
    const whole = await at(tree({ ...paths, ...map(['sdb', 'sdc']) }))
    expect(whole.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      '/dev/mapper/mpatha multipath',
      '/dev/sdb scsi',
      '/dev/sdc scsi',
    ])
    const mixed = { ...paths, ...scsi('sdd', 48, 'session9', hex.replace('0a', 'ff')) }
    const found = await at(tree({ ...mixed, ...map(['sdb', 'sdd']) }))
    expect(found.map(({ kind }) => kind)).toEqual(['scsi', 'scsi'])
  })
})

describe('tools', () => {
  const bin = join(folder, 'bin')
  const log = join(folder, 'log')
  beforeEach(() => {
    mkdirSync(bin, { recursive: true })
    writeFileSync(log, '')
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
  })
  afterEach(() => vi.unstubAllEnvs())
  /** A tool of this name that notes its arguments and does this. */
  const stub = (name: string, script: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "$*" >>${log}\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const noted = (): readonly string[] => readFileSync(log, 'utf8').trim().split('\n')

  it('a session is ended by its number, whoever made its record', async () => {
    const sys = tree({
      'class/iscsi_session/session4/targetname': 'iqn.x\n',
      'class/iscsi_session/session4/ifacename': 'basalt-v\n',
      'class/iscsi_session/session4/state': 'LOGGED_IN\n',
      'class/iscsi_connection/connection4:0/persistent_address': '10.0.0.1\n',
      'class/iscsi_connection/connection4:0/persistent_port': '3260\n',
    })
    stub('iscsiadm', 'exit 0')
    const tools = iscsiTools(run, sys)
    const [session] = await tools.iscsiSessions()
    expect(session).toEqual({
      ...{ id: 4, iqn: 'iqn.x', interfaceName: 'basalt-v', portal: '10.0.0.1:3260', isLive: true },
    })
    await tools.iscsiLogout({ iqn: 'iqn.x', interfaceName: 'basalt-v', portal: '10.0.0.1:3260' })
    await tools.iscsiLogout({ iqn: 'iqn.x', interfaceName: 'other', portal: '10.0.0.1:3260' })
    expect(noted()).toEqual(['-m session -r 4 --logout'])
  })

  it('an error has the words of the tool and never its arguments', async () => {
    stub('iscsiadm', 'case "$*" in *password*) echo "no such record" >&2; exit 6;; esac; exit 0')
    const secret = 'twelve-chars-and-more'
    const record = {
      ...{ interfaceName: 'basalt-v', iqn: 'iqn.x', portal: '10.0.0.1:3260', initiator: 'iqn.y' },
      ...{ volumeId: VOLUME, replacementTimeoutSeconds: 120, chap: { user: 'u', secret } },
    }
    const error: unknown = await iscsiTools(run, '/nowhere')
      .iscsiRecord(record)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'DISK', message: 'iscsiadm ended with status 6: no such record' })
    expect(noted().some((line) => line.includes(secret))).toBe(true)
    expect(JSON.stringify(error)).not.toContain(secret)
  })

  it('statuses of logins are told apart', async () => {
    const path = { interfaceName: 'i', iqn: 'iqn.x', portal: '10.0.0.1:3260' }
    for (const [status, code] of [
      [24, 'ACCESS_DENIED'],
      [8, 'DISCONNECTED'],
      [7, 'DISK'],
    ] as const) {
      stub('iscsiadm', `exit ${status}`)
      await expect(iscsiTools(run, '/nowhere').iscsiLogin(path)).rejects.toMatchObject({ code })
    }
    stub('iscsiadm', 'exit 15')
    await iscsiTools(run, '/nowhere').iscsiLogin(path)
  })

  it('a connection has the node’s own names and the settings that are advised; one that is there is enough', async () => {
    stub('nvme', 'echo "Failed to write to /dev/nvme-fabrics: Operation already in progress" >&2; exit 1')
    const connect = {
      ...{ nqn: 'nqn.v', hostNqn: 'nqn.h', hostId: VOLUME, portal: '[fd00::1]:4420', volumeId: VOLUME },
      dhchap: null,
    }
    await nvmeTools(run, '/nowhere').nvmeConnect(connect)
    expect(noted()).toEqual([
      `connect -t tcp -a fd00::1 -s 4420 -n nqn.v --hostnqn=nqn.h --hostid=${VOLUME}` +
        ' --reconnect-delay=1 --ctrl-loss-tmo=-1 --keep-alive-tmo=5',
    ])
    stub('nvme', 'echo "could not add new controller: connection refused" >&2; exit 1')
    await expect(nvmeTools(run, '/nowhere').nvmeConnect(connect)).rejects.toMatchObject({
      code: 'DISCONNECTED',
    })
  })

  it('a tool that hangs is given up, one that is missing is named', async () => {
    stub('slow', 'exec sleep 60')
    await expect(run('slow', [], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await expect(run('no-such-tool', [], { timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'no-such-tool is not installed on this node',
    })
  })
})
