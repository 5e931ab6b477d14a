/**
 * A volume grows: the primary is asked, and asked again at the new primary after a failover; when the new size is
 * committed it is recorded. A request whose answer was lost may have been carried out, so that nothing is taken back.
 */
import type { ReplicaBeat } from '../links.ts'
import type { LeadRecord } from '../records.ts'
import {
  type Call,
  type Decision,
  end,
  goTo,
  isRefused,
  type Look,
  type Machine,
  numberOf,
  progress,
  type Step,
  wait,
} from './machine.ts'
import { DROPPED } from './move-steps.ts'
import { queued } from './turns.ts'
import { serverName, writeOf } from './volume-edits.ts'

const enqueue: Step = {
  decide: (look) => queued(look) ?? goTo('grow'),
  cancel: { to: 'dropped' },
}

const grow: Step = {
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    const sizeBytes = numberOf(look.job, 'sizeBytes')
    const { lead } = volume
    if (volume.sizeBytes >= sizeBytes) return grown(look, [])
    if (lead.state !== 'serving') return wait(look.whyNotServed(volume.uuid) ?? 'waits for a primary')
    const request = { volume: volume.uuid, epoch: lead.epoch.number, sizeBytes }
    const call: Call = { kind: 'expand', server: lead.primary, request }
    const state = look.call(call)
    const beat = look.live.replica(volume.uuid, lead.primary)
    const hasSize = (beat?.sizeBytes ?? 0) >= sizeBytes
    // an answer that was lost: the volume has grown, whatever it says now
    if (state?.kind === 'done' || (state?.kind === 'failed' && hasSize && isAllCommitted(beat, lead)))
      return grown(look, [writeOf({ ...volume, sizeBytes })])
    const name = serverName(look.records, lead.primary)
    // a conflict is no answer: it does not lead any more, or not yet
    if (state?.kind === 'failed' && !hasSize && isRefused(state) && state.code !== 'CONFLICT')
      return end('failed', `${name}: ${state.message}`)
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${name} to commit the new size${why}`, { calls: [call] })
  },
  cancel: { tooLate: 'the primary was asked to grow it, and may have done so; a volume does not shrink' },
}

/** A primary has the size from when it appended that: until it is committed, a failover may take it back. */
const isAllCommitted = (beat: ReplicaBeat | undefined, { epoch }: LeadRecord): boolean =>
  beat?.open != null &&
  beat.open.leads?.id.toString() === epoch.id &&
  beat.open.committed >= beat.open.appended

const grown = (look: Look, writes: NonNullable<Decision['writes']>): Decision =>
  end('succeeded', null, { writes, progress: progress(1, 1, look.job.progress.unit) })

export const EXPAND: Machine = { kind: 'expand', steps: { queued: enqueue, grow, dropped: DROPPED } }
