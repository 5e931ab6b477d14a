/**
 * A scrub of a volume: a task of its primary, begun again at the next one after a failover. One that could not look at all of
 * every replica has failed, whatever it found.
 */
import { end, type Look, type Machine, type Step } from './machine.ts'
import { atPrimary, followTask, resultData, STOPPED } from './tasks.ts'

const TRIES_MAX = 5

const run: Step = {
  decide(look: Look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    const outcome = followTask(look, {
      place: atPrimary(look, volume),
      plan: { kind: 'scrub', repair: look.job.data.repair === true },
      triesMax: TRIES_MAX,
    })
    if (outcome.kind === 'waiting') return outcome.decision
    if (outcome.kind === 'failed') return end('failed', outcome.message)
    const data = resultData(look.job, outcome.result)
    const { errors, repaired, missed } = factsOf(data.result)
    const bad = errors === 0 ? null : `${errors} blocks of ${volume.name} were bad; ${repaired} were repaired`
    const unseen = missed.length === 0 ? null : `not everything could be looked at: ${missed.join('; ')}`
    const message = [bad, unseen].filter((text) => text !== null).join('; ')
    const ended = unseen === null ? 'succeeded' : 'failed'
    if (bad === null) return end(ended, message || null, { data })
    return end(ended, message, {
      data,
      events: [
        {
          severity: repaired < errors ? 'error' : 'warning',
          kind: 'volume.scrub_errors',
          actor: look.job.actor,
          volume: volume.uuid,
          message: bad,
        },
      ],
    })
  },
  cancel: { to: 'stop' },
}

interface ScrubFacts {
  readonly errors: number
  readonly repaired: number
  readonly missed: readonly string[]
}

/** Of a result as it was recorded; by a release that did not tell all of it, too. */
function factsOf(result: unknown): ScrubFacts {
  const { errors, repaired, missed } = (result ?? {}) as { readonly [Name in keyof ScrubFacts]?: unknown }
  return {
    errors: typeof errors === 'number' ? errors : 0,
    repaired: typeof repaired === 'number' ? repaired : 0,
    missed: Array.isArray(missed) ? missed.filter((text) => typeof text === 'string') : [],
  }
}

export const SCRUB: Machine = { kind: 'scrub', steps: { run, stop: STOPPED } }
