/**
 * A registry in memory with the crashes and failures of a real one, for the simulator and for tests. `MemoryStorage` is
 * what survives a process; `MemoryRegistry` is one process's opening of it. Commits are carried out in their order, at
 * some moment of virtual time, and answered at a later one: a crash between the two leaves a transaction done that
 * nobody was told of, and one before them draws whether it was done.
 */
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { CommitOutcome, JsonObject, Registry, StoredRecord, Transaction } from './registry.ts'
import { compareKeys, type PreparedWrite, prepare } from './transaction-rules.ts'

interface StoredText {
  readonly revision: number
  readonly text: string
}

/** A copy of a whole registry, as a backup is. */
export interface RegistrySnapshot {
  readonly id: string
  readonly seq: number
  readonly records: ReadonlyMap<string, StoredText>
}

/** How the next commits end. `isDone`: the transaction is carried out all the same. */
export type MemoryFailure =
  | { readonly code: 'DISK' | 'NO_SPACE' }
  | { readonly code: 'TIMED_OUT'; readonly isDone: boolean }

export class MemoryStorage {
  readonly #random: Random
  #id: string
  #seq = 0
  #records = new Map<string, StoredText>()
  /** Openings that have not ended. */
  readonly holders = new Set<MemoryRegistry>()

  constructor(random: Random) {
    this.#random = random
    this.#id = formatUuid(randomUuid(random))
  }

  get id(): string {
    return this.#id
  }

  get seq(): number {
    return this.#seq
  }

  snapshot(): RegistrySnapshot {
    return { id: this.#id, seq: this.#seq, records: new Map(this.#records) }
  }

  /** Puts a copy back, as an operator does who has nothing newer. */
  restore(snapshot: RegistrySnapshot): void {
    this.#id = snapshot.id
    this.#seq = snapshot.seq
    this.#records = new Map(snapshot.records)
  }

  /** The registry is gone, and a new one takes its place: empty, and with another id. */
  lose(): void {
    this.restore({ id: formatUuid(randomUuid(this.#random)), seq: 0, records: new Map() })
  }

  read(prefix: string): StoredRecord[] {
    const found: StoredRecord[] = []
    for (const [key, { revision, text }] of this.#records) {
      if (!key.startsWith(prefix)) continue
      const value: JsonObject = JSON.parse(text)
      found.push({ key, revision, value })
    }
    return found.sort((a, b) => compareKeys(a.key, b.key))
  }

  apply(transaction: Transaction, writes: readonly PreparedWrite[]): CommitOutcome {
    for (const { key, revision } of transaction.checks) {
      if ((this.#records.get(key)?.revision ?? 0) !== revision) return { kind: 'conflict', key }
    }
    this.#seq = Math.max(this.#seq, transaction.seqAbove ?? 0) + 1
    for (const { key, text } of writes) {
      if (text === null) this.#records.delete(key)
      else this.#records.set(key, { revision: this.#seq, text })
    }
    return { kind: 'committed', seq: this.#seq }
  }
}

interface Underway {
  /** Carries it out if that has not happened; once. */
  readonly carryOut: () => void
}

export interface MemoryRegistryOptions {
  readonly storage: MemoryStorage
  readonly clock: Clock
  readonly random: Random
  /** Virtual time that a read or a commit takes at most. */
  readonly delayMsMax: number
  /** Several processes may have it open, as with etcd. Else the second opening is IN_USE, as with a file. */
  readonly isShared?: boolean
}

export class MemoryRegistry implements Registry {
  readonly id: string
  readonly #options: MemoryRegistryOptions
  readonly #storage: MemoryStorage
  readonly #underway = new Set<Underway>()
  readonly #failures: MemoryFailure[] = []
  #tail: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closed' | 'crashed' = 'open'

  /** IN_USE when it is open already and not shared. */
  constructor(options: MemoryRegistryOptions) {
    const { storage } = options
    if (!(options.isShared ?? false) && storage.holders.size > 0) {
      throw new BlockError('IN_USE', 'the registry is in use by another process')
    }
    this.#options = options
    this.#storage = storage
    this.id = storage.id
    storage.holders.add(this)
  }

  get seq(): number {
    return this.#storage.seq
  }

  /** The next commit ends so, and those after it by what further calls said; after them all goes well again. */
  failNext(failure: MemoryFailure): void {
    this.#failures.push(failure)
  }

  /**
   * The process is gone: none of its calls settles any more, and each commit underway is carried out or not, up to some
   * one of them (they go to the disk in their order).
   */
  crash(): void {
    if (this.#state === 'crashed') return
    this.#state = 'crashed'
    const done = this.#options.random.integer(this.#underway.size + 1)
    for (const { carryOut } of [...this.#underway].slice(0, done)) carryOut()
    this.#underway.clear()
    this.#storage.holders.delete(this)
  }

  async read(prefix: string): Promise<readonly StoredRecord[]> {
    this.#checkOpen()
    return await this.#inTurn(async () => {
      await this.#delay()
      await this.#never()
      return this.#storage.read(prefix)
    })
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    this.#checkOpen()
    const writes = prepare(transaction)
    const failure = this.#failures.shift()
    let outcome: CommitOutcome | undefined
    const underway: Underway = {
      carryOut: () => {
        if (failure === undefined || (failure.code === 'TIMED_OUT' && failure.isDone)) {
          outcome ??= this.#storage.apply(transaction, writes)
        }
      },
    }
    this.#underway.add(underway)
    return await this.#inTurn(async () => {
      await this.#delay()
      await this.#never()
      underway.carryOut()
      await this.#delay()
      await this.#never()
      this.#underway.delete(underway)
      if (failure !== undefined) throw new BlockError(failure.code, `the registry's disk: ${failure.code}`)
      if (outcome === undefined) throw new BlockError('CLOSED', 'the registry is closed')
      return outcome
    })
  }

  /** Waits for what is underway. */
  async close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closed'
    await this.#tail.catch(ignoreSettled)
    this.#storage.holders.delete(this)
  }

  #inTurn<Result>(body: () => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(body, body)
    this.#tail = turn.catch(ignoreSettled)
    return turn
  }

  async #delay(): Promise<void> {
    const { clock, random, delayMsMax } = this.#options
    if (delayMsMax > 0) await clock.sleep(random.integer(Math.ceil(delayMsMax) + 1))
  }

  /** Does not resolve in a process that is gone. */
  async #never(): Promise<void> {
    if (this.#state === 'crashed') await new Promise<never>(() => undefined)
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new BlockError('CLOSED', 'the registry is closed')
  }
}

/** Who asked for it is told; here only its end counts. */
const ignoreSettled = (): undefined => undefined
