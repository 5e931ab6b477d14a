/**
 * A task of a block server, as a job follows it: asked for at the server that leads the volume (or, of no volume, at any), asked
 * after once a second, and asked for again wherever that server lost it or the lead moved.
 *
 *     place ─▶ `at`, `epoch` recorded ─▶ started ─▶ running ─▶ succeeded, failed
 *       ▲                                    │ unknown: the server forgot it; failed in a way that passes: started again
 *       └───────────── the lead moved ───────┘
 */
import type { LedVolume } from '../links.ts'
import type { JobRecord, VolumeRecord } from '../records.ts'
import {
  awayMs,
  type Call,
  type Decision,
  end,
  type Look,
  numberOf,
  type Step,
  textOf,
  wait,
} from './machine.ts'
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
/** In a row, of a server that is told to stop a task that writes to no volume: half a minute at least. */
const STOP_FAILURES_MAX = 30
/** Of a volume; what goes on of them harms nobody. */
const READING: readonly JobRecord['kind'][] = ['backup', 'scrub']

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
  // whoever is told to stop it must know where it is, and in which epoch
  if (textOf(job, 'at') !== server || (led !== null && numberOf(job, 'epoch') !== led.epoch)) {
    const data = { ...job.data, at: server, ...(led && { epoch: led.epoch }) }
    return waiting({ data, message: `asks ${name}`, calls: [start] })
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

/**
 * Of a job that is cancelled: its task is told to end, until its server says that it does not run; then `after` is decided. A
 * server that is away may come back and still have it, and what it does then would come into what is done next.
 */
export function stopTask(after: (look: Look) => Decision): Step {
  return {
    decide(look) {
      const at = textOf(look.job, 'at')
      if (at === null || isEndedAt(look, at)) return after(look)
      const call: Call = { kind: 'cancelTask', server: at, task: look.job.id }
      const state = look.call(call)
      const name = serverName(look.records, at)
      if (state?.kind === 'done') {
        if (state.task !== null && state.task.state !== 'running') return after(look)
        return wait(`waits until ${name} has stopped it`, { calls: [call] })
      }
      if (state?.kind === 'failed') {
        const { volume, kind } = look.job
        const isHarmless = volume === null || READING.includes(kind)
        if (isHarmless && state.failures >= STOP_FAILURES_MAX) return after(look)
        const way = isHarmless
          ? ''
          : `; a restart of ${name} ends it, and so does a move of the volume's primary`
        return wait(`waits for ${name} to stop it: ${state.message}${way}`, { calls: [call] })
      }
      return wait(`waits for ${name} to stop it`, { calls: [call] })
    },
    cancel: { tooLate: 'it is being stopped already' },
  }
}

/**
 * Whether nothing of the task counts any more that `at` may have, whatever that server says: it is out of the cluster; or the
 * volume is gone, or was led in another epoch since then, which a server does not reach without having ended what was of the one
 * before.
 */
function isEndedAt({ records, job }: Look, at: string): boolean {
  const server = records.server(at)
  if (server === undefined || server.state === 'left') return true
  if (job.volume === null) return false
  const volume = records.volume(job.volume)
  if (volume === undefined || volume.state === 'deleting') return true
  const { lead } = volume
  if (lead.state !== 'serving' || lead.primary !== at) return true
  // a job of an older release did not record it
  return typeof job.data.epoch === 'number' && job.data.epoch !== lead.epoch.number
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
