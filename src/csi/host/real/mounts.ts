/** Mounts of the host: /proc/self/mountinfo, mount and umount. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError } from '../../../base/errors.ts'
import type { Mount, MountTools } from '../host-tools.ts'
import { type Finished, type Run, said } from './run.ts'

const MOUNT_MS = 60_000
/** A file system writes what it has when it is unmounted. */
const UNMOUNT_MS = 60_000

type MountLine = Omit<Mount, 'deviceNode'>

/** Lines of mountinfo (proc(5)): `36 35 98:0 /root /target rw,noatime master:1 - ext4 /dev/sda rw`. */
export function parseMountInfo(text: string): readonly MountLine[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , number, root, target, options] = before.split(' ')
    const [fsType, , superOptions = ''] = after.split(' ')
    if (!number || !root || !target || !options || !fsType) return []
    const isReadOnly = [options, superOptions].some((list) => list.split(',').includes('ro'))
    return [{ target: unescaped(target), number, root: unescaped(root), fsType, isReadOnly }]
  })
}

/** Space, tab, newline and backslash stand there as octal numbers. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** `major:minor` of what `stat` tells of a device. */
export function deviceNumber(rdev: number): string {
  const high = Math.floor(rdev / 2 ** 32)
  const low = rdev % 2 ** 32
  const major = ((low >>> 8) & 0xfff) | (high & ~0xfff)
  const minor = (low & 0xff) | ((low >>> 12) & 0xfff00)
  return `${major}:${minor}`
}

export function mountTools(run: Run, proc: string): MountTools {
  return {
    mounts: async () => {
      const lines = parseMountInfo(await readFile(join(proc, 'self', 'mountinfo'), 'utf8'))
      return await Promise.all(lines.map(async (line) => ({ ...line, deviceNode: await nodeAt(line) })))
    },
    mount: async ({ device, target, type, options }) => {
      const args = ['-t', type, '-o', options.join(','), device.path, target]
      await run('mount', args, { timeoutMs: MOUNT_MS, explain: explainMount })
    },
    bind: async ({ source, target, readOnly }) => {
      const args = ['-o', readOnly ? 'bind,ro' : 'bind', source, target]
      await run('mount', args, { timeoutMs: MOUNT_MS, explain: explainMount })
    },
    unmount: async (target, { detach }) => {
      await run('umount', [...(detach ? ['-l'] : []), target], {
        timeoutMs: UNMOUNT_MS,
        accept: [0, 32],
        explain: explainMount,
      }).then((finished) => {
        if (finished.status === 0 || /not mounted|no mount point/i.test(finished.stderr)) return
        throw explainMount(finished) ?? new BlockError('DISK', `umount ended with ${said(finished)}`)
      })
    },
  }
}

/** Only devices that are mounted onto files are looked at: a file system of the network might not answer. */
async function nodeAt({ fsType, root, target }: MountLine): Promise<string | null> {
  if (root === '/' || !['devtmpfs', 'tmpfs'].includes(fsType)) return null
  try {
    const found = await stat(target)
    return found.isBlockDevice() ? deviceNumber(found.rdev) : null
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

function explainMount(finished: Finished): BlockError | undefined {
  const words = said(finished)
  if (/busy|already mounted/i.test(words)) return new BlockError('IN_USE', `mount: ${words}`)
  if (/structure needs cleaning/i.test(words)) return new BlockError('CORRUPT', `mount: ${words}`)
  if (/bad option|unknown.*option|wrong fs type|invalid argument/i.test(words)) {
    return new BlockError('INVALID_ARGUMENT', `mount: ${words}`)
  }
  return undefined
}
