/**
 * The calls that jobs have under way: each at most once at a time, again after a wait that doubles when it failed. What
 * is kept here is lost with the process, and nothing rests on it: a call that is not known is made again.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { TaskView } from '../../rpc/tasks.ts'
import type { SnapshotFacts } from '../links.ts'
import type { Call, CallState } from './machine.ts'
import type { JobPorts } from './ports.ts'
import { specOf } from './task-plans.ts'

const BACKOFF_FIRST_MS = 1000
const BACKOFF_LAST_MS = 30_000

/** Of calls that ask how it is with something. */
const ASK_EVERY_MS = 1000
const ASKING: readonly Call['kind'][] = ['task', 'cancelTask']

interface Entry {
  state: CallState
  /** The last answer. */
  task: TaskView | null
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

type CallPorts = Pick<JobPorts, 'links' | 'leads' | 'store' | 'unseal'>

/** What a call brought, if anything. */
interface Answer {
  readonly task?: TaskView
  readonly snapshot?: SnapshotFacts
}

/** The calls of one job. `settled` is called when one of them has ended. */
export class Calls {
  readonly #ports: CallPorts
  readonly #clock: Clock
  readonly #settled: () => void
  readonly #underway: Underway
  readonly #entries = new Map<string, Entry>()
  /** Requests to begin a task that are under way. */
  readonly #starts = new Set<Promise<void>>()

  constructor(ports: CallPorts & Pick<JobPorts, 'clock'>, underway: Underway, settled: () => void) {
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
    const task = old?.task ?? null
    const entry: Entry = { state: { kind: 'running', task }, task, times, retryAtMs: 0 }
    this.#entries.set(key, entry)
    const settle = (state: CallState): void => {
      entry.state = state
      const doubled = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(times - 1, 10))
      const waitMs = ASKING.includes(call.kind) ? ASK_EVERY_MS : doubled
      entry.retryAtMs = this.#clock.monotonicMs() + waitMs
      this.#settled()
    }
    this.#run(call).then(
      (answer) => {
        entry.task = answer.task ?? task
        settle({ kind: 'done', task: entry.task, snapshot: answer.snapshot ?? null, times })
      },
      (error: unknown) => {
        if (!isBlockError(error)) throw error
        const { code, message } = error
        settle({ kind: 'failed', failures: failures + 1, code, message, task })
      },
    )
  }

  async #run(call: Call): Promise<Answer> {
    const { links, leads } = this.#ports
    switch (call.kind) {
      case 'allocate':
        await this.#underway.during(call.request.volume, call.server, () =>
          links.allocate(call.server, call.request),
        )
        return {}
      case 'expand':
        await links.expand(call.server, call.request)
        return {}
      case 'createSnapshot':
        return { snapshot: await links.createSnapshot(call.server, call.request) }
      case 'restoreSnapshot':
        await links.restoreSnapshot(call.server, call.request)
        return {}
      case 'setOrigin':
        await links.setOrigin(call.server, call.request)
        return {}
      case 'startTask': {
        await this.#begin(call)
        return {}
      }
      case 'task':
        return { task: await links.task(call.server, { task: call.task }) }
      case 'cancelTask':
        // a request to begin it that comes after this one would leave it running
        await Promise.allSettled(this.#starts)
        await links.cancelTask(call.server, { task: call.task })
        // its end takes a while
        return { task: await links.task(call.server, { task: call.task }) }
      case 'move':
        await this.#move(call.volume, call.to)
        return {}
      case 'retire':
        await leads.retire(call.volume)
        return {}
    }
  }

  async #begin({ server, task, led, plan }: Extract<Call, { kind: 'startTask' }>): Promise<void> {
    const { links, store } = this.#ports
    const start = async (): Promise<void> => {
      const spec = await specOf(task, plan, store.view, this.#ports)
      await links.startTask(server, { task, led, spec })
    }
    const begun = start()
    this.#starts.add(begun)
    try {
      await begun
    } finally {
      this.#starts.delete(begun)
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
