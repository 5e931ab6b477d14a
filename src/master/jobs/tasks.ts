/**
 * A task of a block server, as a job follows it: asked for at the server that leads the volume (or, of no volume, at any), asked
 * after once a second, and asked for again wherever that server lost it or the lead moved.
 *
 *     place ─▶ `at` recorded ─▶ started ─▶ running ─▶ succeeded, failed
 *       ▲                          │ unknown: the server forgot it; failed in a way that passes: started again
 *       └──────── the lead moved ──┘
 */
import type { LedVolume } from '../links.ts'
import type { JobRecord, VolumeRecord } from '../records.ts'
import { awayMs, type Call, type Decision, end, type Look, type Step, textOf, wait } from './machine.ts'
import type { TaskPlan } from './task-plans.ts'
import { serverName } from './volume-edits.ts'

export interface TaskPlace {
  readonly server: string
  readonly led: LedVolume | null
}

export type TaskOutcome =
  | { readonly kind: 'waiting'; readonly decision: Decision }
  | { readonly kind: 'succeeded'; readonly result: string | null }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

/** They pass: the lead moved, a connection broke, a queue was full. */
const PASSING: readonly string[] = [
  'CONFLICT',
  'DISCONNECTED',
  'TIMED_OUT',
  'BUSY',
  'CLOSED',
  'READ_ONLY',
  'ABORTED',
  'POISONED',
]
/** Of a server that is asked for a task of no volume. */
const AWAY_MS_MAX = 10_000

/** The volume at its primary; or what has to happen before. */
export function atPrimary(look: Look, volume: VolumeRecord): TaskPlace | string {
  const { lead, uuid } = volume
  if (lead.state !== 'serving') return look.whyNotServed(uuid) ?? 'waits for a primary'
  return { server: lead.primary, led: { volume: uuid, epoch: lead.epoch.number } }
}

/** The server that has it, while that is there; else the first in the order of names that is connected. */
export function atAnyServer(look: Look): TaskPlace | string {
  const at = textOf(look.job, 'at')
  if (at !== null && look.records.server(at) !== undefined && awayMs(look, at) < AWAY_MS_MAX) {
    return { server: at, led: null }
  }
  const server = look.records
    .servers()
    .find(({ id, state }) => state !== 'left' && look.live.server(id)?.isConnected === true)
  return server === undefined ? 'waits for a server to be connected' : { server: server.id, led: null }
}

/**
 * One look at the task. `triesMax`: so many starts, and what passes counts as failed. `isFinal` of a code: asking again will not
 * help; else it is said by the code alone.
 */
export function followTask(
  look: Look,
  request: {
    readonly place: TaskPlace | string
    readonly plan: TaskPlan
    readonly triesMax: number
    readonly isFinal?: (code: string) => boolean
  },
): TaskOutcome {
  const { place, plan, triesMax, isFinal = (code: string) => !PASSING.includes(code) } = request
  if (typeof place === 'string') return waiting(wait(place))
  const { job } = look
  const { server, led } = place
  const name = serverName(look.records, server)
  const start: Call = { kind: 'startTask', server, task: job.id, led, plan }
  // whoever is told to stop it must know where it is
  if (textOf(job, 'at') !== server) {
    return waiting({ data: { ...job.data, at: server }, message: `asks ${name}`, calls: [start] })
  }
  const ask: Call = { kind: 'task', server, task: job.id, epoch: led?.epoch ?? null }
  const started = look.call(start)
  const view = look.call(ask)?.task ?? null
  if (started?.kind === 'failed') {
    if (isFinal(started.code)) return { kind: 'failed', code: started.code, message: started.message }
    return waiting(wait(started.message, { calls: [start] }))
  }
  if (started?.kind !== 'done' && view === null) return waiting(wait(`asks ${name}`, { calls: [start] }))
  if (view === null) return waiting(wait(`asks ${name}`, { calls: [ask] }))
  const times = started?.kind === 'done' ? started.times : 0
  switch (view.state) {
    case 'running':
      return waiting(
        wait(view.message ?? `runs on ${name}`, {
          calls: [ask],
          progress: { done: view.done, total: Math.max(view.done, view.total, 1), unit: view.unit },
        }),
      )
    case 'succeeded':
      return { kind: 'succeeded', result: view.result }
    case 'unknown':
      return waiting(wait(`${name} forgot it, and is asked again`, { calls: [start, ask] }))
    case 'cancelled':
    case 'failed': {
      const code = view.code ?? 'ABORTED'
      const message = view.message ?? 'it failed'
      if (isFinal(code) || times >= triesMax) return { kind: 'failed', code, message: `${name}: ${message}` }
      return waiting(wait(`${name}: ${message}; it is begun again`, { calls: [start, ask] }))
    }
  }
}

const waiting = (decision: Decision): TaskOutcome => ({ kind: 'waiting', decision })

/** Of a job that is cancelled: its task is told to end, and then `after` is decided. */
export function stopTask(after: (look: Look) => Decision): Step {
  return {
    decide(look) {
      const at = textOf(look.job, 'at')
      // one that is away forgets it, or ends it when it sees that it does not lead
      if (at === null || awayMs(look, at) > 0) return after(look)
      const call: Call = { kind: 'cancelTask', server: at, task: look.job.id }
      const state = look.call(call)
      if (state?.kind === 'done' || (state?.kind === 'failed' && state.failures >= 3)) return after(look)
      const why = state?.kind === 'failed' ? `: ${state.message}` : ''
      return wait(`waits for ${serverName(look.records, at)} to stop it${why}`, { calls: [call] })
    },
    cancel: { tooLate: 'it is being stopped already' },
  }
}

export const STOPPED = stopTask(() => end('cancelled', null))

/** A result as the job keeps it, for people. */
export const resultData = (job: JobRecord, result: string | null): JobRecord['data'] => {
  if (result === null) return job.data
  try {
    return { ...job.data, result: JSON.parse(result) as JobRecord['data'][string] }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return job.data
  }
}
