/**
 * Time from the kernel. Monotonic time is CLOCK_MONOTONIC by way of `performance.now`, boot time is
 * CLOCK_BOOTTIME (which a lease needs: it counts while the machine is suspended), wall time is for people.
 * Timers never fire early and never keep the process alive.
 */
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Syscalls } from './syscalls.ts'

/** Node fires a timer with a longer delay at once; longer waits are made of several. */
const TIMER_MS_MAX = 0x7fff_ffff

export class RealClock implements Clock {
  readonly #syscalls: Syscalls

  constructor(options: { syscalls: Syscalls }) {
    this.#syscalls = options.syscalls
  }

  monotonicMs(): number {
    return performance.now()
  }

  bootMs(): number {
    return this.#syscalls.bootMs()
  }

  wallMs(): number {
    return Date.now()
  }

  after(delayMs: number, callback: () => void): Timer {
    const dueMs = performance.now() + delayMs
    let handle = arm()
    // A timer of Node counts in whole milliseconds and may come a fraction of one early.
    function fire(): void {
      if (performance.now() < dueMs) handle = arm()
      else callback()
    }
    function arm(): NodeJS.Timeout {
      const leftMs = Math.ceil(dueMs - performance.now())
      return setTimeout(fire, Math.min(Math.max(leftMs, 1), TIMER_MS_MAX)).unref()
    }
    return { cancel: () => clearTimeout(handle) }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
