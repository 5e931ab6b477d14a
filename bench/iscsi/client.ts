/** One run of the load generator, in a process of its own on a core of its own. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchResult } from '../../src/bench/result.ts'
import { TASKSET } from './programs.ts'
import type { ServedTarget } from './servers.ts'

const BASALT = join(import.meta.dirname, '..', '..', 'basalt')
const CLIENT_CPU = '1'
/** The kernel counts CPU time of processes in hundredths of a second (USER_HZ). */
const TICK_MS = 10

export interface Sample {
  readonly iops: number
  readonly mbPerSecond: number
  readonly operations: number
  readonly p50Us: number
  readonly p99Us: number
  /** Of one core, as fractions. */
  readonly clientCpu: number
  readonly targetCpu: number
}

/** Puts a load on `target` and gives the figures of its reads or, when there are none, of its writes. */
export async function runClient(target: ServedTarget, flags: readonly string[]): Promise<Sample> {
  const flag = target.url.startsWith('nvme://') ? '--nvme' : '--iscsi'
  const command = ['--cpu-list', CLIENT_CPU, BASALT, 'bench', flag, target.url]
  const beganMs = cpuMs(target.pid)
  const { stdout } = await promisify(execFile)(TASKSET, [
    ...command,
    '--yes-destroy-data',
    '--json',
    ...flags,
  ])
  const usedMs = cpuMs(target.pid) - beganMs
  const { read, write, cpuShare, seconds } = JSON.parse(stdout) as BenchResult
  const figures = read ?? write
  if (figures === undefined) throw new Error(`${target.url}: nothing was measured`)
  const { iops, mbPerSecond, operations, p50Us, p99Us } = figures
  const targetCpu = usedMs / 1000 / seconds
  return { iops, mbPerSecond, operations, p50Us, p99Us, clientCpu: cpuShare, targetCpu }
}

/** CPU time of a process with all its threads (proc(5): utime and stime), in milliseconds. */
function cpuMs(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1) ?? ''
  const fields = afterName.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
