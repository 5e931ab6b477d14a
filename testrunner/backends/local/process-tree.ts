/** What runs on this computer, as /proc shows it. */
import { readdirSync, readFileSync } from 'node:fs'

export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  /** Clock ticks after boot; with the pid it names a process for ever. */
  readonly startTicks: number
}

/** Undefined when there is none. */
export function processOf(pid: number): RunningProcess | undefined {
  const text = readText(`/proc/${pid}/stat`)
  // the name in brackets may hold anything
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 20 || fields[0] === 'Z') return undefined
  const [parent, group, session] = fields.slice(1, 4).map(Number)
  return {
    ...{ pid, parent: parent ?? 0, group: group ?? 0, session: session ?? 0 },
    startTicks: Number(fields[19]),
  }
}

export const runningProcesses = (): readonly RunningProcess[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? [])

/** `roots`, which lead sessions, and what they started: what is in their sessions, and what descends from that. */
export function treeOf(
  roots: readonly number[],
  processes: readonly RunningProcess[] = runningProcesses(),
): readonly number[] {
  const found = new Set(roots)
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const { pid, parent, session } of processes) {
      if (found.has(parent) || found.has(session)) found.add(pid)
    }
  }
  return [...found]
}

/** Processes whose environment began with this variable. */
export const processesWith = (variable: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => readText(`/proc/${name}/environ`).split('\0').includes(variable))
    .map(Number)

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // it has ended, or is not ours to look at
    return ''
  }
}
