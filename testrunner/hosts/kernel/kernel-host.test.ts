/** A kernel's host on a machine whose tools are scripts: what they are asked for, and what the host makes of /sys. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ApiClient } from '../../../src/client/http/api-client.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { loadSyscalls } from '../../../src/io/syscalls.ts'
import { hostNames } from '../names.ts'
import { kernelHost } from './kernel-host.ts'
import { testMachine } from './test-machine.ts'

const VOLUME = '0a0b0c0d-1111-4222-8333-444455556666'
const clock = new RealClock({ syscalls: loadSyscalls() })
const names = hostNames('run1', 'h1')
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms)

let folder: string
let server: Server
let api: ApiClient
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-kernel-host-'))
  for (const name of ['bin', 'dev', 'sys/block']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'log'), '')
  stub('blockdev', '')
  stub('multipath', '')
  const portals = [{ address: '10.0.0.1:3260' }, { address: '10.0.0.2:3260' }]
  server = createServer((request, response) => {
    const isKnown = request.url === '/block/volume/v1/attach-info'
    response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
    const iscsi = { iqn: 'iqn.v1', lun: 0, portals }
    response.end(
      JSON.stringify(isKnown ? { id: VOLUME, iscsi, nvme: { nqn: 'nqn.v1', nsid: 1, portals } } : {}),
    )
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  api = await ApiClient.open({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    names: { service: 'the master', addressFlag: '--master', tokenFlag: '--token' },
  })
})
afterEach(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})

/** A tool of this name that notes its arguments and does this. */
function stub(name: string, script: string): void {
  const path = join(folder, 'bin', name)
  writeFileSync(path, `#!/bin/sh\ncd ${folder}\necho "${name} $*" >>log\n${script}\n`)
  chmodSync(path, 0o755)
}
const noted = (pattern: RegExp): readonly string[] =>
  readFileSync(join(folder, 'log'), 'utf8')
    .split('\n')
    .filter((line) => pattern.test(line))

const host = () => {
  const log: string[] = []
  const places = { sys: join(folder, 'sys'), dev: join(folder, 'dev') }
  return {
    log,
    host: kernelHost({
      machine: testMachine(folder),
      names,
      api,
      clock,
      places,
      log: (text) => log.push(text),
    }),
  }
}

const NVME_DISK = `
mkdir -p sys/block/nvme0n1/device/nvme0 sys/class/nvme/nvme0
echo 259:0 >sys/block/nvme0n1/dev; echo 131072 >sys/block/nvme0n1/size; echo 0 >sys/block/nvme0n1/ro
echo ${VOLUME} >sys/block/nvme0n1/uuid; echo ${names.nqn} >sys/block/nvme0n1/device/nvme0/hostnqn
echo tcp >sys/class/nvme/nvme0/transport; echo nqn.v1 >sys/class/nvme/nvme0/subsysnqn
echo ${names.nqn} >sys/class/nvme/nvme0/hostnqn; echo live >sys/class/nvme/nvme0/state
echo traddr=10.0.0.1,trsvcid=3260 >sys/class/nvme/nvme0/address
truncate -s 1M dev/nvme0n1`

it('connects every path over NVMe without being told, works on the disk, and disconnects', async () => {
  stub('nvme', `case $1 in connect) ${NVME_DISK};; disconnect) rm -rf sys/block/* sys/class;; esac`)
  const { host: h1, log } = host()
  const wish = { volume: 'v1', transport: 'nvme', isMultipath: false, isReadOnly: true } as const
  const disk = await h1.attach(wish, within(10_000))
  expect(disk).toMatchObject({ host: 'h1', devicePath: join(folder, 'dev/nvme0n1'), sizeBytes: 1 << 20 })
  expect(noted(/^nvme connect/).map((line) => /-a (\S+)/.exec(line)?.[1])).toEqual(['10.0.0.1', '10.0.0.2'])
  expect(noted(/^nvme connect/)[0]).toContain(`--hostnqn=${names.nqn}`)
  expect(noted(/^blockdev/)).toEqual([`blockdev --setro ${disk.devicePath}`])
  await disk.write(4096, new Uint8Array(4096).fill(9), within(5000))
  await disk.refresh(within(5000))
  expect(noted(/ns-rescan/)).toEqual(['nvme ns-rescan /dev/nvme0'])
  await h1.close()
  expect(h1.disks).toEqual([])
  expect(noted(/^nvme disconnect/)).toEqual(['nvme disconnect -d nvme0'])
  expect(log).toEqual([])
})

it('logs in by an interface of its own over iSCSI; a disk that does not come is told, and undone', async () => {
  stub('iscsiadm', 'case "$*" in "-m iface") echo "basalt-h1-' + VOLUME + ' tcp";; *--login) exit 8;; esac')
  const { host: h1 } = host()
  const wish = { volume: 'v1', transport: 'iscsi', isMultipath: false, isReadOnly: false } as const
  await expect(h1.attach(wish, within(10_000))).rejects.toMatchObject({ code: 'DISCONNECTED' })
  expect(noted(/--login/).map((line) => /-p (\S+) -I (\S+)/.exec(line)?.slice(1))).toEqual([
    ['10.0.0.2:3260', `basalt-h1-${VOLUME}`],
    ['10.0.0.1:3260', `basalt-h1-${VOLUME}`],
  ])
  expect(noted(/initiatorname/)[0]).toContain(names.initiator)
  stub('iscsiadm', 'case "$*" in "-m iface") echo "basalt-h1-' + VOLUME + ' tcp";; esac')
  await expect(h1.attach(wish, within(600))).rejects.toMatchObject({ code: 'ABORTED' })
  expect(noted(/iface -I basalt-h1-\S+ -o delete/)).toHaveLength(2)
  expect(h1.disks).toEqual([])
})

const MAP = `
real=$PWD/sys/devices/session1/block/sda
mkdir -p $real/device sys/class/iscsi_session/session1 sys/block/dm-0/dm sys/block/dm-0/slaves/sda dev/mapper
ln -sfn $real sys/block/sda
echo BASALT >$real/device/vendor; printf '0000${VOLUME.replaceAll('-', '')}' >$real/device/vpd_pg80
echo basalt-h1-${VOLUME} >sys/class/iscsi_session/session1/ifacename; echo iqn.v1 >sys/class/iscsi_session/session1/targetname
for disk in sda dm-0; do echo 8:0 >sys/block/$disk/dev; echo 2048 >sys/block/$disk/size; echo 0 >sys/block/$disk/ro; done
echo mpath-1 >sys/block/dm-0/dm/uuid; echo mpatha >sys/block/dm-0/dm/name
truncate -s 1M dev/mapper/mpatha`

it('takes a multipath map away when whoever looks into it is done', async () => {
  stub(
    'iscsiadm',
    `case "$*" in "-m iface") echo "basalt-h1-${VOLUME} tcp";; *--login) ${MAP};; *--logout) rm -rf sys/class;; esac`,
  )
  stub('multipath', '[ "$1" != -f ] || [ ! -e busy ] && exit 0; rm busy; echo map in use; exit 1')
  writeFileSync(join(folder, 'busy'), '')
  const { host: h1, log } = host()
  const wish = { volume: 'v1', transport: 'iscsi', isMultipath: true, isReadOnly: false } as const
  const disk = await h1.attach(wish, within(10_000))
  expect(disk).toMatchObject({ devicePath: join(folder, 'dev/mapper/mpatha'), sizeBytes: 1 << 20 })
  await h1.close()
  expect(noted(/^multipath -f/)).toEqual(['multipath -f mpatha', 'multipath -f mpatha'])
  expect(noted(/--logout/)).toHaveLength(1)
  expect(log).toEqual([])
})

it('a tool that is missing is named, and a volume that is not there, too', async () => {
  const { host: h1 } = host()
  const wish = { volume: 'v2', transport: 'nvme', isMultipath: true, isReadOnly: false } as const
  await expect(h1.attach(wish, within(5000))).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
