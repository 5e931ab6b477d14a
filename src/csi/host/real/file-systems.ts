/** File systems by their own tools, and what is on a disk by blkid, wipefs, and its bytes. */
import { type FileHandle, open } from 'node:fs/promises'
import { BlockError } from '../../../base/errors.ts'
import type { BlockDevice, DeviceContent, FileSystemTools } from '../host-tools.ts'
import { type Finished, type Run, said } from './run.ts'

const PROBE_MS = 60_000
/** Of a large volume; the call that waits for it may end before, and the next finds what was done. */
const FORMAT_MS = 30 * 60_000
const CHECK_MS = 60 * 60_000
const GROW_MS = 30 * 60_000

const KIB = 1024
/** What has to be zeros on a disk that is called blank. */
const BEGINNING_BYTES = 1024 * KIB
const END_BYTES = 64 * KIB
const FIRST_BYTES = 4 * KIB

const BLKID_NOTHING = 2
/** Of e2fsck: errors corrected; the same, and a mounted root would want a restart. */
const E2FSCK_REPAIRED: readonly number[] = [1, 2]
const E2FSCK_UNCORRECTED = 4
/** Superblock of xfs: magic at 0, sb_inprogress at 126. */
const XFS_MAGIC = 'XFSB'
const XFS_INPROGRESS_AT = 126

export function fileSystemTools(run: Run): FileSystemTools {
  return {
    contentOf: (device) => contentOf(run, device),
    format: async ({ path }, { type, uuid }) => {
      const [tool, args] =
        type === 'ext4'
          ? (['mkfs.ext4', ['-F', '-q', '-m', '0', '-U', uuid, path]] as const)
          : (['mkfs.xfs', ['-f', '-q', '-m', `uuid=${uuid}`, path]] as const)
      await run(tool, args, { timeoutMs: FORMAT_MS, explain: heldOr(tool) })
    },
    check: async ({ path }, type) => {
      // xfs replays its log when it is mounted, and refuses the mount when that is not enough
      if (type === 'xfs') return
      await run('e2fsck', ['-p', path], {
        timeoutMs: CHECK_MS,
        accept: [0, ...E2FSCK_REPAIRED],
        explain: (finished) =>
          (finished.status & E2FSCK_UNCORRECTED) !== 0
            ? new BlockError('CORRUPT', `${path} needs a repair by hand: e2fsck ended with ${said(finished)}`)
            : heldOr('e2fsck')(finished),
      })
    },
    grow: async ({ path }, { type, target }) => {
      const [tool, args] = type === 'ext4' ? ['resize2fs', [path]] : ['xfs_growfs', [target]]
      await run(tool as string, args as string[], { timeoutMs: GROW_MS })
    },
  }
}

async function contentOf(run: Run, device: BlockDevice): Promise<DeviceContent> {
  const { path } = device
  await run('blockdev', ['--flushbufs', path], { timeoutMs: PROBE_MS })
  const bytes = await edgesOf(device)
  if (bytes.first.subarray(0, 4).toString('latin1') === XFS_MAGIC && bytes.first[XFS_INPROGRESS_AT] === 1) {
    return { kind: 'filesystem', type: 'xfs', uuid: '', isUnfinished: true }
  }
  const probed = await run('blkid', ['-p', '-o', 'export', path], {
    timeoutMs: PROBE_MS,
    // 8: several signatures contradict each other
    accept: [0, BLKID_NOTHING, 8],
  })
  if (probed.status === 0) return known(probed.stdout)
  const signatures = (await run('wipefs', ['--no-act', '--parsable', path], { timeoutMs: PROBE_MS })).stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (probed.status !== BLKID_NOTHING || signatures.length > 0) {
    const types = signatures.map((line) => line.split(',').at(-1)).join(', ')
    return { kind: 'unknown', what: `signatures (${types})`, startsWithZeros: false }
  }
  if (bytes.isBlank) return { kind: 'blank' }
  const startsWithZeros = isZero(bytes.first.subarray(0, FIRST_BYTES))
  return { kind: 'unknown', what: 'data without a known signature', startsWithZeros }
}

/** `NAME=value` lines of blkid. What is no file system, or holds a partition table, is not touched. */
function known(output: string): DeviceContent {
  const tags = new Map(
    output.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)] as const
    }),
  )
  const type = tags.get('TYPE')
  if (type === undefined || tags.get('USAGE') !== 'filesystem') {
    const what = type ?? `a partition table (${tags.get('PTTYPE') ?? 'unknown'})`
    return { kind: 'unknown', what, startsWithZeros: false }
  }
  return { kind: 'filesystem', type, uuid: tags.get('UUID') ?? '', isUnfinished: false }
}

async function edgesOf({ path, sizeBytes }: BlockDevice): Promise<{ first: Buffer; isBlank: boolean }> {
  try {
    const handle = await open(path, 'r')
    try {
      const first = await readAt(handle, 0, Math.min(BEGINNING_BYTES, sizeBytes))
      const end = Math.min(END_BYTES, sizeBytes)
      const last = await readAt(handle, sizeBytes - end, end)
      return { first, isBlank: isZero(first) && isZero(last) }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    throw new BlockError('DISK', `${path} cannot be read: ${error.message}`, { cause: error })
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) throw new BlockError('DISK', `the disk ends at ${offset + done}`)
    done += bytesRead
  }
  return bytes
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

const heldOr =
  (tool: string) =>
  (finished: Finished): BlockError => {
    const isHeld = /in use|is mounted|busy/i.test(`${finished.stdout} ${finished.stderr}`)
    return new BlockError(isHeld ? 'IN_USE' : 'DISK', `${tool} ended with ${said(finished)}`)
  }
