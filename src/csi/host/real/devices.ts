/**
 * Disks of volumes as /sys shows them. A disk is a volume's because it says so itself: unit serial number (VPD page 80h)
 * with the vendor's name over iSCSI, UUID of the namespace over NVMe, the same of every path of a multipath map. Names under
 * /dev are given to whatever comes next, and decide nothing.
 */
import { constants, open } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError } from '../../../base/errors.ts'
import type { BlockDevice, DeviceTools } from '../host-tools.ts'
import { type KernelFiles, ownFiles } from './kernel-files.ts'
import { type Run, said } from './run.ts'

const TOOL_MS = 30_000
const SECTOR_BYTES = 512
const VENDOR = 'BASALT'

interface Kernel {
  readonly files: KernelFiles
  readonly sys: string
}

interface Identity {
  readonly volumeId: string | null
  readonly initiators: readonly string[]
}

export function deviceTools(
  run: Run,
  { sys, dev }: { readonly sys: string; readonly dev: string },
  files = ownFiles,
): DeviceTools {
  const kernel: Kernel = { files, sys }
  const tool = (name: string, args: readonly string[]) => run(name, args, { timeoutMs: TOOL_MS })
  return {
    devicesOf: async (volumeId) => {
      const all = await Promise.all(
        (await files.namesIn(join(sys, 'block'))).map((name) => deviceAt(kernel, dev, name)),
      )
      return all.filter((device) => device !== undefined).filter((device) => device.volumeId === volumeId)
    },
    setReadOnly: async ({ path }, readOnly) => {
      await tool('blockdev', [readOnly ? '--setro' : '--setrw', path])
    },
    flush: async (device) => {
      await refuseHeld(device, kernel)
      await tool('blockdev', ['--flushbufs', device.path])
    },
    multipathAdd: async ({ path }) => {
      // a wwid that multipathd knows gets its map also while one path is there
      await tool('multipath', ['-a', path])
      await run('multipath', [path], { timeoutMs: TOOL_MS, accept: [0, 1] })
    },
    multipathRemove: async ({ path }) => {
      const name = path.slice(path.lastIndexOf('/') + 1)
      await run('multipath', ['-w', path], { timeoutMs: TOOL_MS, accept: [0, 1] })
      await run('multipath', ['-f', name], {
        timeoutMs: TOOL_MS,
        explain: (finished) => new BlockError('IN_USE', `multipath -f ${name} ended with ${said(finished)}`),
      })
    },
    multipathResize: async ({ path }) => {
      await tool('multipathd', ['resize', 'map', path.slice(path.lastIndexOf('/') + 1)])
    },
  }
}

async function deviceAt(kernel: Kernel, dev: string, name: string): Promise<BlockDevice | undefined> {
  const kind = kindOf(name)
  if (kind === undefined) return undefined
  const { files, sys } = kernel
  const folder = join(sys, 'block', name)
  const map = kind === 'multipath' ? await mapAt(files, folder) : undefined
  if (kind === 'multipath' && map === undefined) return undefined
  const [number, sectors, ro] = await Promise.all(
    ['dev', 'size', 'ro'].map((file) => files.textOf(join(folder, file))),
  )
  const identity = await identityAt(kernel, name)
  if (number === undefined || sectors === undefined || identity === undefined) return undefined
  return {
    path: map === undefined ? join(dev, name) : join(dev, 'mapper', map),
    number,
    kind,
    ...identity,
    sizeBytes: Number(sectors) * SECTOR_BYTES,
    isReadOnly: ro === '1',
  }
}

function kindOf(name: string): BlockDevice['kind'] | undefined {
  if (/^sd[a-z]+$/.test(name)) return 'scsi'
  // nvme0c1n1 is a path below nvme0n1
  if (/^nvme\d+n\d+$/.test(name)) return 'nvme'
  return /^dm-\d+$/.test(name) ? 'multipath' : undefined
}

async function mapAt(files: KernelFiles, folder: string): Promise<string | undefined> {
  const uuid = await files.textOf(join(folder, 'dm', 'uuid'))
  return uuid?.startsWith('mpath-') ? await files.textOf(join(folder, 'dm', 'name')) : undefined
}

async function identityAt(kernel: Kernel, name: string): Promise<Identity | undefined> {
  const folder = join(kernel.sys, 'block', name)
  switch (kindOf(name)) {
    case 'scsi':
      return await scsiIdentity(kernel, folder)
    case 'nvme':
      return await nvmeIdentity(kernel, folder)
    case 'multipath':
      return await mapIdentity(kernel, folder)
    case undefined:
      return undefined
  }
}

async function scsiIdentity({ files, sys }: Kernel, folder: string): Promise<Identity> {
  const [vendor, page, link] = await Promise.all([
    files.textOf(join(folder, 'device', 'vendor')),
    files.bytesOf(join(folder, 'device', 'vpd_pg80')),
    files.targetOf(folder),
  ])
  const serial = page?.subarray(4).toString('latin1').trim() ?? ''
  const session = /\/(session\d+)\//.exec(link ?? '')?.[1]
  const iface =
    session === undefined
      ? undefined
      : await files.textOf(join(sys, 'class', 'iscsi_session', session, 'ifacename'))
  return {
    volumeId: vendor === VENDOR ? uuidOf(serial) : null,
    initiators: iface === undefined ? [] : [iface],
  }
}

/** `device` is the subsystem of a disk with the kernel's multipath, or the only controller of one without. */
async function nvmeIdentity({ files }: Kernel, folder: string): Promise<Identity> {
  const uuid = await files.textOf(join(folder, 'uuid'))
  const above = join(folder, 'device')
  const own = await files.textOf(join(above, 'hostnqn'))
  const names = own === undefined ? (await files.namesIn(above)).filter((name) => /^nvme\d+$/.test(name)) : []
  const hosts = await Promise.all(names.map((name) => files.textOf(join(above, name, 'hostnqn'))))
  return {
    volumeId: uuid === undefined ? null : uuid.toLowerCase(),
    initiators: [...new Set([own, ...hosts].filter((host) => host !== undefined))],
  }
}

/** A map is the volume's when all of its paths are. */
async function mapIdentity(kernel: Kernel, folder: string): Promise<Identity> {
  const paths = await Promise.all(
    (await kernel.files.namesIn(join(folder, 'slaves'))).map((name) => identityAt(kernel, name)),
  )
  const ids = new Set(paths.map((path) => path?.volumeId ?? null))
  const [volumeId = null] = ids.size === 1 ? ids : []
  return { volumeId, initiators: [...new Set(paths.flatMap((path) => path?.initiators ?? []))] }
}

function uuidOf(serial: string): string | null {
  const parts = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i.exec(serial)
  return parts === null ? null : parts.slice(1).join('-').toLowerCase()
}

/**
 * Opening for oneself alone fails while a file system is on the device, also when its mount point is gone and only its last
 * data is being written. Paths below a map are held by the map.
 */
async function refuseHeld({ path, kind }: BlockDevice, { files, sys }: Kernel): Promise<void> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (kind === 'scsi' && (await files.namesIn(join(sys, 'block', name, 'holders'))).length > 0) return
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK)
    await handle.close()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    if (error.code === 'EBUSY') throw new BlockError('IN_USE', `${path} is held by a file system or a map`)
    if (error.code === 'ENOENT' || error.code === 'ENXIO') {
      throw new BlockError('NOT_FOUND', `${path} is gone`)
    }
    throw new BlockError('DISK', `${path}: ${error.message}`, { cause: error })
  }
}
