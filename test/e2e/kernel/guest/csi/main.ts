/** The life of volumes at a node, over each transport: with a file system, restored from a snapshot, as raw block devices. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { check, equal, need, tool } from './checks.ts'
import { controller, Driver, STATE_FOLDER } from './driver.ts'
import { GuestVolume, type Kills, MIB } from './volume.ts'

const FILE = 'data'
const DATA_MIB = 12
/** What file systems take for themselves, xfs for its log; less than each step by which a volume grows. */
const OWN_BYTES = 72 * MIB
/**
 * With a file system the driver dies while it is made, when it is mounted for the pod and nobody knows yet, between the new size
 * of the disk and that of the file system, and when only the disk is left. As a raw device: among the records of the login or
 * between two portals, and when one session has ended with more to do.
 */
const KILLS = {
  iscsi: {
    mount: {
      stage: ['wipefs', 1],
      publish: ['mount', 1],
      expand: ['iscsiadm', 1],
      unpublish: ['umount', 1],
      unstage: ['umount', 1],
    },
    block: { stage: ['iscsiadm', 8], unstage: ['iscsiadm', 1] },
  },
  nvme: {
    mount: {
      stage: ['wipefs', 1],
      publish: ['mount', 1],
      expand: ['nvme', 1],
      unpublish: ['umount', 1],
      unstage: ['blockdev', 1],
    },
    block: { stage: ['nvme', 2], unstage: ['nvme', 1] },
  },
} as const satisfies Record<'iscsi' | 'nvme', Record<'mount' | 'block', Kills>>

/** Tools that the driver began go on over iSCSI, and die with it over NVMe/TCP. */
const killsOf = (transport: 'iscsi' | 'nvme', access: 'mount' | 'block') =>
  ({ kills: KILLS[transport][access], killed: transport === 'iscsi' ? 'driver' : 'container' }) as const

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Random bytes into a file or a device, durable when it returns; their checksum is of what was meant to be written. */
async function write(path: string, flags: 'w' | 'r+'): Promise<string> {
  const bytes = randomBytes(DATA_MIB * MIB)
  const file = await open(path, flags)
  try {
    await file.write(bytes, 0, bytes.length, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  return sha256(bytes)
}

async function holds(path: string, expected: string): Promise<void> {
  await tool('sh', '-c', 'echo 3 >/proc/sys/vm/drop_caches')
  const bytes = Buffer.alloc(DATA_MIB * MIB)
  const file = await open(path, 'r')
  try {
    await file.read(bytes, 0, bytes.length, 0)
  } finally {
    await file.close()
  }
  equal(sha256(bytes), expected, path)
}

async function attach(volume: GuestVolume): Promise<void> {
  await volume.endure('stage')
  await volume.endure('publish')
}

async function detach(volume: GuestVolume): Promise<void> {
  await volume.endure('unpublish')
  await volume.endure('unstage')
}

async function isWell(volume: GuestVolume, atLeastBytes: number): Promise<void> {
  const { totalBytes, abnormal, message } = await volume.stats()
  equal([abnormal, message], [false, 'the volume is attached'], 'condition')
  if (totalBytes < atLeastBytes) throw new Error(`${totalBytes} bytes, expected ${atLeastBytes} at least`)
}

/** The disk of a volume that has a file system, looked at by the file system's own checker while nobody mounts it. */
async function fsckOf(volume: GuestVolume, fsType: 'ext4' | 'xfs'): Promise<void> {
  const source = (await tool('findmnt', '-n', '-o', 'SOURCE', volume.staging)).trim()
  await volume.endure('unpublish')
  await tool('umount', volume.staging)
  await check(`fsck finds the ${fsType} clean`, () =>
    fsType === 'ext4' ? tool('e2fsck', '-fn', source) : tool('xfs_repair', '-n', source),
  )
}

async function fileSystems(
  driver: Driver,
  transport: 'iscsi' | 'nvme',
  fsType: 'ext4' | 'xfs',
): Promise<void> {
  const name = `${fsType}-${transport}`
  let made: GuestVolume | undefined
  await need(`${name}: it is made and published`, async () => {
    made = await GuestVolume.make(driver, {
      name,
      sizeMib: 320,
      transport,
      fsType,
      ...killsOf(transport, 'mount'),
    })
  })
  const volume = made as GuestVolume
  await attach(volume)
  const path = join(volume.target, FILE)
  const written = await write(path, 'w')
  await check(`${name}: what was written is there`, () => holds(path, written))
  await volume.grow(400)
  await check(`${name}: the file system has grown, and is well`, () => isWell(volume, 400 * MIB - OWN_BYTES))
  let snapshotId = ''
  await need(`${name}: a snapshot is taken`, async () => {
    snapshotId = await volume.snapshot(`${name}-snapshot`)
  })
  const later = await write(path, 'w')

  const restored = await GuestVolume.make(driver, {
    ...{ name: `${name}-restored`, sizeMib: 480, transport, fsType, snapshotId, kills: {} },
  })
  await attach(restored)
  const restoredPath = join(restored.target, FILE)
  await check(`${name}: the snapshot's data is restored`, () => holds(restoredPath, written))
  await check(`${name}: the volume itself went on`, () => holds(path, later))
  await check(`${name}: what was restored has the greater size`, () =>
    isWell(restored, 480 * MIB - OWN_BYTES),
  )
  const own = await write(restoredPath, 'w')
  await check(`${name}: what was restored takes writes`, () => holds(restoredPath, own))
  await detach(restored)
  await check(`${name}: what was restored is deleted`, () => restored.remove())

  await fsckOf(volume, fsType)
  await volume.endure('stage')
  await volume.endure('publish')
  await check(`${name}: staged again, it has its data`, () => holds(path, later))
  await detach(volume)
  await check(`${name}: snapshot and volume are deleted`, async () => {
    await controller('DeleteSnapshot', { snapshotId })
    await volume.remove()
  })
}

async function rawBlock(driver: Driver, transport: 'iscsi' | 'nvme'): Promise<void> {
  const name = `raw-${transport}`
  const kills = killsOf(transport, 'block')
  const volume = await GuestVolume.make(driver, { name, sizeMib: 64, transport, fsType: null, ...kills })
  await attach(volume)
  const written = await write(volume.target, 'r+')
  await check(`${name}: what was written is there`, () => holds(volume.target, written))
  await volume.grow(96)
  await check(`${name}: the device has grown, and is well`, () => isWell(volume, 96 * MIB))
  await detach(volume)
  await attach(volume)
  await check(`${name}: staged again, it has its data`, () => holds(volume.target, written))
  await detach(volume)
  await check(`${name}: it is deleted`, () => volume.remove())
}

/** Nothing of any volume is left on the host. */
async function nothingIsLeft(): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const folders = ['/etc/iscsi/nodes', '/etc/iscsi/ifaces', '/var/lib/iscsi/nodes', '/var/lib/iscsi/ifaces']
  const records = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []))
  const pods = existsSync('/tmp/pods')
    ? readdirSync('/tmp/pods').flatMap((pod) => readdirSync(`/tmp/pods/${pod}`))
    : []
  const left = {
    mounts: mounts.split('\n').filter((line) => /\/tmp\/(pods|staging)/.test(line)),
    states: readdirSync(STATE_FOLDER),
    records: records.filter((name) => name.includes('basalt')),
    targets: pods,
  }
  equal(left, { mounts: [], states: [], records: [], targets: [] }, 'what is left')
}

const driver = new Driver()
try {
  await need('the driver serves', () => driver.start())
  await check('it tells who it is', async () => {
    equal((await driver.node.NodeGetInfo({})).nodeId, 'guest', 'node id')
  })
  await fileSystems(driver, 'iscsi', 'ext4')
  await rawBlock(driver, 'iscsi')
  await fileSystems(driver, 'nvme', 'xfs')
  await rawBlock(driver, 'nvme')
  await check('sessions, mounts, records and paths are gone', nothingIsLeft)
  await check('the log of the driver has no secret and no failure of its own', async () => {
    const log = await readFile(join(process.env.RIG_OUT ?? '/tmp', 'driver.log'), 'utf8')
    if (/internal error|uncaught/i.test(log)) throw new Error('see driver.log')
  })
} catch (error) {
  process.exitCode = 1
  await check('the scenario runs to its end', () => Promise.reject(error))
} finally {
  await driver.kill()
}
