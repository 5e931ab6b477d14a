/**
 * A host that remembers: sessions, records, disks and mounts in memory, paths on the real file system. It keeps the rules of
 * the real one that matter to what comes after what: a login needs its record, a disk is there while a session is, a mount
 * needs the disk, a file system is made or checked while nobody has it, and sessions under a mount are not ended in good order.
 * `calls` has every verb in order. `basalt csi --host fake` runs on it: publications are folders, and hold no data of volumes.
 */
import { mkdir, open, rm, rmdir, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BlockError } from '../../../base/errors.ts'
import type {
  BlockDevice,
  DeviceContent,
  FsType,
  HostTools,
  IscsiPath,
  IscsiRecord,
  IscsiSession,
  Mount,
  NvmeConnect,
  NvmeController,
  PathKind,
} from '../host-tools.ts'

const GIB = 2 ** 30

export interface FakeHostOptions {
  /** Size of the disk of a volume when its session begins or is scanned again; 1 GiB when it is not known. */
  readonly volumeBytes?: (volumeId: string) => Promise<number | undefined>
  /** What the host lacks, by transport; it has all by default. */
  readonly lacks?: readonly ('iscsi' | 'nvme')[]
}

/** A volume as it is behind its portals: it outlives sessions. */
interface FakeDisk {
  sizeBytes: number
  fsBytes: number
  content: DeviceContent
  isReadOnly: boolean
}

export interface FakeHost extends HostTools {
  /** `verb subject` of everything that was asked. */
  readonly calls: string[]
  readonly disks: Map<string, FakeDisk>
  /** Portals that do not answer. */
  readonly deadPortals: Set<string>
  /** Everything that must be gone when no volume is staged: sessions, records, mounts; empty when the host is clean. */
  leftovers(): readonly string[]
  /** As after a restart of the machine: what is in memory is gone, disks are not. */
  reboot(): void
}

export function fakeHost(options: FakeHostOptions = {}): FakeHost {
  const calls: string[] = []
  const disks = new Map<string, FakeDisk>()
  const deadPortals = new Set<string>()
  let records: IscsiRecord[] = []
  let sessions: (IscsiSession & { volumeId: string })[] = []
  let controllers: (NvmeController & { volumeId: string })[] = []
  let mounts: Mount[] = []
  let numbers = new Map<string, string>()
  let nextId = 1

  const said = (verb: string, subject = ''): void => {
    calls.push(`${verb} ${subject}`.trim())
  }
  const diskOf = async (volumeId: string): Promise<FakeDisk> => {
    const sizeBytes = (await options.volumeBytes?.(volumeId)) ?? disks.get(volumeId)?.sizeBytes ?? GIB
    const disk: FakeDisk = disks.get(volumeId) ?? {
      sizeBytes,
      fsBytes: 0,
      content: { kind: 'blank' },
      isReadOnly: false,
    }
    disk.sizeBytes = sizeBytes
    disks.set(volumeId, disk)
    return disk
  }
  const numberOf = (volumeId: string): string => {
    const number = numbers.get(volumeId) ?? `8:${16 * nextId++}`
    numbers.set(volumeId, number)
    return number
  }
  const isUsed = (number: string): boolean =>
    mounts.some((mount) => mount.number === number || mount.deviceNode === number)
  const answering = (portal: string): void => {
    if (deadPortals.has(portal)) throw new BlockError('DISCONNECTED', `${portal} does not answer`)
  }
  const presentDisk = (device: BlockDevice): FakeDisk => {
    const disk = disks.get(device.volumeId ?? '')
    const isThere =
      sessions.some(({ volumeId }) => volumeId === device.volumeId) ||
      controllers.some(({ volumeId }) => volumeId === device.volumeId)
    if (disk === undefined || !isThere) throw new BlockError('NOT_FOUND', `${device.path} is not there`)
    return disk
  }
  const unusedDisk = (device: BlockDevice): FakeDisk => {
    if (isUsed(device.number)) throw new BlockError('IN_USE', `${device.path} is in use`)
    return presentDisk(device)
  }
  const deviceOf = (volumeId: string, kind: 'scsi' | 'nvme', initiators: readonly string[]): BlockDevice => {
    const disk = disks.get(volumeId)
    return {
      path: `/dev/fake-${volumeId.slice(0, 8)}`,
      number: numberOf(volumeId),
      kind,
      volumeId,
      sizeBytes: disk?.sizeBytes ?? 0,
      isReadOnly: disk?.isReadOnly ?? false,
      initiators,
    }
  }
  const isSame = (a: IscsiPath, b: IscsiPath): boolean =>
    a.interfaceName === b.interfaceName && a.iqn === b.iqn && a.portal === b.portal

  return {
    calls,
    disks,
    deadPortals,
    leftovers: () => [
      ...records.map(({ interfaceName, portal }) => `record ${interfaceName} ${portal}`),
      ...sessions.map(({ interfaceName, portal }) => `session ${interfaceName} ${portal}`),
      ...controllers.map(({ nqn, portal }) => `controller ${nqn} ${portal}`),
      ...mounts.map(({ target }) => `mount ${target}`),
    ],
    reboot: () => {
      sessions = []
      controllers = []
      mounts = []
      numbers = new Map()
    },
    transports: () =>
      Promise.resolve(
        (['iscsi', 'nvme'] as const).map((transport) => {
          const usable = options.lacks?.includes(transport) !== true
          return { transport, usable, why: usable ? '' : 'the fake host lacks it' }
        }),
      ),

    iscsiSessions: () =>
      Promise.resolve(sessions.map((session) => ({ ...session, isLive: !deadPortals.has(session.portal) }))),
    iscsiRecord: (record) => {
      said('iscsiRecord', record.portal)
      records = [...records.filter((one) => !isSame(one, record)), record]
      return Promise.resolve()
    },
    iscsiLogin: async (path) => {
      said('iscsiLogin', path.portal)
      const record = records.find((one) => isSame(one, path))
      if (record === undefined) throw new BlockError('NOT_FOUND', `no record of ${path.portal}`)
      answering(path.portal)
      if (sessions.some((session) => isSame(session, path))) return
      await diskOf(record.volumeId)
      sessions.push({ ...path, id: nextId++, isLive: true, volumeId: record.volumeId })
    },
    iscsiLogout: (path) => {
      said('iscsiLogout', path.portal)
      const ended = sessions.filter((session) => isSame(session, path))
      for (const { volumeId, portal } of ended) refuseUsed(volumeId, portal)
      sessions = sessions.filter((session) => !ended.includes(session))
      for (const { volumeId } of ended) forgetNumber(volumeId)
      return Promise.resolve()
    },
    iscsiForget: (interfaceName) => {
      said('iscsiForget', interfaceName)
      if (sessions.some((session) => session.interfaceName === interfaceName)) {
        throw new BlockError('IN_USE', `${interfaceName} has a session`)
      }
      records = records.filter((record) => record.interfaceName !== interfaceName)
      return Promise.resolve()
    },
    iscsiRescan: async (session) => {
      said('iscsiRescan', session.portal)
      const found = sessions.find((one) => isSame(one, session))
      if (found !== undefined) await diskOf(found.volumeId)
    },

    nvmeControllers: () =>
      Promise.resolve(controllers.map((one) => ({ ...one, isLive: !deadPortals.has(one.portal) }))),
    nvmeConnect: async (connect: NvmeConnect) => {
      const { nqn, hostNqn, portal, volumeId } = connect
      said('nvmeConnect', portal)
      answering(portal)
      if (controllers.some((one) => one.nqn === nqn && one.hostNqn === hostNqn && one.portal === portal))
        return
      await diskOf(volumeId)
      controllers.push({ nqn, hostNqn, portal, volumeId, name: `nvme${nextId++}`, isLive: true })
    },
    nvmeDisconnect: ({ name }) => {
      said('nvmeDisconnect', name)
      const ended = controllers.find((one) => one.name === name)
      controllers = controllers.filter((one) => one !== ended)
      if (ended === undefined) return Promise.resolve()
      if (!controllers.some(({ volumeId }) => volumeId === ended.volumeId)) {
        refuseUsed(ended.volumeId, ended.portal)
        forgetNumber(ended.volumeId)
      }
      return Promise.resolve()
    },
    nvmeRescan: async ({ name, portal }) => {
      said('nvmeRescan', portal)
      const found = controllers.find((one) => one.name === name)
      if (found !== undefined) await diskOf(found.volumeId)
    },

    devicesOf: (volumeId) => {
      const interfaces = sessions.filter((one) => one.volumeId === volumeId).map((one) => one.interfaceName)
      const hosts = controllers.filter((one) => one.volumeId === volumeId).map((one) => one.hostNqn)
      return Promise.resolve([
        ...(interfaces.length > 0 ? [deviceOf(volumeId, 'scsi', [...new Set(interfaces)])] : []),
        ...(interfaces.length > 1
          ? [{ ...deviceOf(volumeId, 'scsi', [...new Set(interfaces)]), kind: 'multipath' as const }]
          : []),
        ...(hosts.length > 0 ? [deviceOf(volumeId, 'nvme', [...new Set(hosts)])] : []),
      ])
    },
    setReadOnly: (device, readOnly) => {
      said('setReadOnly', `${device.path} ${readOnly}`)
      presentDisk(device).isReadOnly = readOnly
      return Promise.resolve()
    },
    flush: (device) => {
      said('flush', device.path)
      unusedDisk(device)
      return Promise.resolve()
    },
    multipathAdd: (device) => Promise.resolve(said('multipathAdd', device.path)),
    multipathRemove: (device) => Promise.resolve(said('multipathRemove', device.path)),
    multipathResize: (device) => Promise.resolve(said('multipathResize', device.path)),

    contentOf: (device) => Promise.resolve(presentDisk(device).content),
    format: (device, { type, uuid }) => {
      said('format', `${device.path} ${type}`)
      const disk = unusedDisk(device)
      if (disk.isReadOnly) throw new BlockError('DISK', `${device.path} is read-only`)
      disk.content = { kind: 'filesystem', type, uuid, isUnfinished: false }
      disk.fsBytes = disk.sizeBytes
      return Promise.resolve()
    },
    check: (device, type) => {
      said('check', `${device.path} ${type}`)
      unusedDisk(device)
      return Promise.resolve()
    },
    grow: (device, { type }) => {
      said('grow', `${device.path} ${type}`)
      const disk = presentDisk(device)
      if (!mounts.some(({ number }) => number === device.number)) {
        throw new BlockError('DISK', `${device.path} is not mounted`)
      }
      disk.fsBytes = disk.sizeBytes
      return Promise.resolve()
    },

    mounts: () => Promise.resolve([...mounts]),
    mount: ({ device, target, type, options: flags }) => {
      said('mount', target)
      mountOn(device, target, type, flags)
      return Promise.resolve()
    },
    bind: ({ source, target, readOnly }) => {
      said('bind', target)
      const under = mounts.findLast((mount) => mount.target === source)
      const volumeId = [...numbers.keys()].find((id) => source === `/dev/fake-${id.slice(0, 8)}`)
      const deviceNode = volumeId === undefined ? null : numberOf(volumeId)
      const base = under ?? { number: '0:6', root: source, fsType: 'devtmpfs' }
      mounts.push({ ...base, target, isReadOnly: readOnly, deviceNode })
      return Promise.resolve()
    },
    unmount: (target) => {
      said('unmount', target)
      const at = mounts.findLastIndex((mount) => mount.target === target)
      if (at >= 0) mounts.splice(at, 1)
      return Promise.resolve()
    },

    pathKind: (path) => pathKindOf(path),
    makeDirectory: async (path) => {
      said('makeDirectory', path)
      await mkdir(path, { recursive: true })
    },
    makeFile: async (path) => {
      said('makeFile', path)
      await mkdir(dirname(path), { recursive: true })
      await (await open(path, 'a')).close()
    },
    removePath: async (path) => {
      said('removePath', path)
      const kind = await pathKindOf(path)
      if (kind === 'directory') await rmdir(path)
      else if (kind !== 'missing') await rm(path)
    },
    usageOf: async (path) => {
      const fs = await statfs(path)
      return {
        totalBytes: fs.blocks * fs.bsize,
        usedBytes: (fs.blocks - fs.bfree) * fs.bsize,
        availableBytes: fs.bavail * fs.bsize,
        totalInodes: fs.files,
        usedInodes: fs.files - fs.ffree,
        availableInodes: fs.ffree,
      }
    },
  }

  function refuseUsed(volumeId: string, portal: string): void {
    const number = numbers.get(volumeId)
    if (number !== undefined && isUsed(number)) {
      throw new BlockError('IN_USE', `the session to ${portal} is ended under a mount`)
    }
  }

  function forgetNumber(volumeId: string): void {
    const isThere = [...sessions, ...controllers].some((one) => one.volumeId === volumeId)
    if (!isThere) numbers.delete(volumeId)
  }

  function mountOn(device: BlockDevice, target: string, type: FsType, flags: readonly string[]): void {
    const { content, isReadOnly } = presentDisk(device)
    if (content.kind !== 'filesystem' || content.type !== type) {
      throw new BlockError('INVALID_ARGUMENT', `${device.path} has no ${type}`)
    }
    const readOnly = flags.includes('ro')
    if (isReadOnly && !readOnly) throw new BlockError('DISK', `${device.path} is read-only`)
    const { number } = device
    mounts.push({ target, number, root: '/', fsType: type, isReadOnly: readOnly, deviceNode: null })
  }
}

async function pathKindOf(path: string): Promise<PathKind> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) return 'directory'
    return found.isFile() ? 'file' : 'other'
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing'
    throw error
  }
}
