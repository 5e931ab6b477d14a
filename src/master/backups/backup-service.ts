/**
 * Repositories and backups as people ask for them (`BackupApi`). The master knows where backups go; what is in a repository is asked of
 * it by a block server each time, for that is where the road to it is.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'
import { parseUuid } from '../../base/uuid.ts'
import { type BackupInfo, type KeepRules, type TaskResults, taskResultOf } from '../../rpc/tasks.ts'
import { refusal } from '../core/lookup.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { JobPorts } from '../jobs/ports.ts'
import { specOf, type TaskPlan } from '../jobs/task-plans.ts'
import type { Caller, Page, VolumeView } from '../master-api.ts'
import type { JobRecord, RepositoryRecord } from '../records.ts'
import type { BackupApi, DerivedVolume, NewRepository } from '../snapshot-api.ts'
import { type Derived, deriveVolume } from '../snapshots/derive.ts'
import type { ServicePorts } from '../snapshots/snapshot-service.ts'
import * as requests from './requests.ts'

type BackupPorts = ServicePorts & Pick<JobPorts, 'unseal'>

/** Somebody waits for the answer. */
const WAIT_MS = 30_000
const ASK_EVERY_MS = 200

export class BackupService implements BackupApi {
  readonly #ports: BackupPorts

  constructor(ports: BackupPorts) {
    this.#ports = ports
  }

  repositories(): readonly RepositoryRecord[] {
    return this.#ports.store.view.repositories()
  }

  repository(name: string): RepositoryRecord {
    return requests.findRepository(this.#ports.store.view, name)
  }

  createRepository(caller: Caller, repository: NewRepository): Promise<RepositoryRecord> {
    return this.#ports.ask(caller, (records, context) =>
      requests.putRepository(records, repository, true, context),
    )
  }

  setRepository(caller: Caller, repository: NewRepository): Promise<RepositoryRecord> {
    return this.#ports.ask(caller, (records, context) =>
      requests.putRepository(records, repository, false, context),
    )
  }

  async deleteRepository(caller: Caller, name: string): Promise<void> {
    await this.#ports.ask(caller, (records, context) => requests.deleteRepository(records, name, context))
  }

  async checkRepository(_caller: Caller, name: string): Promise<{ readonly server: string }> {
    requests.findRepository(this.#ports.store.view, name)
    const { server } = await this.#do('checkRepository', { kind: 'checkRepository', repository: name })
    return { server }
  }

  async backupVolume(
    caller: Caller,
    volume: string,
    request: { readonly repository: string; readonly full: boolean },
  ): Promise<JobRecord> {
    const id = await this.#ports.ask(caller, (records, context) =>
      requests.backupVolume(records, volume, request, context),
    )
    return this.#ports.job(id)
  }

  async backups(
    repository: string,
    page: { readonly volume?: string; readonly after?: string; readonly limit: number },
  ): Promise<Page<BackupInfo>> {
    const { view } = this.#ports.store
    requests.findRepository(view, repository)
    const { volume, after = null, limit } = page
    const uuid = volume === undefined ? null : uuidOf(view, volume)
    const { result } = await this.#do('listBackups', {
      ...{ kind: 'listBackups', repository, volume: uuid, backup: null, after, limit },
    })
    return { items: result.backups, next: result.next }
  }

  async backup(repository: string, id: string): Promise<BackupInfo> {
    requests.findRepository(this.#ports.store.view, repository)
    const { result } = await this.#do('listBackups', {
      ...{ kind: 'listBackups', repository, volume: null, backup: id, after: null, limit: 1 },
    })
    const [found] = result.backups
    if (found !== undefined) return found
    throw refusal('NOT_FOUND', 'no_such_backup', `there is no backup '${printable(id)}' in ${repository}`)
  }

  async restoreBackup(
    caller: Caller,
    repository: string,
    id: string,
    { force, wish }: { readonly force: boolean; readonly wish: DerivedVolume },
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord }> {
    const backup = await this.backup(repository, id)
    if (backup.state !== 'complete') {
      throw refusal('CONFLICT', 'unreadable', `backup ${id} in ${repository} cannot be read; verify says why`)
    }
    const { sizeBytes, logicalBlockBytes } = backup
    const uuid = this.#ports.newId()
    const made = await this.#ports.ask(caller, (records, context) => {
      const there = records.volumeNamed(wish.name)
      const isRunning = records
        .jobs()
        .some(
          (job) =>
            job.volume === there?.uuid &&
            job.kind === 'restore_backup' &&
            job.data.isNew === true &&
            job.state === 'running',
        )
      if (there !== undefined && !isRunning) {
        const place = { repository, backup: id, sizeBytes, logicalBlockBytes, force }
        const change = requests.restoreInPlace(records, there, place, context)
        return { ...change, result: { volume: there.uuid, job: change.result } }
      }
      const derived: Derived = {
        kind: 'restore_backup',
        sizeBytes,
        logicalBlockBytes,
        origin: null,
        data: { repository, backup: id, isNew: true },
        what: `backup ${id} of ${backup.volumeName}`,
      }
      const change = deriveVolume(records, wish, derived, uuid, context)
      const { volume, job } = change.result
      if (job === null) throw refusal('CONFLICT', 'exists', `volume ${wish.name} is there already`)
      return { ...change, result: { volume, job } }
    })
    return { volume: this.#ports.volume(made.volume), job: this.#ports.job(made.job) }
  }

  verifyBackup(caller: Caller, repository: string, id: string): Promise<JobRecord> {
    return this.#stored(caller, 'verify_backup', repository, id)
  }

  deleteBackup(caller: Caller, repository: string, id: string): Promise<JobRecord> {
    return this.#stored(caller, 'delete_backup', repository, id)
  }

  async pruneBackups(
    caller: Caller,
    repository: string,
    {
      volume,
      keep,
      dryRun,
    }: { readonly volume?: string; readonly keep: KeepRules; readonly dryRun: boolean },
  ): Promise<JobRecord> {
    const id = await this.#ports.ask(caller, (records, context) => {
      const of = volume === undefined ? null : uuidOf(records, volume)
      return requests.pruneBackups(records, repository, { of, keep, dryRun }, context)
    })
    return this.#ports.job(id)
  }

  async #stored(
    caller: Caller,
    kind: 'verify_backup' | 'delete_backup',
    repository: string,
    backup: string,
  ): Promise<JobRecord> {
    const id = await this.#ports.ask(caller, (records, context) =>
      requests.storedBackupJob(records, kind, repository, backup, context),
    )
    return this.#ports.job(id)
  }

  /** Has a connected server do a short task, while somebody waits. BUSY (`no_server`); TIMED_OUT; or why it failed there. */
  async #do<Kind extends 'listBackups' | 'checkRepository'>(
    kind: Kind,
    plan: TaskPlan,
  ): Promise<{ readonly server: string; readonly result: TaskResults[Kind] }> {
    const { store, links, live, clock } = this.#ports
    const server = store.view.servers().find(({ id }) => live.server(id)?.isConnected === true)
    if (server === undefined) {
      throw refusal('BUSY', 'no_server', 'no server is connected that could ask the repository; try again')
    }
    const task = this.#ports.newId()
    const spec = await specOf(task, plan, store.view, this.#ports)
    await links.startTask(server.id, { task, led: null, spec })
    const endMs = clock.monotonicMs() + WAIT_MS
    for (;;) {
      const view = await links.task(server.id, { task })
      if (view.state === 'succeeded') return { server: server.id, result: taskResultOf(kind, view.result) }
      if (view.state !== 'running') {
        const code = codeOf(view.code)
        throw new BlockError(code, `${server.name}: ${view.message ?? `the task is ${view.state}`}`, {
          facts: { reason: 'repository', server: server.id },
        })
      }
      if (clock.monotonicMs() >= endMs) {
        await links.cancelTask(server.id, { task }).catch((error: unknown) => {
          // it ends by itself
          if (!isBlockError(error)) throw error
        })
        throw refusal(
          'TIMED_OUT',
          'repository',
          `the repository did not answer ${server.name} within ${WAIT_MS / 1000} s${view.message === null ? '' : `: ${view.message}`}`,
        )
      }
      await clock.sleep(ASK_EVERY_MS)
    }
  }
}

/** A volume that is gone has only its UUID. */
function uuidOf(records: RecordsView, volume: string): string {
  const known = records.volumeNamed(volume)?.uuid ?? records.volume(volume)?.uuid
  if (known !== undefined) return known
  if (parseUuid(volume) !== undefined) return volume
  throw refusal(
    'NOT_FOUND',
    'no_such_volume',
    `there is no volume '${printable(volume)}'; one that is deleted is named by its UUID`,
  )
}

/** Codes that make sense to whoever asked; anything else is what the other side is to blame for. */
const CODES = [
  'NOT_FOUND',
  'ACCESS_DENIED',
  'TIMED_OUT',
  'DISCONNECTED',
  'NO_SPACE',
  'CORRUPT',
  'INVALID_ARGUMENT',
  'UNKNOWN_FORMAT',
  'CONFLICT',
] as const

const codeOf = (code: string | null): (typeof CODES)[number] =>
  CODES.find((known) => known === code) ?? 'DISCONNECTED'
