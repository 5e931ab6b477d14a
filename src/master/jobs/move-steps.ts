/**
 * One replica of a volume is made at `to` and then given up at `from`; or is made in the place of one that is lost; or
 * there are too few. The new one comes first: during that the volume has one replica more than it should, which every
 * rule allows (docs/jobs.md says why), and never one less.
 *
 *     queued ─turn─▶ allocate ─made─▶ sync ─in the set─▶ lead ─primary elsewhere─▶ release ─out of the set─▶ remove ─▶ done
 *        │              │    (madeIn: the epoch)   │        (only when `from` leads)     ▲ too late from here
 *        ▼              └──────────────┬───────────┴──────────┘
 *     dropped                          ▼
 *                              undo: `to` leaves the set, is deleted ─▶ cancelled, or failed with its reason
 */
import type { ReplicaBeat } from '../links.ts'
import type { VolumeRecord } from '../records.ts'
import {
  awayMs,
  type Call,
  type Decision,
  end,
  goTo,
  isRefused,
  type Look,
  progress,
  type Step,
  textOf,
  wait,
} from './machine.ts'
import { fillingLimit, queued } from './turns.ts'
import {
  allocateRequest,
  isMember,
  replicaOn,
  serverName,
  stayingOf,
  withReplica,
  writeOf,
} from './volume-edits.ts'

const FAILURES_MAX = 4
/** A server that is away for so long gets no replica: another is chosen. */
const AWAY_MS_MAX = 60_000
/** So long a job waits for a server that has only an old replica to delete: after a start of the master all come back. */
const DELETER_AWAY_MS_MAX = 5_000
const BLOCK_BYTES = 4096
const TOO_LATE = 'the new replica has taken the place of the old one; move it back instead'

interface Facts {
  readonly volume: VolumeRecord
  readonly to: string
  /** Whose replica goes; null when there were too few. */
  readonly from: string | null
}

/** What every step begins with; a decision when the volume is not there any more. */
function factsOf(look: Look): Facts | Decision {
  const volume = look.records.volume(look.job.volume ?? '')
  if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
  return { volume, to: textOf(look.job, 'to') ?? '', from: textOf(look.job, 'from') }
}

const step = (decide: (look: Look, facts: Facts) => Decision, cancel: Step['cancel']): Step => ({
  decide(look) {
    const facts = factsOf(look)
    return 'volume' in facts ? decide(look, facts) : facts
  },
  cancel,
})

const enqueue = step(
  (look, { volume, to, from }) => {
    const notYet = queued(look)
    if (notYet !== null) return notYet
    if (from !== null && (replicaOn(volume, from)?.state ?? 'leaving') === 'leaving')
      return end('failed', 'the replica is not there any more')
    if (from === null && stayingOf(volume).length >= volume.policy.replicaFactor)
      return end('succeeded', 'the volume has all its replicas by now')
    const there = replicaOn(volume, to)
    if (there?.state === 'leaving') return wait('waits until the old replica on that server is deleted')
    if (there !== undefined)
      return end('failed', `${serverName(look.records, to)} has a replica of it already`)
    if (look.records.server(to) === undefined)
      return end('failed', 'the server is not in the cluster any more')
    const limit = fillingLimit(look.records.jobs(), to)
    if (limit !== null) return wait(limit)
    return goTo('allocate', { writes: [writeOf(withReplica(volume, to, 'allocating'))] })
  },
  { to: 'dropped' },
)

const allocate = step(
  (look, { volume, to }) => {
    const call: Call = { kind: 'allocate', server: to, request: allocateRequest(volume) }
    const name = serverName(look.records, to)
    const state = look.call(call)
    if (replicaOn(volume, to)?.state !== 'allocating') return failed(look, `${name} was removed`)
    if (state?.kind === 'done') return goTo('sync', { writes: [writeOf(withReplica(volume, to, 'ready'))] })
    if (state?.kind === 'failed' && (isRefused(state) || state.failures >= FAILURES_MAX)) {
      return failed(look, `${name} could not make the replica: ${state.message}`)
    }
    if (awayMs(look, to) > AWAY_MS_MAX) return failed(look, `${name} is not connected`)
    if (awayMs(look, to) > 0) return wait(`waits for ${name} to connect`)
    return wait(`waits for ${name} to make the replica`, { calls: [call] })
  },
  { to: 'undo' },
)

const sync = step(
  (look, { volume, to, from }) => {
    const name = serverName(look.records, to)
    if (replicaOn(volume, to)?.state !== 'ready') return failed(look, `${name} was removed`)
    if (awayMs(look, to) > AWAY_MS_MAX) return failed(look, `${name} is not connected`)
    const beat = look.live.replica(volume.uuid, volume.lead.primary)
    if (!isMember(volume, to))
      return wait(`waits until ${name} is in sync`, { progress: filled(beat, to, volume) })
    const { sizeBytes } = volume
    const all = progress(sizeBytes, sizeBytes, 'bytes')
    if (from === null) return end('succeeded', null, { progress: all })
    const late = othersBehind(look, volume, from)
    if (late !== null) return wait(late, { progress: all })
    return goTo(volume.lead.primary === from ? 'lead' : 'release', { progress: all })
  },
  { to: 'undo' },
)

const lead = step(
  (look, { volume, to, from }) => {
    if (volume.lead.primary !== from) return goTo('release')
    if (!isMember(volume, to)) return goTo('sync')
    const call: Call = { kind: 'move', volume: volume.uuid, to }
    const state = look.call(call)
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${serverName(look.records, to)} to lead it${why}`, { calls: [call] })
  },
  { to: 'undo' },
)

const release = step(
  (look, { volume, to, from }) => {
    const old = from === null ? undefined : replicaOn(volume, from)
    if (from === null || old === undefined) return end('succeeded', null)
    // a failover came between: it goes on serving until the lead is elsewhere
    if (volume.lead.primary === from) {
      return goTo('lead', {
        writes: old.state === 'ready' ? [] : [writeOf(withReplica(volume, from, 'ready'))],
      })
    }
    if (old.state === 'leaving') {
      if (!isMember(volume, from)) return goTo('remove')
      return wait(`waits until the primary lets ${serverName(look.records, from)} go`)
    }
    if (!isMember(volume, to)) return goTo('sync')
    return { writes: [writeOf(withReplica(volume, from, 'leaving'))], message: null }
  },
  { tooLate: TOO_LATE },
)

const remove = step(
  (look, { volume, from }) => {
    const old = from === null ? undefined : replicaOn(volume, from)
    if (from === null || old === undefined) return end('succeeded', null)
    const name = serverName(look.records, from)
    if (awayMs(look, from) > DELETER_AWAY_MS_MAX) {
      return end('succeeded', `${name} is away; its old replica is deleted when it comes back`)
    }
    return wait(`waits for ${name} to delete the old replica`)
  },
  { tooLate: TOO_LATE },
)

const undo = step(
  (look, { volume, to, from }) => {
    const made = replicaOn(volume, to)
    const outcome = textOf(look.job, 'why') === null ? 'cancelled' : 'failed'
    if (made === undefined) return end(outcome, textOf(look.job, 'why'))
    const name = serverName(look.records, to)
    if (volume.lead.primary === to) return giveBack(look, volume, to, from)
    if (made.state !== 'leaving')
      return { writes: [writeOf(withReplica(volume, to, 'leaving'))], message: null }
    if (isMember(volume, to)) return wait(`waits until the primary lets ${name} go`)
    if (awayMs(look, to) > DELETER_AWAY_MS_MAX) {
      return end(
        outcome,
        textOf(look.job, 'why') ?? `${name} is away; it deletes the replica when it comes back`,
      )
    }
    return wait(`waits for ${name} to delete the new replica`)
  },
  { tooLate: 'it is being undone already' },
)

/** The new replica leads after a failover, and is to go: another member leads first. */
function giveBack(look: Look, volume: VolumeRecord, to: string, from: string | null): Decision {
  const other =
    [from, ...volume.lead.set.members].find(
      (server) =>
        server !== null &&
        server !== to &&
        isMember(volume, server) &&
        replicaOn(volume, server)?.state === 'ready',
    ) ?? null
  if (other === null) return end('succeeded', 'the new replica leads and no other is in sync: it stays')
  const isLeaving = replicaOn(volume, to)?.state === 'leaving'
  if (isLeaving) return { writes: [writeOf(withReplica(volume, to, 'ready'))], message: null }
  const call: Call = { kind: 'move', volume: volume.uuid, to: other }
  return wait(`waits for ${serverName(look.records, other)} to lead it`, { calls: [call] })
}

/** Asked for and not begun: nothing is to be undone. */
export const DROPPED: Step = {
  decide: () => end('cancelled', null),
  cancel: { tooLate: 'it is being cancelled already' },
}

const failed = (look: Look, why: string): Decision => goTo('undo', { data: { ...look.job.data, why } })

/**
 * A replica that is in sync is given up only when all the others are, so that a move never leaves fewer copies than there
 * were. One that is out of the set is no copy, and nothing is lost with it.
 */
function othersBehind(look: Look, volume: VolumeRecord, from: string): string | null {
  if (!isMember(volume, from)) return null
  const late = stayingOf(volume).filter(({ server }) => server !== from && !isMember(volume, server))
  if (late.length === 0) return null
  const names = late.map(({ server }) => serverName(look.records, server)).join(', ')
  return `waits until ${names} is in sync: until then the old replica is needed`
}

function filled(
  beat: ReplicaBeat | undefined,
  to: string,
  volume: VolumeRecord,
): ReturnType<typeof progress> {
  const peer = beat?.open?.peers.find((one) => one.server === to)
  const resync = peer?.resync ?? null
  if (resync !== null) {
    return progress(resync.scannedBlocks * BLOCK_BYTES, resync.sizeBlocks * BLOCK_BYTES, 'bytes')
  }
  return progress(0, volume.sizeBytes, 'bytes')
}

export const MOVE_STEPS = {
  queued: enqueue,
  allocate,
  sync,
  lead,
  release,
  remove,
  undo,
  dropped: DROPPED,
} as const
