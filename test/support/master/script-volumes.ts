/**
 * What the calls about snapshots and tasks find, over scripted servers: the volumes' logs, which outlive every process, and the
 * tasks of each server, which do not. A task takes a while of virtual time; the script says how the next ones end.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type { ServerCalls, SnapshotBeat } from '../../../src/master/links.ts'
import {
  type BackupInfo,
  type TaskKind,
  type TaskResults,
  type TaskSpec,
  type TaskView,
  taskResultText,
} from '../../../src/rpc/tasks.ts'

type Of<Name extends keyof ServerCalls> = Parameters<ServerCalls[Name]>[0]

export interface ScriptLog {
  lsn: number
  snapshots: SnapshotBeat[]
  origin: Of<'setOrigin'>['origin'] | null
  /** What `origin` was until all of it was there. */
  filledFrom: Of<'setOrigin'>['origin'] | null
  /** Ids of snapshots that it was restored to, in order. */
  readonly restored: string[]
  /** Requests that were carried out, by epoch. */
  readonly requests: Set<string>
  hold: { readonly name: string; readonly endsMs: number } | null
}

interface ScriptTask {
  readonly spec: TaskSpec
  readonly volume: string | null
  readonly epoch: number | null
  endsMs: number
  fails: { readonly code: string; readonly message: string } | undefined
  /** When it was told to end. */
  cancelledMs: number | null
}

/** Does tasks for real, where a test has what they need. */
export interface RealTasks {
  /** Whether it takes the task. */
  start(request: Of<'startTask'>): boolean
  /** `unknown` of those that it did not take. */
  view(task: string): TaskView
  cancel(task: string): void
}

export class ScriptVolumes {
  readonly #now: () => number
  readonly #logs = new Map<string, ScriptLog>()
  /** By server and task. */
  readonly #tasks = new Map<string, ScriptTask>()
  /** How the next tasks of a kind end, if not well. */
  readonly failures = new Map<TaskKind, { readonly code: string; readonly message: string }[]>()
  /** How long a task takes, and how long its end does when it is cancelled. */
  taskMs = 2500
  stoppingMs = 0
  /** `kind server` of every task that was begun. */
  readonly begun: string[] = []
  /** Specifications of those. */
  readonly specs: TaskSpec[] = []
  /** Snapshots that are read, and not deleted. */
  readonly read = new Set<string>()
  readonly backups: BackupInfo[] = []
  readonly missedByScrubs: string[] = []
  /** Asked first; what it does not take ends as the script says. */
  real: RealTasks | null = null
  #holds = 0

  constructor(now: () => number) {
    this.#now = now
  }

  log(volume: string): ScriptLog {
    const known = this.#logs.get(volume)
    if (known !== undefined) return known
    const made: ScriptLog = {
      lsn: 100,
      snapshots: [],
      origin: null,
      filledFrom: null,
      restored: [],
      requests: new Set(),
      hold: null,
    }
    this.#logs.set(volume, made)
    return made
  }

  /** A process of the server ends. */
  forgetTasks(server: string): void {
    for (const key of [...this.#tasks.keys()]) if (key.startsWith(`${server}/`)) this.#tasks.delete(key)
  }

  createSnapshot({ volume, id, name }: Of<'createSnapshot'>): SnapshotBeat {
    const log = this.log(volume)
    const there = log.snapshots.find((one) => one.id === id)
    if (there !== undefined) return there
    if (log.snapshots.some((one) => one.name === name)) throw new BlockError('CONFLICT', 'the name is taken')
    log.lsn += 1
    const made = { id, name, lsn: log.lsn, createdWallMs: 0, sizeBytes: 64 * 2 ** 20, isExposed: false }
    log.snapshots = [...log.snapshots, made]
    return made
  }

  deleteSnapshot({ volume, id }: Of<'deleteSnapshot'>): void {
    if (this.read.has(id)) throw new BlockError('CONFLICT', 'it is being read')
    const log = this.log(volume)
    log.snapshots = log.snapshots.filter((one) => one.id !== id)
  }

  restoreSnapshot({ volume, epoch, id, request }: Of<'restoreSnapshot'>): void {
    const log = this.log(volume)
    if (!log.snapshots.some((one) => one.id === id)) throw new BlockError('NOT_FOUND', 'no such snapshot')
    if (log.requests.has(`${epoch} ${request}`)) return
    log.requests.add(`${epoch} ${request}`)
    log.restored.push(id)
  }

  snapshotUsage({ volume }: Of<'snapshotUsage'>): Awaited<ReturnType<ServerCalls['snapshotUsage']>> {
    const snapshots = this.log(volume).snapshots.map((one) => ({
      ...one,
      heldBytes: 8192,
      exclusiveBytes: 4096,
    }))
    return { snapshots, freeingBytes: 0, metadataBytes: 4096 }
  }

  exposeSnapshot({ volume, id, isExposed }: Of<'exposeSnapshot'>): void {
    const log = this.log(volume)
    log.snapshots = log.snapshots.map((one) => (one.id === id ? { ...one, isExposed } : one))
  }

  setOrigin({ volume, origin }: Of<'setOrigin'>): void {
    this.log(volume).origin = origin
  }

  holdWrites({ volume, holdMs }: Of<'holdWrites'>): { readonly hold: string } {
    const log = this.log(volume)
    const isHeld = log.hold !== null && log.hold.endsMs > this.#now()
    if (isHeld) throw new BlockError('BUSY', 'writes are held already')
    log.hold = { name: `hold-${++this.#holds}`, endsMs: this.#now() + holdMs }
    return { hold: log.hold.name }
  }

  releaseWrites({ volume, hold }: Of<'releaseWrites'>): { readonly wasHeld: boolean } {
    const log = this.log(volume)
    const wasHeld = log.hold?.name === hold && log.hold.endsMs > this.#now()
    log.hold = null
    return { wasHeld }
  }

  openImage({ volume, snapshot }: Of<'openImage'>): { readonly ticket: string } {
    if (!this.log(volume).snapshots.some(({ id }) => id === snapshot)) {
      throw new BlockError('NOT_FOUND', 'no such snapshot')
    }
    return { ticket: `ticket-${snapshot}` }
  }

  startTask(server: string, request: Of<'startTask'>): void {
    if (this.real?.start(request) === true) return
    const { task, led, spec } = request
    const key = `${server}/${task}`
    const there = this.#tasks.get(key)
    const { epoch, volume } = led ?? { epoch: null, volume: null }
    if (there !== undefined) {
      const { state } = this.#view(key, task, there)
      if (state === 'running' || state === 'succeeded') return
    }
    const fails = this.failures.get(spec.kind)?.shift()
    this.#tasks.set(key, { spec, volume, epoch, endsMs: this.#now() + this.taskMs, fails, cancelledMs: null })
    this.begun.push(`${spec.kind} ${server}`)
    this.specs.push(spec)
  }

  task(server: string, { task }: Of<'task'>): TaskView {
    const real = this.real?.view(task)
    if (real !== undefined && real.state !== 'unknown') return real
    const key = `${server}/${task}`
    const known = this.#tasks.get(key)
    if (known !== undefined) return this.#view(key, task, known)
    return { ...NOTHING, task, state: 'unknown' }
  }

  /** It fails now. */
  failTask(server: string, task: string, fails: NonNullable<ScriptTask['fails']>): void {
    const known = this.#tasks.get(`${server}/${task}`)
    if (known !== undefined) Object.assign(known, { fails, endsMs: this.#now() })
  }

  cancelTask(server: string, { task }: Of<'cancelTask'>): void {
    this.real?.cancel(task)
    const known = this.#tasks.get(`${server}/${task}`)
    if (known !== undefined) known.cancelledMs ??= this.#now()
  }

  #view(_key: string, task: string, { spec, volume, endsMs, fails, cancelledMs }: ScriptTask): TaskView {
    const leftMs = endsMs - this.#now()
    if (cancelledMs !== null && this.#now() >= cancelledMs + this.stoppingMs) {
      return { ...NOTHING, task, state: 'cancelled' }
    }
    if (leftMs > 0)
      return { ...NOTHING, task, state: 'running', done: this.taskMs - leftMs, total: this.taskMs }
    if (fails !== undefined) return { ...NOTHING, task, state: 'failed', ...fails }
    if (spec.kind === 'hydrate' && volume !== null) this.#filled(this.log(volume))
    return { ...NOTHING, task, state: 'succeeded', result: this.#resultOf(spec, task) }
  }

  #filled(log: ScriptLog): void {
    log.filledFrom = log.origin ?? log.filledFrom
    log.origin = null
  }

  #resultOf(spec: TaskSpec, task: string): string {
    const results: TaskResults = {
      hydrate: {},
      backup: { backup: backupInfo(task) },
      restoreBackup: { restoredBytes: 1 },
      verifyBackup: { verifiedBytes: 1, objects: 1 },
      listBackups: { backups: [...this.backups], next: null },
      pruneBackups: { deleted: ['old'], kept: 1, freedBytes: 1 },
      deleteBackup: { freedBytes: 1 },
      checkRepository: {},
      scrub: { verifiedBytes: 1, errors: 2, repaired: 2, found: [], missed: [...this.missedByScrubs] },
    }
    return taskResultText(spec.kind, results[spec.kind])
  }
}

const NOTHING = {
  done: 0,
  total: 0,
  unit: 'bytes',
  message: null,
  code: null,
  result: null,
} as const

export const backupInfo = (id: string): BackupInfo => ({
  id,
  volumeName: 'v',
  volumeUuid: '22222222-2222-4222-8222-000000000001',
  createdAtMs: 0,
  snapshotName: 'backup-1',
  lsn: 1,
  sizeBytes: 64 * 2 ** 20,
  logicalBlockBytes: 512,
  kind: 'full',
  base: null,
  whyFull: null,
  storedBytes: 1,
  changedBytes: 1,
  compression: 'zstd',
  isEncrypted: false,
  state: 'complete',
})
