/** System calls of a process and all its threads while something runs, counted by strace. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { STRACE } from '../iscsi/programs.ts'

export interface SystemCall {
  readonly name: string
  readonly calls: number
  readonly errors: number
}

/** `scratch` is a file that strace may write and that is gone afterwards. */
export async function systemCallsOf(
  pid: number,
  scratch: string,
  body: () => Promise<void>,
): Promise<SystemCall[]> {
  const tracer = spawn(STRACE, ['-c', '-f', '-p', String(pid), '-o', scratch], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(tracer, 'exit')
  // Its first words say that it is attached.
  await Promise.race([once(tracer.stderr, 'data'), exited])
  try {
    await body()
  } finally {
    tracer.kill('SIGINT')
    await exited
  }
  const table = readFileSync(scratch, 'latin1')
  rmSync(scratch)
  return callsOf(table)
}

/** Lines of `strace -c`: % time, seconds, usecs/call, calls, errors if any, name. */
function callsOf(table: string): SystemCall[] {
  return table
    .split('\n')
    .map((line) => /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, calls, errors, name]) => ({
      name: name ?? '',
      calls: Number(calls),
      errors: Number(errors ?? 0),
    }))
    .filter(({ name }) => name !== 'total')
    .sort((a, b) => b.calls - a.calls)
}
