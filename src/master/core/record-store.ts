/**
 * The record store over a registry: the records as they are durable, a working copy for decisions, and one transaction
 * at a time. While one is on its way, calls of `change` wait; then all of them are decided in their order and go
 * together.
 *
 *     waiting ──decided on the working copy──▶ staged ──committed──▶ durable: view, events, promises
 *        ▲                                       │ conflict: all records are read again
 *        └───────────────────────────────────────┘ failed: taken back, promises reject
 *
 * Every transaction writes and checks one record, the head: two stores over one registry can only take turns, and after
 * an answer that was lost the head tells whether the transaction was carried out. One that was not may be on its way still:
 * the head is written once more before anything else, so that it comes to nothing and what is shown here stays what is
 * there. So does a store of one of several masters when it opens: an earlier one of the same term may have left one.
 */
import { assert } from '../../base/assert.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { TermGuard } from '../election/election.ts'
import type { EventQuery } from '../master-api.ts'
import type { ClusterRecord, EventRecord } from '../records.ts'
import type { CommitOutcome, Registry, Transaction } from '../registry/registry.ts'
import { EventLog, type EventLogOptions, type EventPlan } from './event-log.ts'
import { CLUSTER_KEY, HEAD_KEY } from './record-keys.ts'
import { type LoadedRecords, loadRecords } from './record-load.ts'
import { corruptRecord, type HeadRecord, RECORD_KINDS } from './record-schemas.ts'
import { RecordStage, type Waiting } from './record-stage.ts'
import { RecordsMirror } from './records-mirror.ts'
import type { Change, RecordStore, RecordsChanged, RecordsView } from './records-view.ts'

export interface RecordStoreOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly random: Random
  /** The cluster of an empty registry; of another one, what its record must say. */
  readonly clusterId: string
  /** Calls of `change` that may wait; then BUSY. */
  readonly waitingMax?: number
  readonly events?: Partial<EventLogOptions>
  /** Of one of several masters: its term. When that is over nothing is recorded any more, and the store is lost. */
  readonly guard?: TermGuard
  /**
   * Called once when the registry is closed to this store without its `close`: another process took it over, or it closed
   * itself after a failed sync. Nothing can be recorded any more; the process should end and begin anew.
   */
  readonly onLost?: (error: BlockError) => void
}

const WAITING_MAX = 10_000
const EVENTS: EventLogOptions = { countMax: 10_000, windowMs: 10 * 60_000 }
/** What one transaction takes at most; its last decision may exceed the keys. */
const DECISIONS_MAX = 256
const KEYS_MAX = 512
const CONFLICTS_MAX = 20
/** To settle what became of a commit without an answer: attempts that fail; then this store is given up. */
const SETTLE_MAX = 4

/**
 * Opens the store, and makes the cluster's record in an empty registry. CORRUPT or UNKNOWN_FORMAT, naming the key, for a
 * record that cannot be read; CONFLICT when the registry is another cluster's; or what the registry throws.
 */
export async function openRecordStore(options: RecordStoreOptions): Promise<RecordStore> {
  const { registry, clock, clusterId } = options
  const checks = options.guard === undefined ? [] : [options.guard]
  const created: ClusterRecord = { clusterId, createdAt: Math.trunc(clock.wallMs()), lock: null }
  let loaded = await loadRecords(registry)
  checkTerm(options.guard, loaded)
  for (let attempt = 0; loaded.cluster === undefined && attempt < CONFLICTS_MAX; attempt++) {
    await registry.commit({
      checks: [...checks, { key: CLUSTER_KEY, revision: 0 }],
      writes: [{ key: CLUSTER_KEY, value: RECORD_KINDS.cluster.encode(created) }],
    })
    loaded = await loadRecords(registry)
    checkTerm(options.guard, loaded)
  }
  const { cluster } = loaded
  assert(cluster !== undefined, 'a registry has its cluster once that was committed')
  if (cluster.clusterId !== clusterId) {
    throw new BlockError(
      'CONFLICT',
      `the registry is of cluster ${cluster.clusterId}, and this master of ${clusterId}; name the other registry`,
      { facts: { reason: 'other_cluster', clusterId: cluster.clusterId } },
    )
  }
  const store = new RegistryRecordStore(options, loaded, cluster)
  if (options.guard !== undefined) await store.begin()
  return store
}

/** A transaction that was not answered. */
interface Failed {
  readonly head: HeadRecord
  /** Revision of the head record that it checked. */
  readonly headBefore: number
  readonly error: unknown
}

class RegistryRecordStore implements RecordStore {
  readonly #registry: Registry
  readonly #clock: Clock
  readonly #waitingMax: number
  readonly #eventOptions: EventLogOptions
  readonly #writer: string
  readonly #guard: TermGuard | undefined
  readonly #listeners = new Set<(event: EventRecord) => void>()
  readonly #watchers = new Set<(changed: RecordsChanged | null) => void>()
  readonly #durable: RecordsMirror
  readonly #working: RecordsMirror
  #events: EventLog
  #revisions: Map<string, number>
  /** Transactions that this opening tried; the number of the last is in its head record. */
  #tried = 0
  #queue: Waiting[] = []
  #pump: Promise<void> | undefined
  /** So many decisions go one by one: the registry refused a transaction, and only the one at fault is to hear of it. */
  #alone = 0
  #isClosed = false
  readonly #onLost: ((error: BlockError) => void) | undefined

  constructor(options: RecordStoreOptions, loaded: LoadedRecords, cluster: ClusterRecord) {
    this.#registry = options.registry
    this.#clock = options.clock
    this.#waitingMax = options.waitingMax ?? WAITING_MAX
    this.#eventOptions = { ...EVENTS, ...options.events }
    this.#writer = formatUuid(randomUuid(options.random))
    this.#durable = new RecordsMirror(cluster, loaded.writes)
    this.#working = new RecordsMirror(cluster, loaded.writes)
    this.#events = new EventLog(this.#eventOptions, loaded.events)
    this.#revisions = loaded.revisions
    this.#onLost = options.onLost
    this.#guard = options.guard
  }

  /** What an earlier store of the same term has on its way comes to nothing, or is shown. Called before anything else. */
  async begin(): Promise<void> {
    for (let attempt = 0; attempt < CONFLICTS_MAX; attempt++) {
      if (await this.#writeHead()) return
      await this.#reload()
    }
    throw new BlockError('BUSY', 'another process keeps changing the registry; try again')
  }

  get view(): RecordsView {
    return this.#durable
  }

  get registryId(): string {
    return this.#registry.id
  }

  get seq(): number {
    return this.#registry.seq
  }

  change<T>(
    decide: (records: RecordsView) => Change<T>,
    options: { readonly seqAbove?: number } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(closed())
        return
      }
      if (this.#queue.length >= this.#waitingMax) {
        reject(new BlockError('BUSY', `${this.#queue.length} changes wait for the registry; try again`))
        return
      }
      this.#queue.push({
        decide: (records) => {
          const { writes, events = [], result } = decide(records)
          return { writes, events, resolve: () => resolve(result) }
        },
        seqAbove: options.seqAbove,
        reject,
        conflicts: 0,
      })
      this.#pump ??= this.#run()
    })
  }

  events(query: EventQuery): readonly EventRecord[] {
    return this.#events.list(query)
  }

  subscribe(listener: (event: EventRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  watch(listener: (changed: RecordsChanged | null) => void): () => void {
    this.#watchers.add(listener)
    return () => this.#watchers.delete(listener)
  }

  /** Waits for the transaction underway; what still waits for its turn is rejected with CLOSED. */
  async close(): Promise<void> {
    this.#end()
    await this.#pump
    await this.#registry.close()
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes along.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#recordNext()
    this.#pump = undefined
  }

  async #recordNext(): Promise<void> {
    const stage = this.#decideWaiting()
    if (stage.isEmpty) {
      stage.resolve()
      return
    }
    const plan = stage.planEvents(this.#events, Math.trunc(this.#clock.wallMs()))
    const head = { writer: this.#writer, number: ++this.#tried }
    const headBefore = this.#revisions.get(HEAD_KEY) ?? 0
    const revisionOf = (key: string): number => this.#revisions.get(key) ?? 0
    const transaction = stage.transaction(plan, head, revisionOf, this.#guard)
    let outcome: CommitOutcome
    try {
      outcome = await this.#registry.commit(transaction)
    } catch (error) {
      stage.takeBack()
      await this.#afterFailure(stage, plan, { head, headBefore, error })
      return
    }
    if (outcome.kind === 'committed') {
      this.#remember(transaction, outcome.seq)
      stage.applyTo(this.#durable)
      this.#tellWatchers(stage.changed())
      this.#events.apply(plan)
      this.#announce(stage, plan)
    } else {
      stage.takeBack()
      await this.#afterConflict(stage)
    }
  }

  #decideWaiting(): RecordStage {
    const stage = new RecordStage(this.#working)
    const decisionsMax = this.#alone > 0 ? 1 : DECISIONS_MAX
    if (this.#alone > 0) this.#alone--
    while (stage.decisions < decisionsMax && stage.keys < KEYS_MAX) {
      const waiting = this.#queue.shift()
      if (waiting === undefined) break
      stage.add(waiting)
    }
    return stage
  }

  #remember(transaction: Transaction, seq: number): void {
    for (const { key, value } of transaction.writes) {
      if (value === null) this.#revisions.delete(key)
      else this.#revisions.set(key, seq)
    }
  }

  #announce(stage: RecordStage, plan: EventPlan): void {
    stage.resolve()
    for (const event of plan.told) {
      for (const listener of this.#listeners) listener(event)
    }
  }

  /** Another process changed the registry: everything is read again, and decided again. */
  async #afterConflict(stage: RecordStage): Promise<void> {
    try {
      await this.#reload()
    } catch (error) {
      stage.reject(error)
      if (isBlockError(error, 'CLOSED')) this.#lose(error)
      return
    }
    const again: Waiting[] = []
    for (const waiting of stage.waiting) {
      if (++waiting.conflicts < CONFLICTS_MAX) again.push(waiting)
      else waiting.reject(new BlockError('BUSY', 'another process keeps changing the registry; try again'))
    }
    this.#decideAgain(again)
  }

  /** Before everything that came later. */
  #decideAgain(list: readonly Waiting[]): void {
    this.#queue.unshift(...list)
    if (this.#isClosed) this.#end()
  }

  async #afterFailure(stage: RecordStage, plan: EventPlan, failed: Failed): Promise<void> {
    const { error } = failed
    if (isBlockError(error, 'TIMED_OUT')) {
      if (await this.#wasCarriedOut(failed)) this.#announce(stage, plan)
      else stage.reject(error)
      return
    }
    if (isBlockError(error, 'INVALID_ARGUMENT') && stage.decisions > 1) {
      this.#alone = stage.decisions
      this.#decideAgain(stage.waiting)
      return
    }
    stage.reject(error)
    if (isBlockError(error, 'CLOSED')) this.#lose(error)
  }

  /**
   * What became of a commit without an answer. One that is not there may still come as long as the head is as it was, so
   * the head is changed: nothing that is decided from now on may rest on what it would undo.
   */
  async #wasCarriedOut({ head, headBefore }: Failed): Promise<boolean> {
    try {
      for (let attempt = 0; attempt < SETTLE_MAX; attempt++) {
        const found = await this.#reload()
        const isOpen = (this.#revisions.get(HEAD_KEY) ?? 0) === headBefore
        if (!isOpen) return found?.writer === head.writer && found.number === head.number
        if (this.#isClosed || (await this.#isHeadWritten())) return false
      }
      throw new BlockError('TIMED_OUT', 'the registry does not say what became of a commit')
    } catch (error) {
      if (!(error instanceof BlockError)) throw error
      // Without an answer this store cannot go on: its next opening reads.
      this.#lose(error)
      return false
    }
  }

  /** False also when that is not known. */
  async #isHeadWritten(): Promise<boolean> {
    try {
      return await this.#writeHead()
    } catch (error) {
      if (!(error instanceof BlockError) || error.code === 'CLOSED') throw error
      return false
    }
  }

  /** A transaction of nothing: one that checks the head as it is here conflicts from now on. False: so did this one. */
  async #writeHead(): Promise<boolean> {
    const head = { writer: this.#writer, number: ++this.#tried }
    const checked = { key: HEAD_KEY, revision: this.#revisions.get(HEAD_KEY) ?? 0 }
    const outcome = await this.#registry.commit({
      checks: this.#guard === undefined ? [checked] : [this.#guard, checked],
      writes: [{ key: HEAD_KEY, value: RECORD_KINDS.head.encode(head) }],
    })
    if (outcome.kind === 'committed') this.#revisions.set(HEAD_KEY, outcome.seq)
    return outcome.kind === 'committed'
  }

  async #reload(): Promise<HeadRecord | undefined> {
    const loaded = await loadRecords(this.#registry)
    checkTerm(this.#guard, loaded)
    const { cluster, writes, events, revisions, head } = loaded
    if (cluster === undefined) throw corruptRecord(CLUSTER_KEY, 'it is missing')
    this.#durable.reset(cluster, writes)
    this.#working.reset(cluster, writes)
    this.#events = new EventLog(this.#eventOptions, events)
    this.#revisions = revisions
    this.#tellWatchers(null)
    return head
  }

  #tellWatchers(changed: RecordsChanged | null): void {
    for (const watcher of this.#watchers) watcher(changed)
  }

  #lose(error: BlockError): void {
    if (this.#isClosed) return
    this.#end()
    this.#onLost?.(error)
  }

  #end(): void {
    this.#isClosed = true
    const left = this.#queue.splice(0)
    for (const waiting of left) waiting.reject(closed())
  }
}

/** Throws CLOSED when another master leads: what it recorded is not for this one to decide on. */
function checkTerm(guard: TermGuard | undefined, { revisions }: LoadedRecords): void {
  if (guard === undefined || revisions.get(guard.key) === guard.revision) return
  throw new BlockError('CLOSED', 'another master leads', { facts: { reason: 'not_leader' } })
}

const closed = (): BlockError => new BlockError('CLOSED', 'the record store is closed')
