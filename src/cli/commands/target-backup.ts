/**
 * `basalt target backup|export|import …`: copies of the volume of one target, elsewhere. A target keeps no repository: each command
 * says where it is. What is begun is ended by Ctrl-C, for nobody else looks after it.
 */
import { BlockError } from '../../base/errors.ts'
import { expectShape } from '../../client/http/api-client.ts'
import {
  type TargetBackup,
  TargetBackups,
  TargetTask,
  type TargetTaskWish,
  targetRepository,
} from '../../client/wire/target-task.ts'
import {
  type ArgumentDescription,
  type Call,
  type CommandDescription,
  type FlagDescription,
  type Noun,
  WIDE,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import { renderFacts } from '../table.ts'
import { BACKUP_COLUMNS, backupFacts } from '../views/backup.ts'
import { resultFacts } from '../views/result.ts'
import { backupOf } from '../views/target-snapshot.ts'
import { waitForTask } from '../wait-for-task.ts'
import { KEEP_FLAGS, readKeep } from './keep-rules.ts'
import { REPOSITORY_FLAGS, readRepository } from './repository-wish.ts'
import { findVolume } from './target-volume.ts'

export const TARGET_BACKUP_NOUN: Noun = {
  words: ['target', 'backup'],
  summary: 'copy its volume elsewhere, and get it back',
  more: `Examples:
  basalt target backup create --directory /srv/backups --encryption-key-file ./backup.key
  basalt target backup list --bucket backups --endpoint https://minio.example:9000
The secret key of S3 comes from --secret-key-file or AWS_SECRET_ACCESS_KEY.`,
}

const BACKUP: ArgumentDescription = { name: 'BACKUP', help: 'id of the backup, as list shows it' }
const IMAGE: ArgumentDescription = { name: 'IMAGE', help: 'name of the image in the repository' }
const FORCE: FlagDescription = {
  name: 'force',
  placeholder: undefined,
  help: 'even while hosts are logged in',
}

const backup = (
  verb: string,
  summary: string,
  more: Pick<CommandDescription, 'args' | 'flags' | 'run'>,
): CommandDescription => ({
  ...{ words: ['target', 'backup', verb], summary, service: 'target' },
  ...more,
  flags: [...REPOSITORY_FLAGS, ...(more.flags ?? [])],
})

export const TARGET_BACKUP: readonly CommandDescription[] = [
  backup('create', 'back the volume up as it is now; after the first time only what changed', {
    flags: [{ name: 'full', placeholder: undefined, help: 'all of it, even when an increment would do' }],
    run: (call) => finish(call, { kind: 'backup', full: call.isSet('full') }),
  }),
  backup('list', 'list the backups of a repository, newest first', {
    flags: [WIDE],
    run: async (call) => {
      const backups = await fetch(call, null)
      if (call.isJson) call.print(backups, () => '')
      else call.printTable(BACKUP_COLUMNS, backups.map(backupOf), 'no backups')
    },
  }),
  backup('get', 'show one backup', {
    args: [BACKUP],
    run: async (call) => {
      const [one] = await fetch(call, call.arg('BACKUP'))
      if (one === undefined) throw new BlockError('NOT_FOUND', `there is no backup ${call.arg('BACKUP')}`)
      call.printFacts(one, () => backupFacts(backupOf(one)))
    },
  }),
  backup('verify', 'read a backup back and prove that it is whole; exit code 1 when it is not', {
    args: [BACKUP],
    run: (call) => finish(call, { kind: 'verifyBackup', backup: call.arg('BACKUP') }),
  }),
  backup('restore', 'make the volume what it was then; hosts are not served meanwhile', {
    args: [BACKUP],
    flags: [FORCE, YES],
    run: async (call) => {
      const id = call.arg('BACKUP')
      await confirmReplacing(call, `the backup ${id}`)
      await finish(call, { kind: 'restoreBackup', backup: id, force: call.isSet('force') })
    },
  }),
  backup('delete', 'delete a backup; those that were built on it stay whole', {
    args: [BACKUP],
    flags: [YES],
    run: async (call) => {
      const id = call.arg('BACKUP')
      await confirm(call, { consequence: `This deletes the backup ${id}.`, name: id })
      await finish(call, { kind: 'deleteBackup', backup: id })
    },
  }),
  backup('prune', 'delete the backups that no rule keeps, and give their space back', {
    flags: [...KEEP_FLAGS, { name: 'dry-run', placeholder: undefined, help: 'only show what would go' }, YES],
    run: prune,
  }),
  backup('check', 'try whether the target gets at the repository', {
    run: async (call) => {
      await begin(call, { kind: 'checkRepository' })
      call.print({ reachable: true }, () => 'the target gets at it\n')
    },
  }),
  {
    words: ['target', 'export'],
    summary: 'write the volume as it is now as one raw image, with a manifest beside it',
    args: [IMAGE],
    flags: REPOSITORY_FLAGS,
    service: 'target',
    run: (call) => finish(call, { kind: 'exportImage', artifact: call.arg('IMAGE') }),
  },
  {
    words: ['target', 'import'],
    summary: 'make the volume what an exported image is; hosts are not served meanwhile',
    args: [IMAGE],
    flags: [...REPOSITORY_FLAGS, FORCE, YES],
    service: 'target',
    run: async (call) => {
      const artifact = call.arg('IMAGE')
      await confirmReplacing(call, `the image ${artifact}`)
      await finish(call, { kind: 'importImage', artifact, force: call.isSet('force') })
    },
  },
]

async function prune(call: Call): Promise<void> {
  const keep = readKeep(call)
  if (keep === undefined) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      'no rule says what to keep; give one, for example --keep-daily 7',
    )
  }
  const dryRun = call.isSet('dry-run')
  if (!dryRun) {
    const consequence = 'This deletes every backup that no rule keeps; --dry-run shows which.'
    await confirm(call, { consequence, name: 'prune' })
  }
  await finish(call, { kind: 'pruneBackups', keep, dryRun })
}

async function confirmReplacing(call: Call, by: string): Promise<void> {
  if (call.isSet('yes')) return
  const { name } = await findVolume(call)
  await confirm(call, { consequence: `This replaces everything in the volume '${name}' by ${by}.`, name })
}

/** Begins a task in the repository that the flags name; the task when it has ended well. */
async function begin(call: Call, wish: TargetTaskWish): Promise<TargetTask> {
  const repository = targetRepository(await readRepository(call))
  const { api, path } = await findVolume(call)
  const task = await api.post(path('tasks'), TargetTask, { ...wish, repository })
  return waitForTask(call, api, { kind: wish.kind, task })
}

async function finish(call: Call, wish: TargetTaskWish): Promise<void> {
  const task = await begin(call, wish)
  call.print(task, () => renderFacts([['state', task.state], ...resultFacts(task.result)]))
}

async function fetch(call: Call, id: string | null): Promise<TargetBackup[]> {
  const { result } = await begin(call, { kind: 'listBackups', backup: id })
  return expectShape(TargetBackups, result, 'the target').backups
}
