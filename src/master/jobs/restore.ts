/**
 * A volume becomes one of its snapshots. One entry of its log does that, so there is one call; but a call whose answer was lost is
 * made again in the same epoch only, where its server knows that it was carried out. After a failover nobody knows, hosts may
 * have written since, and somebody has to look.
 */
import {
  type Call,
  end,
  goTo,
  type Look,
  type Machine,
  numberOf,
  type Step,
  textOf,
  wait,
} from './machine.ts'
import { DROPPED } from './move-steps.ts'
import { isOver } from './turns.ts'
import { serverName } from './volume-edits.ts'

const enqueue: Step = {
  decide(look) {
    const ahead = contentJobAhead(look)
    if (ahead !== null) return wait(ahead)
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    if (volume.lead.state !== 'serving') {
      return wait(look.whyNotServed(volume.uuid) ?? 'waits for a primary')
    }
    // recorded before the call: in another epoch it is not made again
    return goTo('restore', {
      data: { ...look.job.data, epoch: volume.lead.epoch.number, at: volume.lead.primary },
    })
  },
  cancel: { to: 'dropped' },
}

/** What replaces the content of one volume goes one after the other; the sentence that says what is waited for. */
export function contentJobAhead(look: Look): string | null {
  for (const other of look.records.jobs()) {
    if (other.id === look.job.id) return null
    if (isOver(other) || other.volume !== look.job.volume) continue
    if (other.kind === 'restore' || other.kind === 'restore_backup' || other.kind === 'clone') {
      return `waits for job ${other.id} (${other.kind}) of the same volume`
    }
  }
  return null
}

const restore: Step = {
  decide(look) {
    const { job } = look
    const volume = look.records.volume(job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    const id = textOf(job, 'snapshot') ?? ''
    const name = textOf(job, 'name') ?? id
    const epoch = numberOf(job, 'epoch')
    const { lead } = volume
    const server = textOf(job, 'at') ?? lead.primary
    const force = job.data.force === true
    const request = { volume: volume.uuid, epoch, id, request: job.id, force }
    const call: Call = { kind: 'restoreSnapshot', server, request }
    const state = look.call(call)
    if (state?.kind === 'done') {
      return end('succeeded', null, {
        events: [
          {
            severity: 'warning',
            kind: 'volume.restored',
            actor: job.actor,
            volume: volume.uuid,
            message: `${volume.name} is what it was at snapshot ${name}`,
            epoch,
          },
        ],
      })
    }
    const at = serverName(look.records, server)
    if (state?.kind === 'failed' && REFUSED.includes(state.code))
      return end('failed', `${at}: ${state.message}`)
    if (lead.epoch.number !== epoch) {
      return end(
        'failed',
        `the primary of ${volume.name} changed before it answered: whether the volume was restored is not known; look at its content before anything else`,
        {
          events: [
            {
              severity: 'error',
              kind: 'volume.restore_unknown',
              actor: job.actor,
              volume: volume.uuid,
              message: `whether ${volume.name} was restored to ${name} is not known`,
            },
          ],
        },
      )
    }
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${at} to restore it${why}`, { calls: [call] })
  },
  cancel: { tooLate: 'the primary was asked to restore it, and may have done so' },
}

/** Nothing was done. A conflict is no answer: it does not lead any more, or not yet. */
const REFUSED: readonly string[] = [
  'IN_USE',
  'NOT_FOUND',
  'INVALID_ARGUMENT',
  'UNKNOWN_FORMAT',
  'NO_SPACE',
  'READ_ONLY',
]

export const RESTORE: Machine = { kind: 'restore', steps: { queued: enqueue, restore, dropped: DROPPED } }
