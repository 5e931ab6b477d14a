/** Time. `monotonicMs` never goes back; `bootMs` also counts while the machine is suspended (CLOCK_BOOTTIME). */
export interface Timer {
  /** Idempotent; the callback does not run after it. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds, with a fraction, since some fixed moment. */
  monotonicMs(): number
  /** Milliseconds since boot, suspension included. */
  bootMs(): number
  /** Milliseconds since 1970, for people and records only; it jumps. */
  wallMs(): number
  /** Runs `callback` once, not before `delayMs` has passed. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
  /** Resolves after `delayMs`. */
  sleep(delayMs: number): Promise<void>
  /** Resolves in a later turn of the event loop, after I/O that is ready had its turn. */
  yield(): Promise<void>
}
