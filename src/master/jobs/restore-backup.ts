/**
 * A backup becomes a volume: a new one, or one that is there. Nobody is let in before the content is whole; after a failure nobody
 * is let in either, for what is there is of two moments.
 *
 *     new: allocate ─▶ lead ─▶ fill ─▶ opened        there: queued ─▶ closed, recorded ─▶ fill ─▶ opened as it was
 */
import type { AccessRecord, VolumeRecord } from '../records.ts'
import type { Json } from '../registry/registry.ts'
import { allocate, createdEvent, leadThen } from './create.ts'
import { type Decision, end, goTo, type Look, type Machine, type Step, textOf, wait } from './machine.ts'
import { DROPPED } from './move-steps.ts'
import { contentJobAhead } from './restore.ts'
import { atPrimary, followTask, resultData, stopTask } from './tasks.ts'
import { UNMAKE } from './unmake.ts'
import { withRules, writeOf } from './volume-edits.ts'

const TRIES_MAX = 20

const volumeOf = (look: Look): VolumeRecord | null => {
  const volume = look.records.volume(look.job.volume ?? '')
  return volume === undefined || volume.state === 'deleting' ? null : volume
}
const gone = (): Decision => end('failed', 'the volume was deleted')
const isNew = (look: Look): boolean => look.job.data.isNew === true

/** Nobody may log in. */
export const closedAccess = (access: AccessRecord): AccessRecord => ({ ...access, initiators: [], hosts: [] })

/** As it was when the job began; of a new volume, as it was asked for. */
export const opened = (look: Look, volume: VolumeRecord): AccessRecord => {
  const { initiators, hosts } = (look.job.data.access ?? {}) as { initiators?: Json; hosts?: Json }
  return { ...volume.access, initiators: namesOf(initiators), hosts: namesOf(hosts) }
}
const namesOf = (value: Json | undefined): readonly string[] | null =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : null

const enqueue: Step = {
  decide(look) {
    const ahead = contentJobAhead(look)
    if (ahead !== null) return wait(ahead)
    const volume = volumeOf(look)
    if (volume === null) return gone()
    const { initiators, hosts } = volume.access
    const access: Json = { initiators: initiators && [...initiators], hosts: hosts && [...hosts] }
    return goTo('fill', {
      data: { ...look.job.data, access },
      writes: [writeOf(withRules(volume, { access: closedAccess(volume.access) }))],
    })
  },
  cancel: { to: 'dropped' },
}

const lead = leadThen(() => goTo('fill'))

const fill: Step = {
  decide(look) {
    const volume = volumeOf(look)
    if (volume === null) return gone()
    const outcome = followTask(look, {
      place: atPrimary(look, volume),
      plan: {
        kind: 'restoreBackup',
        repository: textOf(look.job, 'repository') ?? '',
        backup: textOf(look.job, 'backup') ?? '',
      },
      triesMax: TRIES_MAX,
    })
    if (outcome.kind === 'waiting') return outcome.decision
    if (outcome.kind === 'failed') {
      if (isNew(look)) return goTo('undo', { data: { ...look.job.data, why: outcome.message } })
      return end(
        'failed',
        `${outcome.message}; nobody may log in to ${volume.name} until it is restored or its access is set`,
      )
    }
    const made = { ...withRules(volume, { access: opened(look, volume) }), state: 'active' as const }
    return end('succeeded', null, {
      data: resultData(look.job, outcome.result),
      writes: [writeOf(made)],
      events: [
        ...(isNew(look) ? [createdEvent(look, volume)] : []),
        {
          severity: 'warning',
          kind: 'volume.restored',
          actor: look.job.actor,
          volume: volume.uuid,
          message: `${volume.name} is what it was at backup ${textOf(look.job, 'backup') ?? ''}`,
        },
      ],
    })
  },
  cancel: { to: 'stop' },
}

const stop = stopTask((look) => {
  if (isNew(look)) return goTo('undo')
  const name = volumeOf(look)?.name ?? 'the volume'
  return end('cancelled', `nobody may log in to ${name} until it is restored or its access is set`)
})

export const RESTORE_BACKUP: Machine = {
  kind: 'restore_backup',
  steps: { queued: enqueue, allocate, lead, fill, stop, dropped: DROPPED, ...UNMAKE },
}
