/** What a program started, found in /proc: its session, its group, and the children of all of these. */
import fs from 'node:fs'

interface Process {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
}

/** Marks every program of a run in its environment, so that what daemonized is still found. */
export const MARK = 'BASALT_RUN_MARK'

/**
 * The program `root` (which leads a session of its own) and everything that came from it. `isGone`: it has ended, and its
 * number may be another's by now: only what bears the mark counts.
 */
export function family(root: number, isGone: boolean, mark: string): readonly number[] {
  const all = processes()
  const found = new Set<number>()
  for (const one of all) {
    if (one.pid !== root && one.group !== root && one.session !== root) continue
    if (!isGone || isMarked(one.pid, mark)) found.add(one.pid)
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const one of all) if (found.has(one.parent)) found.add(one.pid)
  }
  return [...found]
}

function processes(): readonly Process[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readGone(`/proc/${name}/stat`)
      // proc(5): pid (comm) state ppid pgrp session …, where comm may hold anything
      const [, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return stat === ''
        ? []
        : [{ pid: Number(name), parent: Number(parent), group: Number(group), session: Number(session) }]
    })
}

const isMarked = (pid: number, mark: string): boolean =>
  readGone(`/proc/${pid}/environ`).split('\0').includes(`${MARK}=${mark}`)

/** Empty when the process ended meanwhile or is somebody else's. */
function readGone(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return ''
    throw error
  }
}
