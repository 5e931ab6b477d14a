/** A scrub of a volume: a task of its primary, begun again at the next one after a failover. */
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
    const [errors, repaired] = countsOf(data.result)
    if (errors === 0) return end('succeeded', null, { data })
    const message = `${errors} blocks of ${volume.name} were bad; ${repaired} were repaired`
    return end('succeeded', message, {
      data,
      events: [
        {
          severity: repaired < errors ? 'error' : 'warning',
          kind: 'volume.scrub_errors',
          actor: look.job.actor,
          volume: volume.uuid,
          message,
        },
      ],
    })
  },
  cancel: { to: 'stop' },
}

function countsOf(result: unknown): readonly [number, number] {
  if (typeof result !== 'object' || result === null) return [0, 0]
  const { errors, repaired } = result as { readonly errors?: unknown; readonly repaired?: unknown }
  return [typeof errors === 'number' ? errors : 0, typeof repaired === 'number' ? repaired : 0]
}

export const SCRUB: Machine = { kind: 'scrub', steps: { run, stop: STOPPED } }
