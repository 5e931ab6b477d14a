/**
 * The clock of one simulated process, and the process's life. Its timers are events of the scheduler and die with the
 * process: after `Life.end` no callback runs and no sleep resolves. While the process is stopped nothing runs either;
 * what came meanwhile runs, in order, when it goes on.
 */
import { assert } from '../../src/base/assert.ts'
import type { Clock, Timer } from '../../src/base/ports/clock.ts'
import { Scheduler } from './scheduler.ts'

/** One run of a simulated process, from its start to its exit or crash. Every port that it uses knows it. */
export class Life {
  #ended = false
  #state: 'running' | 'stopped' | 'catching up' = 'running'
  #deferred: (() => void)[] = []
  readonly #onEnd: (() => void)[] = []

  get ended(): boolean {
    return this.#ended
  }

  /** It is not scheduled (SIGSTOP, or its machine sleeps), or has not caught up yet. */
  get isStopped(): boolean {
    return this.#state !== 'running'
  }

  /** The process is gone: no completion reaches it any more and none of its calls has an effect. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#deferred = []
    for (const callback of this.#onEnd) callback()
  }

  onEnd(callback: () => void): void {
    this.#onEnd.push(callback)
  }

  /** Runs what reaches the process: now, when it goes on, or never. */
  deliver(run: () => void): void {
    if (this.#ended) return
    if (this.isStopped) this.#deferred.push(run)
    else run()
  }

  stop(): void {
    this.#state = 'stopped'
  }

  /** It goes on: what came meanwhile first, each as an event of its own. */
  resume(scheduler: Scheduler): void {
    assert(this.#state === 'stopped', 'a process that runs is not resumed')
    this.#state = 'catching up'
    const next = (): void => {
      if (this.#ended || this.#state !== 'catching up') return
      const run = this.#deferred.shift()
      if (run === undefined) {
        this.#state = 'running'
        return
      }
      scheduler.schedule('resumed', '', 0, next)
      run()
    }
    scheduler.schedule('resumed', '', 0, next)
  }
}

/** A wall clock that starts at some plausible moment, so that records with dates look like themselves. */
const WALL_START_MS = 1_800_000_000_000

/** The clocks of one machine since its boot: they may run fast or slow, and one of them sleeps with the machine. */
export class MachineTime {
  readonly #scheduler: Scheduler
  readonly #startMs: number
  /** Milliseconds of this machine in a true one. */
  readonly rate: number
  /** How far its wall clock is from the true one. */
  wallSkewMs: number
  #asleepMs = 0
  #asleepSinceMs: number | undefined

  constructor(scheduler: Scheduler, rate = 1, startMs = scheduler.nowMs, wallSkewMs = 0) {
    this.#scheduler = scheduler
    this.rate = rate
    this.#startMs = startMs
    this.wallSkewMs = wallSkewMs
  }

  get bootMs(): number {
    return (this.#scheduler.nowMs - this.#startMs) * this.rate
  }

  get monotonicMs(): number {
    const now = this.#asleepSinceMs ?? this.#scheduler.nowMs
    return (now - this.#startMs - this.#asleepMs) * this.rate
  }

  /** Somebody sets the wall clock. */
  jumpWall(byMs: number): void {
    this.wallSkewMs += byMs
  }

  sleep(): void {
    this.#asleepSinceMs ??= this.#scheduler.nowMs
  }

  wake(): void {
    if (this.#asleepSinceMs === undefined) return
    this.#asleepMs += this.#scheduler.nowMs - this.#asleepSinceMs
    this.#asleepSinceMs = undefined
  }
}

export class SimClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #life: Life
  readonly #time: MachineTime
  /** Timers that have neither run nor been cancelled. */
  timers = 0

  constructor(scheduler: Scheduler, life: Life, time = new MachineTime(scheduler, 1, 0)) {
    this.#scheduler = scheduler
    this.#life = life
    this.#time = time
  }

  monotonicMs(): number {
    return this.#time.monotonicMs
  }

  bootMs(): number {
    return this.#time.bootMs
  }

  wallMs(): number {
    return WALL_START_MS + this.#time.wallSkewMs + this.#scheduler.nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = new SimTimer(this, this.#scheduler, this.#life, this.#time, delayMs, callback)
    this.timers += 1
    timer.arm()
    return timer
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  yield(): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.schedule('yield', '', 0, () => this.#life.deliver(resolve))
    })
  }
}

const TIMER_MS_MIN = 0.001

class SimTimer implements Timer {
  readonly #clock: SimClock
  readonly #scheduler: Scheduler
  readonly #life: Life
  readonly #time: MachineTime
  readonly #dueMs: number
  readonly #callback: () => void
  #event: ReturnType<Scheduler['schedule']> | undefined
  #isOver = false

  constructor(
    clock: SimClock,
    scheduler: Scheduler,
    life: Life,
    time: MachineTime,
    delayMs: number,
    callback: () => void,
  ) {
    this.#clock = clock
    this.#scheduler = scheduler
    this.#life = life
    this.#time = time
    this.#dueMs = time.monotonicMs + delayMs
    this.#callback = callback
  }

  arm(): void {
    const exactMs = (this.#dueMs - this.#time.monotonicMs) / this.#time.rate
    // what rounding leaves over would never pass
    const leftMs = exactMs <= 0 ? 0 : Math.max(TIMER_MS_MIN, exactMs)
    this.#event = this.#scheduler.schedule('timer', '', leftMs, () => this.#life.deliver(() => this.#due()))
  }

  #due(): void {
    if (this.#isOver) return
    // a machine that slept meanwhile has not counted that time
    if (this.#dueMs - this.#time.monotonicMs > 1e-6) {
      this.arm()
      return
    }
    this.#finish()
    this.#callback()
  }

  cancel(): void {
    if (this.#isOver) return
    this.#finish()
    if (this.#event !== undefined) this.#scheduler.cancel(this.#event)
  }

  #finish(): void {
    this.#isOver = true
    this.#clock.timers -= 1
  }
}

/** A clock for code under test that only reads it. */
export const idleClock = (): SimClock => new SimClock(new Scheduler(1), new Life())
