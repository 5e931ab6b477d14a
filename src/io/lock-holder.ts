/**
 * Who holds a lock, as a lock file tells it, and whether that process still runs. A process is known by its id and
 * its start time, within one boot and one namespace of process ids.
 */
import fs from 'node:fs/promises'
import { BlockError } from '../base/errors.ts'
import { isSystemError } from './system-error.ts'

/** Content of a lock file, as JSON. */
export interface Holder {
  readonly pid: number
  /** Clock ticks between boot and the start of the process: tells apart two processes with one id. */
  readonly startTicks: string
  readonly bootId: string
  readonly pidNamespace: string
}

export async function thisProcess(): Promise<Holder> {
  const [startTicks, bootId, pidNamespace] = await Promise.all([
    startTicksOf(process.pid),
    bootIdNow(),
    ownPidNamespace(),
  ])
  return { pid: process.pid, startTicks: startTicks ?? '', bootId, pidNamespace }
}

/**
 * The process that `path` names, if it still runs; undefined for a file that is missing or empty, or no lock
 * file. A process of another namespace cannot be looked up from here and counts as running.
 */
export async function runningHolder(path: string): Promise<Holder | undefined> {
  const holder = parseHolder(await readText(path))
  if (holder === undefined || holder.bootId !== (await bootIdNow())) return undefined
  if (holder.pidNamespace !== (await ownPidNamespace())) return holder
  return (await startTicksOf(holder.pid)) === holder.startTicks ? holder : undefined
}

/** The error of a lock that somebody has, with `path` and, when it is known, `pid` as facts. */
export function inUse(path: string, holder: Holder | undefined): BlockError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`
  return new BlockError('IN_USE', `${path}: in use by ${who}`, { facts: { path, pid: holder?.pid } })
}

const bootIdNow = (): Promise<string> => readText('/proc/sys/kernel/random/boot_id')
const ownPidNamespace = (): Promise<string> => fs.readlink('/proc/self/ns/pid')

/** Field 22 of /proc/PID/stat (proc_pid_stat(5)), or undefined when there is no such process. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await readText(`/proc/${pid}/stat`)
  // The second field is the program's name in parentheses and may hold anything, also parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks] = [fields[0], fields[19]]
  return state === 'Z' || state === 'X' ? undefined : startTicks
}

/** The file's text; empty when it is missing, or when the process it describes has just gone. */
async function readText(path: string): Promise<string> {
  try {
    return (await fs.readFile(path, 'utf8')).trim()
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH')) return ''
    throw error
  }
}

function parseHolder(text: string): Holder | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, startTicks, bootId, pidNamespace } = value as Record<string, unknown>
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || typeof startTicks !== 'string')
    return undefined
  if (typeof bootId !== 'string' || typeof pidNamespace !== 'string') return undefined
  return { pid, startTicks, bootId, pidNamespace }
}
