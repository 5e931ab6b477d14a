/**
 * The decisions that one transaction records: made one after the other on the working mirror, each seeing those before
 * it, and taken back from there when the transaction does not become durable.
 */
import type { TermGuard } from '../election/election.ts'
import type { VolumeRecord } from '../records.ts'
import type { JsonObject, Transaction } from '../registry/registry.ts'
import type { EventLog, EventPlan } from './event-log.ts'
import { eventKey, eventWrite, HEAD_KEY, type KeyWrite, keyWrites } from './record-keys.ts'
import { type HeadRecord, RECORD_KINDS } from './record-schemas.ts'
import type { RecordsMirror } from './records-mirror.ts'
import type { NewEvent, RecordsChanged, RecordsView, RecordWrite } from './records-view.ts'

/** A call of `change` that waits for its turn. */
export interface Waiting {
  readonly decide: (records: RecordsView) => Decision
  readonly seqAbove: number | undefined
  readonly reject: (error: unknown) => void
  /** How often it was decided in vain, because another process had changed the registry. */
  conflicts: number
}

interface Decision {
  readonly writes: readonly RecordWrite[]
  readonly events: readonly NewEvent[]
  readonly resolve: () => void
}

export class RecordStage {
  readonly #working: RecordsMirror
  readonly #decided: { readonly waiting: Waiting; readonly resolve: () => void }[] = []
  readonly #writes: RecordWrite[] = []
  readonly #inverses: RecordWrite[] = []
  readonly #values = new Map<string, JsonObject | null>()
  readonly #news: NewEvent[] = []
  #seqAbove: number | undefined

  constructor(working: RecordsMirror) {
    this.#working = working
  }

  get decisions(): number {
    return this.#decided.length
  }

  get keys(): number {
    return this.#values.size + this.#news.length
  }

  get isEmpty(): boolean {
    return this.keys === 0 && this.#seqAbove === undefined
  }

  get waiting(): Waiting[] {
    return this.#decided.map(({ waiting }) => waiting)
  }

  /** Decides, or rejects what cannot be decided and leaves no trace of it. */
  add(waiting: Waiting): void {
    const inverses: RecordWrite[] = []
    const staged: KeyWrite[] = []
    let decision: Decision
    try {
      decision = waiting.decide(this.#working)
      for (const write of decision.writes) {
        const writes = keyWrites(write, this.#volumeBefore(write))
        inverses.push(this.#working.apply(write))
        staged.push(...writes)
      }
    } catch (error) {
      takeBack(this.#working, inverses)
      waiting.reject(error)
      return
    }
    for (const { key, value } of staged) this.#values.set(key, value)
    this.#inverses.push(...inverses)
    this.#writes.push(...decision.writes)
    this.#news.push(...decision.events)
    this.#decided.push({ waiting, resolve: decision.resolve })
    if (waiting.seqAbove !== undefined) {
      this.#seqAbove = Math.max(this.#seqAbove ?? 0, waiting.seqAbove)
    }
  }

  planEvents(log: EventLog, nowMs: number): EventPlan {
    return log.plan(this.#news, nowMs)
  }

  /**
   * Every key that is written is checked, and the head always: nothing that was read can have changed meanwhile. Of one of
   * several masters also that its term is not over.
   */
  transaction(
    plan: EventPlan,
    head: HeadRecord,
    revisionOf: (key: string) => number,
    guard: TermGuard | undefined,
  ): Transaction & { readonly writes: readonly KeyWrite[] } {
    const writes = [
      { key: HEAD_KEY, value: RECORD_KINDS.head.encode(head) },
      ...[...this.#values].map(([key, value]) => ({ key, value })),
      ...plan.puts.map(eventWrite),
      ...plan.removes.map((number) => ({ key: eventKey(number), value: null })),
    ]
    const known = writes.map(({ key }) => ({ key, revision: revisionOf(key) }))
    const checks = guard === undefined ? known : [guard, ...known]
    return { checks, writes, ...(this.#seqAbove === undefined ? {} : { seqAbove: this.#seqAbove }) }
  }

  /** What views of it show otherwise. */
  changed(): RecordsChanged {
    const volumes: string[] = []
    const servers: string[] = []
    for (const write of this.#writes) {
      if (write.kind === 'volume') volumes.push(write.record.uuid)
      else if (write.kind === 'removeVolume') volumes.push(write.uuid)
      else if (write.kind === 'snapshot') volumes.push(write.record.volume)
      else if (write.kind === 'removeSnapshot') volumes.push(write.volume)
      else if (write.kind === 'server') servers.push(write.record.id)
      else if (write.kind === 'removeServer') servers.push(write.id)
    }
    return { volumes, servers }
  }

  /** It is durable. */
  applyTo(durable: RecordsMirror): void {
    for (const write of this.#writes) durable.apply(write)
  }

  /** It will not be durable. */
  takeBack(): void {
    takeBack(this.#working, this.#inverses)
    this.#inverses.length = 0
  }

  resolve(): void {
    for (const { resolve } of this.#decided) resolve()
  }

  reject(error: unknown): void {
    for (const { waiting } of this.#decided) waiting.reject(error)
  }

  #volumeBefore(write: RecordWrite): VolumeRecord | undefined {
    if (write.kind === 'volume') return this.#working.volume(write.record.uuid)
    return write.kind === 'removeVolume' ? this.#working.volume(write.uuid) : undefined
  }
}

function takeBack(working: RecordsMirror, inverses: readonly RecordWrite[]): void {
  for (const inverse of inverses.toReversed()) working.apply(inverse)
}
