/** What is done to stored backups without a volume: proved, deleted, thinned out. Any server does it. */
import type { JobKind } from '../records.ts'
import { end, type Look, type Machine, type Step, textOf } from './machine.ts'
import type { TaskPlan } from './task-plans.ts'
import { atAnyServer, followTask, resultData, STOPPED } from './tasks.ts'

const TRIES_MAX = 5

const ofBackup =
  (kind: 'verifyBackup' | 'deleteBackup') =>
  ({ job }: Look): TaskPlan => ({
    kind,
    repository: textOf(job, 'repository') ?? '',
    backup: textOf(job, 'backup') ?? '',
  })

const prune = ({ job }: Look): TaskPlan => ({
  kind: 'pruneBackups',
  repository: textOf(job, 'repository') ?? '',
  volume: textOf(job, 'of'),
  keep: keepOf(job.data.keep),
  dryRun: job.data.dryRun === true,
})

const keepOf = (value: unknown): Extract<TaskPlan, { kind: 'pruneBackups' }>['keep'] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

const task = (kind: JobKind, planOf: (look: Look) => TaskPlan, failedKind: string | null): Machine => {
  const run: Step = {
    decide(look) {
      const plan = planOf(look)
      const outcome = followTask(look, { place: atAnyServer(look), plan, triesMax: TRIES_MAX })
      if (outcome.kind === 'waiting') return outcome.decision
      if (outcome.kind === 'succeeded') {
        return end('succeeded', null, { data: resultData(look.job, outcome.result) })
      }
      if (failedKind === null) return end('failed', outcome.message)
      const backup = textOf(look.job, 'backup') ?? ''
      return end('failed', outcome.message, {
        events: [
          {
            severity: 'error',
            kind: failedKind,
            actor: look.job.actor,
            message: `backup ${backup} in ${textOf(look.job, 'repository') ?? ''} did not verify: ${outcome.message}`,
            reason: outcome.code,
          },
        ],
      })
    },
    cancel: { to: 'stop' },
  }
  return { kind, steps: { run, stop: STOPPED } }
}

export const VERIFY_BACKUP = task('verify_backup', ofBackup('verifyBackup'), 'backup.verify_failed')
export const DELETE_BACKUP = task('delete_backup', ofBackup('deleteBackup'), null)
export const PRUNE_BACKUPS = task('prune_backups', prune, null)
