/** The machine and the session in which something is measured. */
import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'

const SESSION_NICE = '-10'

/**
 * Other work on the machine is to disturb little: all processes of this session, targets and client alike, get more of
 * the cores (sched(7), autogroup). Where that is not allowed, figures scatter more.
 */
export function preferThisSession(): void {
  try {
    writeFileSync('/proc/self/autogroup', SESSION_NICE)
  } catch {
    console.error('the session gets no priority over other work on this machine')
  }
}

/** What a record of a measurement says of where it was made. */
export function conditions(): { at: string; node: string; kernel: string; cpu: string; cores: number } {
  const cores = cpus()
  const { model = 'unknown' } = cores[0] ?? {}
  return {
    at: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    cpu: model,
    cores: cores.length,
  }
}
