/**
 * The calls that jobs have under way: each at most once at a time, again after a wait that doubles when it failed. What
 * is kept here is lost with the process, and nothing rests on it: a call that is not known is made again.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Call, CallState } from './machine.ts'
import type { JobPorts } from './ports.ts'

const BACKOFF_FIRST_MS = 1000
const BACKOFF_LAST_MS = 30_000

interface Entry {
  state: CallState
  /** How often it was made. */
  readonly times: number
  /** Of the monotonic clock. */
  retryAtMs: number
}

const keyOf = (call: Call): string =>
  JSON.stringify(call, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))

/**
 * Replicas that are being made at this moment. None of them is deleted before that call has ended: a request to make it
 * that comes after the one to delete it would leave a replica that nobody knows.
 */
export class Underway {
  readonly #counts = new Map<string, number>()

  has(volume: string, server: string): boolean {
    return this.#counts.has(`${volume}/${server}`)
  }

  async during(volume: string, server: string, work: () => Promise<void>): Promise<void> {
    const key = `${volume}/${server}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    try {
      await work()
    } finally {
      const left = (this.#counts.get(key) ?? 1) - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    }
  }
}

/** The calls of one job. `settled` is called when one of them has ended. */
export class Calls {
  readonly #ports: Pick<JobPorts, 'links' | 'leads'>
  readonly #clock: Clock
  readonly #settled: () => void
  readonly #underway: Underway
  readonly #entries = new Map<string, Entry>()

  constructor(ports: Pick<JobPorts, 'links' | 'leads' | 'clock'>, underway: Underway, settled: () => void) {
    this.#ports = ports
    this.#underway = underway
    this.#clock = ports.clock
    this.#settled = settled
  }

  state(call: Call): CallState | undefined {
    return this.#entries.get(keyOf(call))?.state
  }

  /** Makes the call unless it is under way, or ended a short while ago. Who still asks after it was done wants it again. */
  make(call: Call): void {
    const key = keyOf(call)
    const old = this.#entries.get(key)
    if (old?.state.kind === 'running') return
    if (old !== undefined && this.#clock.monotonicMs() < old.retryAtMs) return
    const failures = old?.state.kind === 'failed' ? old.state.failures : 0
    const times = (old?.times ?? 0) + 1
    const entry: Entry = { state: { kind: 'running' }, times, retryAtMs: 0 }
    this.#entries.set(key, entry)
    const settle = (state: CallState): void => {
      entry.state = state
      const waitMs = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(times - 1, 10))
      entry.retryAtMs = this.#clock.monotonicMs() + waitMs
      this.#settled()
    }
    this.#run(call).then(
      () => settle({ kind: 'done' }),
      (error: unknown) => {
        if (!isBlockError(error)) throw error
        settle({ kind: 'failed', failures: failures + 1, code: error.code, message: error.message })
      },
    )
  }

  #run(call: Call): Promise<void> {
    const { links, leads } = this.#ports
    switch (call.kind) {
      case 'allocate':
        return this.#underway.during(call.request.volume, call.server, () =>
          links.allocate(call.server, call.request),
        )
      case 'expand':
        return links.expand(call.server, call.request)
      case 'move':
        return this.#move(call.volume, call.to)
      case 'retire':
        return leads.retire(call.volume).then(() => undefined)
    }
  }

  async #move(volume: string, to: string): Promise<void> {
    const outcome = await this.#ports.leads.move(volume, to)
    if (outcome.kind === 'moved') return
    throw new BlockError('BUSY', MOVE_FAILED[outcome.reason] ?? outcome.reason)
  }
}

const MOVE_FAILED: Readonly<Record<string, string>> = {
  not_drained: 'the primary could not bring the others up to its end in time, and serves on',
  no_answer: 'no server answered in time',
  target_lost: 'the server that was to lead went away',
  superseded: 'another promotion came first',
  closed: 'the master was stopped',
}
