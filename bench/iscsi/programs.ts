/** Programs of the system that a measurement needs, and the Debian packages that bring them. */
import { execFileSync } from 'node:child_process'

export const TGTD = 'tgtd'
export const TGTADM = 'tgtadm'
export const TASKSET = 'taskset'
export const STRACE = 'strace'

const PACKAGES = { [TGTD]: 'tgt', [TGTADM]: 'tgt', [TASKSET]: 'util-linux', [STRACE]: 'strace' } as const
export type Program = keyof typeof PACKAGES

/** What is to be said when some of `programs` are not on this host; undefined when all are. */
export function whatIsMissing(programs: readonly Program[]): string | undefined {
  const missing = programs.filter((program) => !isThere(program))
  if (missing.length === 0) return undefined
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))].join(' ')
  return `not installed: ${missing.join(', ')}; with Debian: apt-get update && apt-get install -y --no-install-recommends ${packages}`
}

function isThere(program: Program): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch (error) {
    if ((error as { status?: number }).status !== undefined) return false
    throw error
  }
}
