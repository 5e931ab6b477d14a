/**
 * A backup of a volume: a snapshot of its own, which its primary copies to the repository. When that is complete the snapshot is
 * kept as the base of the next increment, and the one before it goes.
 *
 *     queued ─▶ snapshot: recorded with the job, made at the primary ─▶ copy ─▶ complete: base, the older base is deleting
 *                  └─refused─▶ failed            └─failed, cancelled─▶ the snapshot is deleting
 */
import type { RecordWrite } from '../core/records-view.ts'
import type { SnapshotRecord, VolumeRecord } from '../records.ts'
import { giveUpBases } from '../snapshots/requests.ts'
import {
  type Call,
  type Decision,
  end,
  goTo,
  isRefused,
  type Look,
  type Machine,
  type Step,
  textOf,
  wait,
} from './machine.ts'
import { atPrimary, followTask, resultData, stopTask } from './tasks.ts'
import { isOver } from './turns.ts'
import { serverName } from './volume-edits.ts'

const TRIES_MAX = 20

const volumeOf = (look: Look): VolumeRecord | null => {
  const volume = look.records.volume(look.job.volume ?? '')
  return volume === undefined || volume.state === 'deleting' ? null : volume
}

const ownOf = (look: Look): SnapshotRecord | undefined =>
  look.records.snapshot(look.job.volume ?? '', textOf(look.job, 'snapshot') ?? '')

const isAhead = (look: Look): string | null => {
  for (const other of look.records.jobs()) {
    if (other.id === look.job.id) return null
    if (other.kind === 'backup' && other.volume === look.job.volume && !isOver(other)) return other.id
  }
  return null
}

const enqueue: Step = {
  decide(look) {
    const volume = volumeOf(look)
    if (volume === null) return end('failed', 'the volume was deleted')
    const ahead = isAhead(look)
    if (ahead !== null) return wait(`waits for job ${ahead} (backup) of the same volume`)
    const id = textOf(look.job, 'snapshot') ?? ''
    const repository = textOf(look.job, 'repository') ?? ''
    const record: SnapshotRecord = {
      id,
      volume: volume.uuid,
      name: `backup-${id}`,
      state: 'creating',
      lsn: null,
      sizeBytes: volume.sizeBytes,
      createdAt: look.wallMs,
      schedule: null,
      isExposed: false,
      group: null,
      backup: { repository, id: null, fullAt: null },
    }
    return goTo('snapshot', { writes: [{ kind: 'snapshot', record }] })
  },
  cancel: { to: 'stop' },
}

const snapshot: Step = {
  decide(look) {
    const volume = volumeOf(look)
    const own = ownOf(look)
    if (volume === null) return end('failed', 'the volume was deleted')
    if (own === undefined) return end('failed', 'its snapshot is gone')
    if (own.state === 'ready') return goTo('copy')
    const place = atPrimary(look, volume)
    if (typeof place === 'string' || place.led === null) return wait(String(place))
    const request = { ...place.led, id: own.id, name: own.name }
    const call: Call = { kind: 'createSnapshot', server: place.server, request }
    const state = look.call(call)
    if (state?.kind === 'done' && state.snapshot !== null) {
      const { lsn, sizeBytes } = state.snapshot
      return goTo('copy', { writes: [put({ ...own, state: 'ready', lsn, sizeBytes })] })
    }
    const name = serverName(look.records, place.server)
    // of a conflict nothing is known: it may only have stopped to lead
    if (state?.kind === 'failed' && isRefused(state) && (state.code !== 'CONFLICT' || state.failures >= 5)) {
      return end('failed', `${name}: ${state.message}`, { writes: givenUp(look) })
    }
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${name} to make the snapshot${why}`, { calls: [call] })
  },
  cancel: { to: 'stop' },
}

const copy: Step = {
  decide(look) {
    const volume = volumeOf(look)
    const own = ownOf(look)
    if (volume === null) return end('failed', 'the volume was deleted')
    if (own === undefined || own.state === 'lost') return failed(look, 'its snapshot was lost')
    const repository = textOf(look.job, 'repository') ?? ''
    const full = look.job.data.full === true
    const outcome = followTask(look, {
      place: atPrimary(look, volume),
      plan: { kind: 'backup', repository, snapshot: own.id, name: volume.name, full },
      triesMax: TRIES_MAX,
    })
    if (outcome.kind === 'waiting') return outcome.decision
    if (outcome.kind === 'failed') return failed(look, outcome.message)
    const others = look.records.snapshotsOf(volume.uuid).filter(({ id }) => id !== own.id)
    const bases = others.filter(({ backup }) => backup?.repository === repository)
    // kept for a clone when their repository was forgotten
    const useless = others.filter(
      ({ backup }) => backup !== null && look.records.repository(backup.repository) === undefined,
    )
    const data = resultData(look.job, outcome.result)
    const { id, isFull } = madeOf(data.result, look.job.id)
    const before = Math.max(...bases.map(({ backup }) => backup?.fullAt ?? 0))
    const fullAt = isFull || before <= 0 ? own.createdAt : before
    return end('succeeded', null, {
      data,
      writes: [
        put({ ...own, backup: { repository, id, fullAt } }),
        ...giveUpBases(look.records, [...bases, ...useless], look.job.id),
      ],
      events: [
        {
          severity: 'info',
          kind: 'backup.complete',
          actor: look.job.actor,
          volume: volume.uuid,
          message: `backup ${id} of ${volume.name} is complete in ${repository}`,
          lsn: own.lsn,
        },
      ],
    })
  },
  cancel: { to: 'stop' },
}

function failed(look: Look, message: string): Decision {
  return end('failed', message, {
    writes: givenUp(look),
    events: [
      {
        severity: 'error',
        kind: 'backup.failed',
        actor: look.job.actor,
        volume: look.job.volume,
        message: `the backup of ${volumeOf(look)?.name ?? look.job.volume} to ${textOf(look.job, 'repository') ?? ''} failed: ${message}`,
      },
    ],
  })
}

function madeOf(result: unknown, jobId: string): { readonly id: string; readonly isFull: boolean } {
  const { backup } = (result ?? {}) as {
    readonly backup?: { readonly id?: unknown; readonly kind?: unknown }
  }
  return { id: typeof backup?.id === 'string' ? backup.id : jobId, isFull: backup?.kind === 'full' }
}

const put = (record: SnapshotRecord): RecordWrite => ({ kind: 'snapshot', record })

/** Its own snapshot goes, unless somebody else needs it. */
function givenUp(look: Look): RecordWrite[] {
  const own = ownOf(look)
  return own === undefined ? [] : giveUpBases(look.records, [own], look.job.id)
}

const stop = stopTask((look) => end('cancelled', null, { writes: givenUp(look) }))

export const BACKUP: Machine = { kind: 'backup', steps: { queued: enqueue, snapshot, copy, stop } }
