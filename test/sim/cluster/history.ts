/**
 * What the cluster told its hosts, and what follows from that: the oracle of each epoch in which hosts were served, and
 * the passage from one to the next.
 *
 * Within an epoch the order of entries is that of their LSNs, and `VolumeModel` judges every answer by it. A new epoch
 * begins with a read of the whole volume. What it finds must be a prefix of the entries of the epoch before: all that was
 * acknowledged or read, or what the promotion recorded may have taken off that. From its first answer on nobody may answer
 * in an earlier epoch (invariants 1 to 5).
 */
import type { Epoch } from '../../../src/base/units.ts'
import { fail, type Loss } from '../../cluster/checker.ts'
import { type Operation, UNREADABLE, VolumeModel } from '../model.ts'
import type { FoundSnapshot } from '../snapshot-oracle.ts'

/** The oracle of one epoch's hosts, at one server. */
export class EpochModel extends VolumeModel {
  readonly epoch: Epoch
  readonly #history: History

  constructor(history: History, epoch: Epoch, options: { entryBlocksMax: number; after?: VolumeModel }) {
    super(options)
    this.epoch = epoch
    this.#history = history
  }

  override admitted(operation: Operation): void {
    const { id, kind, firstSector, sectors, entries } = operation
    this.#history.note(() => {
      const where =
        sectors === 0 ? '' : ` of ${sectors} sectors at ${firstSector}, part ${entries.length + 1}`
      return `epoch ${this.epoch.number}: ${kind} ${id}${where}`
    })
    super.admitted(operation)
  }

  override acknowledged(operation: Operation): void {
    this.#history.note(() => `epoch ${this.epoch.number}: ${operation.id} acknowledged`)
    this.#history.answered(this, `operation ${operation.id} was acknowledged`)
    super.acknowledged(operation)
  }

  override beginRead(firstSector: number, sectors: number): (values: Uint32Array) => void {
    const judge = super.beginRead(firstSector, sectors)
    return (values) => {
      this.#history.answered(this, 'a read was answered')
      judge(values)
    }
  }

  override beginFlush(): () => void {
    const flushed = super.beginFlush()
    return () => {
      this.#history.answered(this, 'a flush was answered')
      flushed()
    }
  }
}

/** What a volume shows when it begins to serve. */
export interface Found {
  /** Of each sector. */
  readonly values: Int32Array
  readonly list: readonly FoundSnapshot[]
  readonly sizeBytes: number
}

export class History {
  readonly #entryBlocksMax: number
  readonly #sizeBytes: number
  readonly note: (what: () => string) => void
  #current: EpochModel | undefined
  #lastValue = 0
  readonly #writers = new Map<bigint, string>()
  checkedReads = 0
  /** Epochs in which hosts were answered. */
  epochs = 0

  /** `sizeBytes`: of the volume when it is made. */
  constructor(options: { entryBlocksMax: number; sizeBytes: number; note: (what: () => string) => void }) {
    this.#entryBlocksMax = options.entryBlocksMax
    this.#sizeBytes = options.sizeBytes
    this.note = options.note
  }

  get current(): EpochModel | undefined {
    return this.#current
  }

  /** What no write has written yet, for a client that makes its content itself. */
  nextValue(): number {
    this.#lastValue += 1
    // the models number from 1 on
    return 0x4000_0000 + this.#lastValue
  }

  /** An opening has come to serve in an epoch: it must be the only one. */
  leads(epoch: Epoch, writer: string): void {
    const known = this.#writers.get(epoch.id)
    if (known !== undefined && known !== writer)
      fail(`epoch ${epoch.number} has two writers: ${known} and ${writer}`)
    this.#writers.set(epoch.id, writer)
  }

  /** Somebody got an answer. */
  answered(model: EpochModel, what: string): void {
    this.checkedReads += 1
    if (model === this.#current) return
    const now = this.#current?.epoch.number
    fail(`${what} in epoch ${model.epoch.number} after an answer in epoch ${now}`)
  }

  /** The volume as it was found when a new epoch began to serve. Returns that epoch's oracle. */
  begin(epoch: Epoch, loss: Loss, found: Found): EpochModel {
    const before = this.#current
    const { values, list } = found
    const growthBytes = found.sizeBytes - this.#sizeBytes
    const valueAt = (sector: number): number => values[sector] ?? 0
    if (before !== undefined) {
      if (epoch.number <= before.epoch.number) {
        fail(`epoch ${epoch.number} begins after answers in epoch ${before.epoch.number}`)
      }
      judge(before, loss, before.snapshots.found(list, valueAt, growthBytes))
    } else if (growthBytes !== 0) fail(`a new volume has ${found.sizeBytes} bytes`)
    const touched = new Set(before?.touchedSectors ?? [])
    for (const [sector, value] of values.entries()) {
      if (value > 0 && !touched.has(sector))
        fail(`sector ${sector}, which nobody wrote, holds operation ${value}`)
    }
    const model = new EpochModel(this, epoch, {
      entryBlocksMax: this.#entryBlocksMax,
      ...(before !== undefined && { after: before }),
    })
    model.rebase(model.snapshots.found(list, valueAt, growthBytes))
    this.#current = model
    this.epochs += 1
    return model
  }
}

/** Of what was acknowledged nothing is missing but what the promotion allows. */
function judge(before: EpochModel, loss: Loss, valueAt: (sector: number) => number): void {
  const { entriesMax, keepsFlushed } = loss
  if (entriesMax === 0) {
    before.judgeCrash('process', valueAt)
    return
  }
  if (keepsFlushed) before.judgeCrash('power', valueAt)
  // a loss that reaches behind this epoch leaves what earlier ones wrote, whole and in its place
  else if (before.knownEntries <= entriesMax) judgePast(before, valueAt)
  else before.judgeCrash('process', valueAt, before.now, entriesMax)
}

function judgePast(before: EpochModel, valueAt: (sector: number) => number): void {
  for (const sector of before.touchedSectors) {
    const value = valueAt(sector)
    if (value === UNREADABLE || before.wasEver(sector, value)) continue
    fail(`sector ${sector} holds operation ${value}, which never wrote there`)
  }
}
