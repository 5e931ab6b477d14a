/**
 * Exclusive locks between processes, by `flock` on a lock file: the kernel ends them with the process. The file
 * names its holder for people and stays when the lock is released (removing it would let two processes lock
 * two files of one name); a released lock's file is empty.
 *
 * Where `flock` does not work the lock is the existence of the file itself, made whole by `link`, with the
 * holder's process id and start time in it; a file whose process is gone is taken over. Both ways read each
 * other's files. The price of the second: a holder in another process namespace cannot be judged, so that its
 * file is believed until somebody removes it.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import { BlockError } from '../base/errors.ts'
import type { DiskLock } from '../base/ports/disk.ts'
import type { Syscalls } from './syscalls.ts'
import { diskError, isSystemError } from './system-error.ts'

/** Content of a lock file, as JSON. */
interface Holder {
  readonly pid: number
  /** Clock ticks between boot and the start of the process: tells apart two processes with one id. */
  readonly startTicks: string
  readonly bootId: string
  readonly pidNamespace: string
  /** Whether the lock is the kernel's or the file's. */
  readonly by: 'flock' | 'file'
}

/** How often a lock that changes under our hands is looked at again. */
const ATTEMPTS_MAX = 10

/** Takes the lock on `path`; IN_USE, with `pid` among the facts when it is known, when somebody has it. */
export async function takeLock(path: string, syscalls: Syscalls): Promise<DiskLock> {
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const lock = await (syscalls.native ? takeByKernel(path, syscalls) : takeByFile(path))
      if (lock !== undefined) return lock
    }
    throw inUse(path, await readHolder(path))
  } catch (error) {
    throw diskError(error, path)
  }
}

/** Undefined when the file was replaced meanwhile. */
async function takeByKernel(path: string, syscalls: Syscalls): Promise<DiskLock | undefined> {
  // Without O_TRUNC: the content may be the holder's.
  const file = await fs.open(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  let keep = false
  try {
    const taken = syscalls.tryLock(file.fd)
    if (taken === 'held') throw inUse(path, await readHolder(path))
    if (taken === 'unsupported') return await takeByFile(path)
    if (!(await isSameFile(file, path))) return undefined
    const holder = await readHolder(path)
    if (holder?.by === 'file' && (await isAlive(holder))) throw inUse(path, holder)
    await announce(file)
    keep = true
    return { release: releaseOnce(() => releaseKernelLock(file, path)) }
  } finally {
    if (!keep) await file.close()
  }
}

/** Writes who holds the lock. A full disk does not prevent a lock: the name is for people. */
async function announce(file: fs.FileHandle): Promise<void> {
  try {
    await file.truncate(0)
    await file.write(JSON.stringify(await thisProcess('flock')), 0)
  } catch (error) {
    if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw error
  }
}

async function releaseKernelLock(file: fs.FileHandle, path: string): Promise<void> {
  try {
    await file.truncate(0)
  } catch (error) {
    throw diskError(error, path)
  } finally {
    await file.close()
  }
}

/** Undefined when the file went away or was replaced meanwhile. */
async function takeByFile(path: string): Promise<DiskLock | undefined> {
  const content = JSON.stringify(await thisProcess('file'))
  const unique = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  await fs.writeFile(unique, content, { flag: 'wx', mode: 0o600 })
  try {
    await fs.link(unique, path)
    return { release: releaseOnce(() => releaseFileLock(path, content)) }
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
  } finally {
    await fs.rm(unique, { force: true })
  }
  const seen = await readText(path)
  const holder = parseHolder(seen)
  if (holder !== undefined && (await isAlive(holder))) throw inUse(path, holder)
  await removeStale(path, unique, seen)
  return undefined
}

/** Moves the stale file aside; puts it back when another process was quicker and it is that one's new file. */
async function removeStale(path: string, aside: string, stale: string): Promise<void> {
  try {
    await fs.rename(path, aside)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return
    throw error
  }
  if ((await readText(aside)) !== stale) await fs.link(aside, path)
  await fs.rm(aside, { force: true })
}

async function releaseFileLock(path: string, content: string): Promise<void> {
  try {
    if ((await readText(path)) === content) await fs.rm(path)
  } catch (error) {
    throw diskError(error, path)
  }
}

function releaseOnce(release: () => Promise<void>): () => Promise<void> {
  let released: Promise<void> | undefined
  return () => {
    released ??= release()
    return released
  }
}

async function isSameFile(file: fs.FileHandle, path: string): Promise<boolean> {
  try {
    const [opened, named] = await Promise.all([file.stat(), fs.stat(path)])
    return opened.ino === named.ino && opened.dev === named.dev
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false
    throw error
  }
}

async function thisProcess(by: Holder['by']): Promise<Holder> {
  const [startTicks, bootId, pidNamespace] = await Promise.all([
    startTicksOf(process.pid),
    readText('/proc/sys/kernel/random/boot_id'),
    ownPidNamespace(),
  ])
  return { pid: process.pid, startTicks: startTicks ?? '', bootId, pidNamespace, by }
}

/** Whether the process that wrote the lock file still runs; true when that cannot be told from here. */
async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.bootId !== (await readText('/proc/sys/kernel/random/boot_id'))) return false
  if (holder.pidNamespace !== (await ownPidNamespace())) return true
  return (await startTicksOf(holder.pid)) === holder.startTicks
}

const ownPidNamespace = (): Promise<string> => fs.readlink('/proc/self/ns/pid')

/** Field 22 of /proc/PID/stat, or undefined when there is no such process. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await readText(`/proc/${pid}/stat`)
  // The second field is the program's name in parentheses and may hold anything, also parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks] = [fields[0], fields[19]]
  return state === 'Z' || state === 'X' ? undefined : startTicks
}

async function readHolder(path: string): Promise<Holder | undefined> {
  return parseHolder(await readText(path))
}

/** The file's text; empty when it is missing. */
async function readText(path: string): Promise<string> {
  try {
    return (await fs.readFile(path, 'utf8')).trim()
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH')) return ''
    throw error
  }
}

/** Undefined for an empty file and for anything that is no lock file of ours. */
function parseHolder(text: string): Holder | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  const { pid, startTicks, bootId, pidNamespace, by } = fields
  if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof bootId !== 'string')
    return undefined
  if (typeof pidNamespace !== 'string' || (by !== 'flock' && by !== 'file')) return undefined
  return { pid, startTicks, bootId, pidNamespace, by }
}

function inUse(path: string, holder: Holder | undefined): BlockError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`
  return new BlockError('IN_USE', `${path}: in use by ${who}`, { facts: { path, pid: holder?.pid } })
}
