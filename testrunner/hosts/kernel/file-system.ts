/** File systems on disks of a machine, by its own tools, as root. Errors are BlockErrors with the words of the tool. */
import { BlockError } from '../../../src/base/errors.ts'
import { type Finished, said } from '../../../src/csi/host/real/run.ts'
import type { Machine } from '../../backends/backend.ts'
import { machineRun } from './machine-tools.ts'

const FILE_SYSTEMS = ['ext4', 'xfs'] as const
export type FileSystemType = (typeof FILE_SYSTEMS)[number]

const MAKE_MS = 120_000
const MOUNT_MS = 120_000
const CHECK_MS = 300_000
const NOT_MOUNTED = 32

/** Over whatever is there. */
export async function makeFileSystem(machine: Machine, device: string, type: FileSystemType): Promise<void> {
  const args = { ext4: ['-F', '-q', '-E', 'nodiscard', device], xfs: ['-f', '-q', '-K', device] } as const
  await machineRun(machine)(`mkfs.${type}`, args[type], { timeoutMs: MAKE_MS, explain: held(`mkfs.${type}`) })
}

/** Makes the mount point, too. CORRUPT when the file system refuses what it finds. */
export async function mountFileSystem(
  machine: Machine,
  what: {
    readonly device: string
    readonly target: string
    readonly type: FileSystemType
    /** e.g. `noatime`; none unless told. */
    readonly options?: readonly string[]
  },
): Promise<void> {
  const run = machineRun(machine)
  const { device, target, type, options = [] } = what
  await run('mkdir', ['-p', target], { timeoutMs: MOUNT_MS })
  // a copy of another volume's file system has its UUID
  const all = type === 'xfs' ? [...options, 'nouuid'] : options
  const list = all.length === 0 ? [] : ['-o', all.join(',')]
  await run('mount', ['-t', type, ...list, device, target], {
    timeoutMs: MOUNT_MS,
    explain: (finished) =>
      /structure needs cleaning|bad superblock|corrupt/i.test(said(finished))
        ? new BlockError('CORRUPT', `mount of ${device}: ${said(finished)}`)
        : held('mount')(finished),
  })
}

/** Not an error when nothing is mounted there. IN_USE while a program is in it. */
export async function unmountFileSystem(machine: Machine, target: string): Promise<void> {
  const finished = await machineRun(machine)('umount', [target], {
    ...{ timeoutMs: MOUNT_MS, accept: [0, NOT_MOUNTED], explain: held('umount') },
  })
  const isGone = finished.status === 0 || /not mounted|no mount point/i.test(finished.stderr)
  if (!isGone) throw held('umount')(finished) ?? new BlockError('DISK', `umount ended with ${said(finished)}`)
}

/** Looks for damage and changes nothing. CORRUPT with what was found; the log of ext4 was replayed by a mount before. */
export async function checkFileSystem(machine: Machine, device: string, type: FileSystemType): Promise<void> {
  const [tool, args] = type === 'ext4' ? ['e2fsck', ['-fn', device]] : ['xfs_repair', ['-n', device]]
  await machineRun(machine)(tool as string, args as readonly string[], {
    timeoutMs: CHECK_MS,
    explain: (finished) =>
      held(tool as string)(finished) ??
      new BlockError('CORRUPT', `${device}: ${tool} ended with ${said(finished)}`),
  })
}

/** As large as its device. xfs grows where it is mounted, ext4 anywhere. */
export async function growFileSystem(
  machine: Machine,
  what: { readonly device: string; readonly target: string; readonly type: FileSystemType },
): Promise<void> {
  const [tool, path] = what.type === 'ext4' ? ['resize2fs', what.device] : ['xfs_growfs', what.target]
  await machineRun(machine)(tool as string, [path as string], { timeoutMs: MAKE_MS })
}

const held =
  (tool: string) =>
  (finished: Finished): BlockError | undefined =>
    /in use|is mounted|busy|already mounted/i.test(`${finished.stdout} ${finished.stderr}`)
      ? new BlockError('IN_USE', `${tool} ended with ${said(finished)}`)
      : undefined
