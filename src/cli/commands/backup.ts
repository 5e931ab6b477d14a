/** `basalt backup …`: copies of volumes outside the cluster, in a repository. */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import { Backup, backupPath, fetchBackups, Restoring } from '../../client/wire/backup.ts'
import { Job } from '../../client/wire/job.ts'
import { fetchRepositories, repositoryPath } from '../../client/wire/repository.ts'
import { fetchVolume, volumePath } from '../../client/wire/volume.ts'
import {
  type ArgumentDescription,
  type Call,
  type CommandDescription,
  type FlagDescription,
  LIMIT,
  NO_WAIT,
  type Noun,
  VOLUME,
  WIDE,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import { BACKUP_COLUMNS, backupFacts } from '../views/backup.ts'
import { formatTime } from '../views/times.ts'
import { finishJob } from './finish-job.ts'
import { KEEP_FLAGS, readKeep } from './keep-rules.ts'
import { DERIVED_FLAGS, readDerived } from './volume-wish.ts'

export const BACKUP_NOUN: Noun = {
  words: ['backup'],
  summary: 'copy volumes to a repository outside the cluster, and get them back',
  more: `Examples:
  basalt backup create db1 --repository offsite
  basalt backup list --volume db1
  basalt backup verify 01JD8
  basalt backup restore 01JD8 db1-restored
  basalt backup prune --keep-daily 7 --keep-weekly 4 --dry-run
--repository may be left out while there is one.`,
}

const REPOSITORY_VARIABLE = 'BASALT_REPOSITORY'
const REPOSITORY_FLAG: FlagDescription = {
  name: 'repository',
  placeholder: 'REPOSITORY',
  help: 'where it is stored; may be left out while there is one repository',
  variable: REPOSITORY_VARIABLE,
}
const BACKUP: ArgumentDescription = { name: 'BACKUP', help: 'id of the backup, as list shows it' }

export const BACKUP_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['backup', 'create'],
    summary: 'back a volume up as it is now; after the first time only what changed',
    args: [VOLUME],
    flags: [
      REPOSITORY_FLAG,
      {
        name: 'full',
        placeholder: undefined,
        help: 'all of it, even when an earlier backup could be built on',
      },
      NO_WAIT,
    ],
    service: 'master',
    run: create,
  },
  {
    words: ['backup', 'list'],
    summary: 'list the backups of a repository',
    flags: [
      REPOSITORY_FLAG,
      { name: 'volume', placeholder: 'VOLUME', help: 'only those of this volume' },
      LIMIT,
      WIDE,
    ],
    service: 'master',
    run: async (call) => {
      const limit = call.count('limit')
      const api = await call.connect()
      const repository = await repositoryOf(call, api)
      const backups = await fetchBackups(api, repository, { volume: call.text('volume'), limit })
      call.printTable(BACKUP_COLUMNS, backups, 'no backups')
    },
  },
  {
    words: ['backup', 'get'],
    summary: 'show one backup',
    args: [BACKUP],
    flags: [REPOSITORY_FLAG],
    service: 'master',
    run: async (call) => {
      const { api, path } = await find(call)
      const backup = await api.get(path, Backup)
      call.printFacts(backup, () => backupFacts(backup))
    },
  },
  {
    words: ['backup', 'verify'],
    summary: 'read a backup back and prove that it is whole; exit code 1 when it is not',
    args: [BACKUP],
    flags: [REPOSITORY_FLAG, NO_WAIT],
    service: 'master',
    run: async (call) => {
      const { api, path } = await find(call)
      await finishJob(call, api, await api.post(`${path}/verify`, Job))
    },
  },
  {
    words: ['backup', 'restore'],
    summary: 'make a volume of a backup, or make a volume what it was then',
    args: [BACKUP, { name: 'VOLUME', help: 'a new name; or a volume that is to be replaced by the backup' }],
    flags: [
      REPOSITORY_FLAG,
      { name: 'force', placeholder: undefined, help: 'even into a volume that hosts are logged in to' },
      ...DERIVED_FLAGS,
      YES,
      NO_WAIT,
    ],
    service: 'master',
    run: restore,
  },
  {
    words: ['backup', 'delete'],
    summary: 'delete a backup; those that were built on it stay whole',
    args: [BACKUP],
    flags: [REPOSITORY_FLAG, YES, NO_WAIT],
    service: 'master',
    run: remove,
  },
  {
    words: ['backup', 'prune'],
    summary: 'delete the backups that no rule keeps, and give their space back',
    flags: [
      REPOSITORY_FLAG,
      {
        name: 'volume',
        placeholder: 'VOLUME',
        help: 'only those of this volume; of each volume unless given',
      },
      ...KEEP_FLAGS,
      { name: 'dry-run', placeholder: undefined, help: 'only show what would go' },
      YES,
      NO_WAIT,
    ],
    service: 'master',
    run: prune,
  },
]

async function create(call: Call): Promise<void> {
  const api = await call.connect()
  const repository = await repositoryOf(call, api)
  const body = { repository, full: call.isSet('full') }
  await finishJob(call, api, await api.post(volumePath(call.arg('VOLUME'), 'backups'), Job, body))
}

async function restore(call: Call): Promise<void> {
  const volume = parseVolumeName(call.arg('VOLUME'), 'VOLUME')
  const wish = readDerived(call)
  const { api, path } = await find(call)
  if (await isThere(api, volume)) {
    await confirm(call, {
      consequence: `This replaces everything in the volume '${volume}' by the backup ${call.arg('BACKUP')}.`,
      name: volume,
    })
  }
  const body = { volume, force: call.isSet('force'), ...wish }
  const { job } = await api.post(`${path}/restore`, Restoring, body)
  await finishJob(call, api, job)
}

async function remove(call: Call): Promise<void> {
  const { api, path } = await find(call)
  const { id, volume_name, created_at } = await api.get(path, Backup)
  await confirm(call, {
    consequence: `This deletes the backup ${id} of '${volume_name}' of ${formatTime(created_at)}.`,
    name: id,
  })
  await finishJob(call, api, await api.call('DELETE', path, Job))
}

async function prune(call: Call): Promise<void> {
  const keep = readKeep(call)
  if (keep === undefined) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      'no rule says what to keep; give one, for example --keep-daily 7, and --dry-run to see what would go',
    )
  }
  const dryRun = call.isSet('dry-run')
  const volume = call.text('volume')
  const api = await call.connect()
  const repository = await repositoryOf(call, api)
  if (!dryRun) {
    const of = volume === undefined ? `in '${repository}'` : `of '${volume}' in '${repository}'`
    await confirm(call, {
      consequence: `This deletes every backup ${of} that no rule keeps; --dry-run shows which.`,
      name: repository,
    })
  }
  const body = { ...(volume !== undefined && { volume }), keep, dry_run: dryRun }
  await finishJob(call, api, await api.post(repositoryPath(repository, 'prune'), Job, body))
}

/** The backup that was named, in the repository that was named or is the only one. */
async function find(call: Call): Promise<{ readonly api: ApiClient; readonly path: string }> {
  const api = await call.connect()
  return { api, path: backupPath(await repositoryOf(call, api), call.arg('BACKUP')) }
}

/** INVALID_ARGUMENT when none is named and there is not exactly one. */
async function repositoryOf(call: Call, api: ApiClient): Promise<string> {
  const given = call.text('repository') ?? call.variable(REPOSITORY_VARIABLE)
  if (given !== undefined) return given
  const [only, ...others] = await fetchRepositories(api)
  if (only !== undefined && others.length === 0) return only.name
  const names = [only, ...others].flatMap((one) => (one === undefined ? [] : [one.name])).join(', ')
  throw new BlockError(
    'INVALID_ARGUMENT',
    names === ''
      ? "there is no repository yet; 'basalt repository add' makes one"
      : `--repository is missing; there are ${names}`,
  )
}

async function isThere(api: ApiClient, volume: string): Promise<boolean> {
  try {
    await fetchVolume(api, volume)
    return true
  } catch (error) {
    if (isBlockError(error) && error.code === 'NOT_FOUND') return false
    throw error
  }
}
