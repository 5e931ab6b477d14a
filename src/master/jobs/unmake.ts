/**
 * The end of a volume, for the job that deletes it and for a creation that failed or was cancelled:
 *
 *     deleting, recorded ─▶ retire: an epoch above is sealed, nobody is promoted ─▶ remove: every replica `leaving`
 *        ─▶ each is deleted at its server (removals.ts) ─▶ record and name gone
 *
 * A server that is away is waited for: it is told when it comes back, and the record stays until then, because a replica
 * that no record knows is one that nobody deletes.
 */
import type { VolumeRecord } from '../records.ts'
import {
  type Call,
  type Decision,
  end,
  goTo,
  type Look,
  progress,
  type Step,
  textOf,
  wait,
} from './machine.ts'
import { serverName, writeOf } from './volume-edits.ts'

const TOO_LATE = 'the volume is being deleted, and that is never undone; create it again when it is gone'

const outcomeOf = (look: Look): 'succeeded' | 'failed' | 'cancelled' =>
  look.job.kind === 'delete' ? 'succeeded' : look.job.state === 'cancelling' ? 'cancelled' : 'failed'

const over = (look: Look): Decision => end(outcomeOf(look), textOf(look.job, 'why'))

/** Of a creation: from here on it is undone. */
const undo: Step = {
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined) return over(look)
    return goTo('retire', { writes: [writeOf({ ...volume, state: 'deleting' })] })
  },
  cancel: { tooLate: TOO_LATE },
}

const retire: Step = {
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined) return over(look)
    const call: Call = { kind: 'retire', volume: volume.uuid }
    const state = look.call(call)
    if (state?.kind !== 'done') {
      const why = state?.kind === 'failed' ? `: ${state.message}` : ''
      return wait(`waits until nobody is promoted any more${why}`, { calls: [call] })
    }
    const replicas = volume.replicas.map((replica) => ({ ...replica, state: 'leaving' as const }))
    return goTo('remove', {
      writes: [writeOf({ ...volume, replicas })],
      progress: progress(0, replicas.length, 'steps'),
    })
  },
  cancel: { tooLate: TOO_LATE },
}

const remove: Step = {
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined) return over(look)
    const { total } = look.job.progress
    // of a volume that was never there nobody waits for its name: what is left of it is deleted under its UUID
    const isOutOfReach = volume.replicas.every(({ server }) => look.live.server(server)?.isConnected !== true)
    if (look.job.kind !== 'delete' && isOutOfReach && volume.replicas.length > 0) {
      return { ...over(look), writes: [writeOf({ ...volume, name: volume.uuid })] }
    }
    return wait(waitsFor(look, volume), {
      progress: progress(Math.max(0, total - volume.replicas.length), total, 'steps'),
    })
  },
  cancel: { tooLate: TOO_LATE },
}

function waitsFor(look: Look, volume: VolumeRecord): string {
  const away = volume.replicas.filter(({ server }) => look.live.server(server)?.isConnected !== true)
  const names = away.map(({ server }) => serverName(look.records, server)).join(', ')
  if (away.length === 0) return 'waits for servers to delete their replicas'
  return `waits for ${names} to come back and delete its replica; if it is gone for good: basalt server remove --force`
}

export const UNMAKE = { undo, retire, remove } as const
