/**
 * Creation of a volume. The record of the volume, with its name and the servers that it was placed on, is written with
 * the job; from there:
 *
 *     allocate: each server is asked ─all made─▶ lead: the first epoch ─served─▶ active, done
 *         └─refused, or not heard three times─▶ another server, or in best_effort fewer, or undo
 *
 * A server that is given up may have made its replica all the same: it is `leaving`, and told to delete it.
 */
import type { NewEvent } from '../core/records-view.ts'
import { isServing } from '../placement/health.ts'
import type { VolumeRecord } from '../records.ts'
import {
  awayMs,
  type Call,
  type CallState,
  type Decision,
  end,
  goTo,
  isRefused,
  type Look,
  type Machine,
  progress,
  type Step,
  textOf,
  textsOf,
  wait,
} from './machine.ts'
import { UNMAKE } from './unmake.ts'
import { allocateRequest, serverName, stayingOf, withReplica, writeOf } from './volume-edits.ts'

const FAILURES_MAX = 3
/** A server that is away for so long is given up. After a restart of the master all of them are away for a moment. */
const AWAY_MS_MAX = 20_000

/** Null: the job has nothing to do any more. */
function volumeOf(look: Look): VolumeRecord | null {
  const volume = look.records.volume(look.job.volume ?? '')
  return volume === undefined || volume.state === 'deleting' ? null : volume
}
const gone = (): Decision => end('failed', 'the volume was deleted while it was made')

const allocateCall = (volume: VolumeRecord, server: string): Call => ({
  kind: 'allocate',
  server,
  request: allocateRequest(volume),
})

export const allocate: Step = {
  decide(look) {
    const before = volumeOf(look)
    if (before === null) return gone()
    const heard = heardOf(look, before)
    const refused = [...textsOf(look.job, 'refused'), ...heard.refused]
    const { volume, why } = refill(look, heard.volume, refused)
    const calls = volume.replicas.flatMap(({ server, state }) =>
      state === 'allocating' && awayMs(look, server) === 0 ? [allocateCall(volume, server)] : [],
    )
    const lastWhy = heard.why ?? textOf(look.job, 'lastRefusal')
    const data = { ...look.job.data, refused, lastRefusal: lastWhy }
    if (why !== null && !(volume.policy.mode.kind === 'best_effort' && stayingOf(volume).length > 0)) {
      // others may still be connecting to a master that has just started; until then nothing is given up, for a volume
      // whose replicas are all made is led
      if (look.bootMs - look.startedMs < AWAY_MS_MAX) return wait(why, { calls })
      const sentence = `no server is left for a replica: ${lastWhy ?? why}`
      return goTo('undo', { writes: writesOf(before, volume), data: { ...data, why: sentence } })
    }
    const staying = stayingOf(volume)
    const ready = staying.filter((replica) => replica.state === 'ready').map((replica) => replica.server)
    if (ready.length === staying.length) return led(before, volume, ready, data)
    const waiting = staying.filter((replica) => replica.state === 'allocating')
    const names = waiting.map(({ server }) => serverName(look.records, server)).join(', ')
    return {
      writes: writesOf(before, volume),
      data,
      message: `waits for ${names} to make its replica`,
      progress: progress(ready.length, staying.length + 1, 'steps'),
      calls,
    }
  },
  cancel: { to: 'undo' },
}

/** What the servers have answered: replicas that are made, and those that are given up, with the last reason. */
function heardOf(look: Look, before: VolumeRecord) {
  let volume = before
  let why: string | null = null
  const refused: string[] = []
  for (const { server, state } of before.replicas) {
    if (state !== 'allocating') continue
    const answer = look.call(allocateCall(before, server))
    if (answer?.kind === 'done') volume = withReplica(volume, server, 'ready')
    if (answer?.kind === 'done' || !isGivenUp(look, server, answer)) continue
    const said = answer?.kind === 'failed' ? answer.message : 'it is not connected'
    why = `${serverName(look.records, server)}: ${said}`
    refused.push(server)
    volume = withReplica(volume, server, 'leaving')
  }
  return { volume, why, refused }
}

const isGivenUp = (look: Look, server: string, answer: CallState | undefined): boolean =>
  awayMs(look, server) > AWAY_MS_MAX ||
  (answer?.kind === 'failed' && (isRefused(answer) || answer.failures >= FAILURES_MAX))

/** Other servers in the places of those that were given up. */
function refill(
  look: Look,
  before: VolumeRecord,
  refused: readonly string[],
): { readonly volume: VolumeRecord; readonly why: string | null } {
  let volume = before
  while (stayingOf(volume).length < volume.policy.replicaFactor) {
    const choice = look.planner.another(look.records, look.live, volume, null, refused)
    if (choice.kind === 'none') return { volume, why: choice.why }
    volume = withReplica(volume, choice.server, 'allocating')
  }
  return { volume, why: null }
}

/** All are made: they are the first in-sync set, for an empty volume is the same everywhere. */
function led(
  before: VolumeRecord,
  volume: VolumeRecord,
  ready: readonly string[],
  data: Look['job']['data'],
): Decision {
  const { lead } = before
  const primary = ready.includes(lead.primary) ? lead.primary : (ready[0] ?? lead.primary)
  const set = { ...lead.set, members: ready }
  return goTo('lead', {
    writes: [writeOf({ ...volume, lead: { ...lead, primary, set } })],
    data,
    progress: progress(ready.length, ready.length + 1, 'steps'),
  })
}

const writesOf = (before: VolumeRecord, volume: VolumeRecord) => (before === volume ? [] : [writeOf(volume)])

/** Waits until it is served; then the volume is made, or there is more to be done. */
export const leadThen = (made: (look: Look, volume: VolumeRecord) => Decision): Step => ({
  decide(look) {
    const volume = volumeOf(look)
    if (volume === null) return gone()
    const { lead } = volume
    // the record is ahead of the primary: done is what a host can log in to
    if (isServing(volume, look.live)) return made(look, volume)
    const why = look.whyNotServed(volume.uuid)
    const name = serverName(look.records, lead.primary)
    return wait(`waits for ${name} to serve it${why === null ? '' : `: ${why}`}`)
  },
  cancel: { to: 'undo' },
})

const lead = leadThen((look, volume) => {
  const { total } = look.job.progress
  return end('succeeded', null, {
    writes: [writeOf({ ...volume, state: 'active' })],
    events: [createdEvent(look, volume)],
    progress: progress(total, total, 'steps'),
  })
})

export const createdEvent = (look: Look, volume: VolumeRecord): NewEvent => ({
  severity: 'info',
  kind: 'volume.created',
  actor: look.job.actor,
  volume: volume.uuid,
  server: volume.lead.primary,
  message: `volume ${volume.name} is made, with ${stayingOf(volume).length} replicas, and served by ${serverName(look.records, volume.lead.primary)}`,
  epoch: volume.lead.epoch.number,
})

export const CREATE: Machine = { kind: 'create', steps: { allocate, lead, ...UNMAKE } }
