/** Making, mounting, checking and growing file systems on attached volumes, with the machine's own tools. */
import { listOf, oneOf, optional, text, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { ATTACHED, kernelDiskOf } from '../hosts/attached.ts'
import { couldNot, notAsStated } from '../shared/failures.ts'
import {
  dropMount,
  FILE_SYSTEMS,
  type FileSystem,
  findMount,
  KERNEL,
  keepMount,
  type Mount,
  mountOf,
  tool,
} from './mounts.ts'

const GROUP = 'file system' as const

const MKFS: Readonly<Record<FileSystem, (device: string) => readonly string[]>> = {
  ext4: (device) => ['mkfs.ext4', '-q', '-F', device],
  xfs: (device) => ['mkfs.xfs', '-q', '-f', device],
}

export const mkfs = defineAction({
  name: 'mkfs',
  group: GROUP,
  summary: 'Make a file system on an attached volume, over whatever is there',
  parameters: { ...ATTACHED, type: withDefault(oneOf(FILE_SYSTEMS, 'which'), 'ext4') },
  needs: KERNEL,
  timeoutMs: 120_000,
  async run(context, { type, ...name }) {
    const { machine, devicePath } = kernelDiskOf(context.world, name)
    await tool(context, machine, MKFS[type](devicePath))
    return undefined
  },
})

export const mount = defineAction({
  name: 'mount',
  group: GROUP,
  summary: 'Mount the file system of an attached volume until umount or the end of the scenario',
  parameters: { ...ATTACHED, options: optional(listOf(text('as of mount -o, e.g. discard'))) },
  result: 'path on the machine',
  needs: KERNEL,
  async run(context, { options, ...name }) {
    const { world } = context
    const { machine, devicePath, disk } = kernelDiskOf(world, name)
    if (findMount(world, { volume: disk.volume, host: disk.host }) !== undefined)
      throw couldNot(`${disk.volume} is mounted at ${disk.host} already`)
    const path = machine.path('mnt', disk.volume)
    await tool(context, machine, ['mkdir', '-p', path])
    const how = options === undefined ? [] : ['-o', options.join(',')]
    await tool(context, machine, ['mount', ...how, devicePath, path])
    const mounted: Mount = { volume: disk.volume, machine, path }
    keepMount(world, mounted)
    world.atEnd(`${disk.volume} is not mounted`, async () => {
      if (findMount(world, { volume: disk.volume, host: disk.host }) === undefined) return
      dropMount(world, mounted)
      await machine.run(['umount', '-l', path], { asRoot: true, timeoutMs: 10_000 })
    })
    return path
  },
})

export const umount = defineAction({
  name: 'umount',
  group: GROUP,
  summary: 'Unmount the file system of a volume',
  parameters: ATTACHED,
  needs: KERNEL,
  async run(context, name) {
    const mounted = mountOf(context.world, name)
    await tool(context, mounted.machine, ['umount', mounted.path])
    dropMount(context.world, mounted)
    return undefined
  },
})

/** Exit codes: e2fsck 0 is clean; xfs_repair -n 0 is clean, 1 is damage, 2 a log that is to be replayed. */
const FSCK: Readonly<Record<FileSystem, (device: string) => readonly string[]>> = {
  ext4: (device) => ['e2fsck', '-f', '-n', device],
  xfs: (device) => ['xfs_repair', '-n', device],
}

export const fsck = defineAction({
  name: 'fsck',
  group: GROUP,
  summary:
    'Check a file system that is not mounted, without changing it, after its journal was replayed; any fault fails the step',
  parameters: { ...ATTACHED, type: withDefault(oneOf(FILE_SYSTEMS, 'which'), 'ext4') },
  needs: KERNEL,
  timeoutMs: 300_000,
  async run(context, { type, ...name }) {
    const { world } = context
    const { machine, devicePath, disk } = kernelDiskOf(world, name)
    if (findMount(world, { volume: disk.volume, host: disk.host }) !== undefined)
      throw couldNot(`${disk.volume} is mounted: umount comes first`)
    await replayJournal(context, disk.volume, { machine, devicePath })
    const command = FSCK[type](devicePath)
    const { code, stdout, stderr } = await tool(context, machine, command, { accept: [0, 1, 2, 4] })
    if (code !== 0)
      throw notAsStated(
        `${command[0]} finds faults in the file system of ${disk.volume}`,
        'no faults',
        `${stdout}${stderr}`.slice(-4000),
      )
    return undefined
  },
})

/** By a mount, as it is done after every crash. */
async function replayJournal(
  context: ActionContext,
  volume: string,
  { machine, devicePath }: Pick<ReturnType<typeof kernelDiskOf>, 'machine' | 'devicePath'>,
): Promise<void> {
  const path = machine.path('mnt', `${volume}.replay`)
  await tool(context, machine, ['mkdir', '-p', path])
  await tool(context, machine, ['mount', devicePath, path])
  await tool(context, machine, ['umount', path])
}

export const fsGrow = defineAction({
  name: 'fs_grow',
  group: GROUP,
  summary: 'Grow a mounted file system to the size that its volume has now',
  parameters: { ...ATTACHED, type: withDefault(oneOf(FILE_SYSTEMS, 'which'), 'ext4') },
  result: 'size_bytes of the file system',
  needs: KERNEL,
  timeoutMs: 120_000,
  async run(context, { type, ...name }) {
    const { machine, devicePath } = kernelDiskOf(context.world, name)
    const { path } = mountOf(context.world, name)
    await tool(context, machine, type === 'ext4' ? ['resize2fs', devicePath] : ['xfs_growfs', path])
    const { stdout } = await tool(context, machine, ['df', '-B1', '--output=size', path])
    return { size_bytes: Number(/(\d+)\s*$/.exec(stdout)?.[1]) }
  },
})
