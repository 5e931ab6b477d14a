/** What the tests of files, locks and directories share: places to run in, both kinds of system calls, patterns. */
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlockError } from '../base/errors.ts'
import { loadSyscalls, plainSyscalls, type Syscalls } from './syscalls.ts'

/** The real system calls; the tests do not run without them. */
export const native = loadSyscalls((reason) => {
  throw reason
})

export const TMPFS = '/dev/shm'
export const SOURCES_DISK = join(import.meta.dirname, '../../node_modules/.cache')

const PLACES = [
  ['temporary files', tmpdir()],
  ['the disk of the sources', SOURCES_DISK],
  ['memory (tmpfs)', TMPFS],
] as const

/** Every place with native and with plain system calls, for `describe.each`. */
export const CASES = PLACES.flatMap(([name, root]) => [
  { name: `${name}, native system calls`, root, syscalls: native },
  { name: `${name}, plain ways`, root, syscalls: plainSyscalls },
])

/** A new directory below `root`; the caller removes it. */
export async function newDirectory(root: string): Promise<string> {
  await fs.mkdir(root, { recursive: true })
  return await fs.mkdtemp(join(root, 'basalt-io-'))
}

export const removeDirectory = (path: string): Promise<void> => fs.rm(path, { recursive: true, force: true })

/** Bytes that differ from place to place and from salt to salt. */
export function pattern(lengthBytes: number, salt = 1): Buffer {
  const bytes = Buffer.alloc(lengthBytes)
  for (let i = 0; i < lengthBytes; i++) bytes[i] = (i * 31 + salt * 101 + (i >>> 8)) & 0xff
  return bytes
}

/** The `BlockError` code that an operation fails with, or what else became of it. */
export const codeOf = async (operation: Promise<unknown>): Promise<string> =>
  operation.then(
    () => 'no error',
    (error: unknown) => (error instanceof BlockError ? error.code : String(error)),
  )

/** The native calls with some of them replaced. */
export function nativeExcept(replaced: Partial<Syscalls>): Syscalls {
  return {
    native: true,
    readNow: (fd, target, offsetBytes) => native.readNow(fd, target, offsetBytes),
    sendNow: (fd, buffers) => native.sendNow(fd, buffers),
    bootMs: () => native.bootMs(),
    punchHole: (fd, offsetBytes, lengthBytes) => native.punchHole(fd, offsetBytes, lengthBytes),
    allocate: (fd, offsetBytes, lengthBytes) => native.allocate(fd, offsetBytes, lengthBytes),
    dropCache: (fd, offsetBytes, lengthBytes) => native.dropCache(fd, offsetBytes, lengthBytes),
    startWriteback: (fd, offsetBytes, lengthBytes) => native.startWriteback(fd, offsetBytes, lengthBytes),
    tryLock: (fd) => native.tryLock(fd),
    address: (bytes) => native.address(bytes),
    aioSetup: (entries) => native.aioSetup(entries),
    aioSubmit: (context, count, blocks) => native.aioSubmit(context, count, blocks),
    aioCollect: (context, count, events) => native.aioCollect(context, count, events),
    ...replaced,
  }
}
