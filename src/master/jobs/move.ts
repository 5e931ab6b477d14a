/** Jobs that change where a volume is: a replica moved, a lost one replaced, the lead handed over. */
import { type Call, end, goTo, type Machine, type Step, textOf, wait } from './machine.ts'
import { DROPPED, MOVE_STEPS } from './move-steps.ts'
import { queued } from './turns.ts'
import { serverName } from './volume-edits.ts'

const FAILURES_MAX = 5

/** The lead goes to `to`: hosts pause for less than a second, and nothing is copied. */
const handOver: Step = {
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    const to = textOf(look.job, 'to') ?? ''
    const { lead } = volume
    if (lead.primary === to && lead.state === 'serving') return end('succeeded', null)
    const call: Call = { kind: 'move', volume: volume.uuid, to }
    const state = look.call(call)
    const name = serverName(look.records, to)
    if (state?.kind === 'failed' && state.failures >= FAILURES_MAX) {
      return end(look.job.state === 'cancelling' ? 'cancelled' : 'failed', `${name}: ${state.message}`)
    }
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${name} to lead it${why}`, { calls: [call] })
  },
  cancel: { tooLate: 'the primary was asked to hand over, which takes less than a minute' },
}

/** `data`: `to`; of a replica also `from`, of a lead `lead: true`. */
export const MOVE: Machine = {
  kind: 'move',
  steps: {
    ...MOVE_STEPS,
    queuedLead: { decide: (look) => queued(look) ?? goTo('handOver'), cancel: { to: 'dropped' } },
    handOver,
    dropped: DROPPED,
  },
}

/** `data`: `to`, and `from`, the lost one; without it there are too few. Made by the master itself (healing.ts). */
export const REPLACE: Machine = { kind: 'replace', steps: MOVE_STEPS }
