/** Actions about repositories and backups. */
import { backupPath, Restoring } from '../../../src/client/wire/backup.ts'
import { Job } from '../../../src/client/wire/job.ts'
import { Repository, RepositoryCheck, repositoryPath } from '../../../src/client/wire/repository.ts'
import { volumePath } from '../../../src/client/wire/volume.ts'
import { anything, optional, text, truth, withDefault } from '../../model/parameters.ts'
import { isValueMap } from '../../model/value.ts'
import { type Action, defineAction } from '../action.ts'
import { asValue, badArgument, notAsStated } from '../shared/failures.ts'
import { finishedJob } from '../shared/jobs.ts'
import { until } from '../shared/until.ts'
import { isUsable, volumeResult } from '../shared/volume-states.ts'
import { postForJob, volumeName, volumeOf } from '../shared/volumes.ts'
import { POLICY_PARAMETERS, policyOf } from '../volumes/volume-create.ts'
import { OBJECT_STORE_START, repositoryWish } from './object-store.ts'

const REPOSITORY = withDefault(text('name of the repository'), 'backups')
const BACKUP = text('id of the backup')

const REPOSITORY_ADD = defineAction({
  name: 'repository_add',
  group: 'backup',
  summary: 'Make a store known to the cluster, and have a server try it',
  parameters: {
    repository: REPOSITORY,
    store: anything('what object_store_start saved'),
    encryption_key: optional(text('64 hex digits; left out: backups are not encrypted')),
  },
  result: 'the repository as the API shows it',
  run: async ({ world, signal }, { repository, store, encryption_key: key }) => {
    if (!isValueMap(store)) throw badArgument('store: give what object_store_start saved', store)
    const wish = { name: repository, ...repositoryWish(store), encryption_key: key ?? null }
    const { api } = world.cluster
    const added = await api.call('POST', '/block/repositories', Repository, wish, signal)
    await api.call('POST', repositoryPath(repository, 'check'), RepositoryCheck, {}, signal)
    return asValue(added)
  },
})

const BACKUP_CREATE = defineAction({
  name: 'backup_create',
  group: 'backup',
  summary: 'Make a backup of a volume; what it must show is remembered for backup_restore and oracle_verify',
  parameters: {
    volume: volumeName(),
    repository: REPOSITORY,
    full: withDefault(truth('not only what changed since the last one'), false),
    mark: optional(text('label under which the oracle remembers what is true now')),
  },
  result: 'the backup: {id, kind, stored_bytes, …}',
  timeoutMs: 180_000,
  run: async (context, { volume, repository, full, mark }) => {
    const remembered = mark === undefined ? undefined : context.world.oracle.ledger(volume).remember(mark)
    const job = await postForJob(context, volumePath(volume, 'backups'), { repository, full })
    const { result } = await finishedJob(context, job.id)
    remembered?.end()
    const shown = asValue(result)
    return isValueMap(shown) && isValueMap(shown.backup) ? shown.backup : shown
  },
})

const BACKUP_RESTORE = defineAction({
  name: 'backup_restore',
  group: 'backup',
  summary: 'Make a volume of a backup, or make a volume what it was then',
  parameters: {
    repository: REPOSITORY,
    backup: BACKUP,
    volume: volumeName('name of a new volume, or of one that is to be replaced by the backup'),
    force: withDefault(truth('even into a volume that hosts are logged in to'), false),
    ...POLICY_PARAMETERS,
  },
  result: 'the volume as the API shows it',
  timeoutMs: 180_000,
  run: async (context, { repository, backup, volume, force, ...policy }) => {
    const { world, signal } = context
    const body = { volume, force, ...policyOf(policy) }
    const path = backupPath(repository, backup, 'restore')
    const { job } = await world.cluster.api.call('POST', path, Restoring, body, signal)
    await finishedJob(context, job.id)
    const made = await until(context, `${volume} to be served`, async () =>
      isUsable(await volumeOf(context, volume)),
    )
    return volumeResult(world, made)
  },
})

const BACKUP_VERIFY = defineAction({
  name: 'backup_verify',
  group: 'backup',
  summary: 'Read a backup back and prove that it is whole, or state that it is not',
  parameters: {
    repository: REPOSITORY,
    backup: BACKUP,
    whole: withDefault(truth('false: it must be found damaged'), true),
  },
  result: 'the job as the API shows it',
  timeoutMs: 180_000,
  run: async (context, { repository, backup, whole }) => {
    const job = await postForJob(context, backupPath(repository, backup, 'verify'))
    const found = await finishedJob(context, job.id).then(
      (ended) => ({ isWhole: true, ended: asValue(ended) }),
      (error: Error) => {
        if (context.signal.aborted || whole) throw error
        return { isWhole: false, ended: error.message }
      },
    )
    if (found.isWhole !== whole) throw notAsStated('the damaged backup was found whole', whole, found.ended)
    return found.ended
  },
})

const BACKUP_DELETE = defineAction({
  name: 'backup_delete',
  group: 'backup',
  summary: 'Delete a backup; those that were built on it stay whole',
  parameters: { repository: REPOSITORY, backup: BACKUP },
  timeoutMs: 180_000,
  run: async (context, { repository, backup }) => {
    const { world, signal } = context
    const path = backupPath(repository, backup)
    const job = await world.cluster.api.call('DELETE', path, Job, undefined, signal)
    await finishedJob(context, job.id)
    return undefined
  },
})

export const BACKUP_ACTIONS: readonly Action[] = [
  ...[OBJECT_STORE_START, REPOSITORY_ADD],
  ...[BACKUP_CREATE, BACKUP_RESTORE, BACKUP_VERIFY, BACKUP_DELETE],
]
