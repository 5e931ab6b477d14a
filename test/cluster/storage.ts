/**
 * One replica's storage in a few lines: a log, an image of a handful of blocks, and marks. What is appended and not
 * durable is lost with the power, from some entry on; marks and image are durable when written. A lineage beside it,
 * which no engine sees, knows what the replica claims to hold, for the checkers.
 */
import { assert } from '../../src/base/assert.ts'
import { type Epoch, type Lsn, lsn } from '../../src/base/units.ts'
import type { Persist } from '../../src/v2engine/effects.ts'
import { type History, trimHistory } from '../../src/v2engine/history.ts'
import type { Local, Marks } from '../../src/v2engine/marks.ts'

export const BLOCKS = 5

export interface Entry {
  readonly epoch: Epoch
  /** What was written; differs in all writes of a run. */
  readonly value: number
  /** Null in the start entry of an epoch. */
  readonly block: number | null
}

/** An entry with everything before it: two replicas hold the same if their lineages have one hash. */
export interface Lineage {
  readonly lsn: number
  readonly hash: number
  readonly before: Lineage | null
}

const extend = (before: Lineage | null, at: number, entry: Entry): Lineage => {
  let hash = before?.hash ?? 17
  for (const part of [at, entry.epoch.number, entry.value, entry.block ?? -1]) {
    hash = Math.imul(hash ^ part, 0x01000193) >>> 0
    hash = (hash ^ (hash >>> 15)) >>> 0
  }
  return { lsn: at, hash, before }
}

export function lineageAt(lineage: Lineage | null, at: number): Lineage | null {
  let node = lineage
  while (node !== null && node.lsn > at) node = node.before
  return node
}

interface Content {
  readonly lsn: number
  readonly value: number
}

export class ModelStorage {
  stored: Marks | null = null
  bootId = 'boot-1'
  wasClean = false
  isDamaged = false
  history: History = []
  /** Entries from `retainedFrom` on. */
  log: Entry[] = []
  retainedFrom = 1
  durable = 0
  checkpoint = 0
  imageLsn = 0
  image = new Map<number, Content>()
  unknown = new Set<number>()
  lineage: Lineage | null = null
  cut = 0

  get appended(): number {
    return this.retainedFrom + this.log.length - 1
  }

  local(): Local {
    return {
      appended: lsn(this.appended),
      durable: lsn(this.durable),
      checkpoint: lsn(this.checkpoint),
      image: lsn(this.imageLsn),
      retainedFrom: lsn(this.retainedFrom),
      hasUnknown: this.unknown.size > 0,
    }
  }

  entry(at: number): Entry {
    const entry = this.log[at - this.retainedFrom]
    assert(entry !== undefined, `the log has ${at}`)
    return entry
  }

  append(at: number, entry: Entry): void {
    assert(at === this.appended + 1, 'the log has no holes')
    this.log.push(entry)
    if (this.lineage === null ? at === 1 : this.lineage.lsn === at - 1) {
      this.lineage = extend(this.lineage, at, entry)
    }
    if (entry.block === null) this.history = [...this.history, { epoch: entry.epoch, firstLsn: lsn(at) }]
  }

  sync(): void {
    this.durable = this.appended
  }

  /** Applies entries up to `through` to the image; the checkpoint follows when `isChecked`. */
  flush(through: number, isChecked: boolean): void {
    const to = Math.min(through, this.durable)
    for (let at = Math.max(this.checkpoint + 1, this.retainedFrom); at <= to; at++) {
      const entry = this.entry(at)
      if (entry.block !== null) this.put(entry.block, { lsn: at, value: entry.value })
    }
    this.imageLsn = Math.max(this.imageLsn, to)
    if (isChecked) this.checkpoint = Math.max(this.checkpoint, to)
  }

  put(block: number, content: Content): void {
    if ((this.image.get(block)?.lsn ?? 0) < content.lsn) this.image.set(block, content)
  }

  /** Frees log that the checkpoint has passed, from below `keepFrom`. */
  trim(keepFrom: number): void {
    const from = Math.min(this.checkpoint + 1, keepFrom)
    if (from <= this.retainedFrom) return
    this.log.splice(0, from - this.retainedFrom)
    this.retainedFrom = from
  }

  /** The newest content of each block, wherever it is. */
  view(): ReadonlyMap<number, Content> {
    const view = new Map(this.image)
    this.log.forEach((entry, i) => {
      const at = this.retainedFrom + i
      if (entry.block === null || (view.get(entry.block)?.lsn ?? 0) >= at) return
      view.set(entry.block, { lsn: at, value: entry.value })
    })
    return view
  }

  persist(item: Persist): void {
    switch (item.kind) {
      case 'marks':
        this.stored = item.marks
        return
      case 'dropLog':
        this.cut = item.cut
        this.#truncate(item.above)
        return
      case 'forget':
        for (const [block, content] of this.image) {
          if (content.lsn <= item.above) continue
          this.image.delete(block)
          this.unknown.add(block)
        }
        this.imageLsn = Math.min(this.imageLsn, item.above)
        return
      case 'flushLog':
        this.durable = Math.max(this.durable, Math.min(this.appended, item.through))
        this.flush(item.through, true)
        return
      case 'restartLog':
        this.cut = item.cut
        this.log = []
        this.retainedFrom = item.after + 1
        this.durable = item.after
        this.checkpoint = item.after
        this.imageLsn = Math.max(this.imageLsn, item.after)
        this.history = item.history
        // what it claims to hold is known again when the base is there
        this.lineage = null
        return
    }
  }

  #truncate(above: Lsn): void {
    if (above < this.appended) this.log.length = Math.max(0, above - this.retainedFrom + 1)
    if (above < this.retainedFrom - 1) this.retainedFrom = above + 1
    this.durable = Math.min(this.durable, above)
    this.checkpoint = Math.min(this.checkpoint, above)
    this.history = trimHistory(this.history, above)
    this.lineage = lineageAt(this.lineage, above)
  }

  /** Power was lost: entries after `kept` are gone. */
  losePower(kept: number, bootId: string): void {
    const image = this.imageLsn
    this.#truncate(lsn(Math.max(kept, this.checkpoint)))
    this.imageLsn = image
    this.bootId = bootId
  }

  /** What recovery finds it makes durable. */
  recover(): void {
    this.durable = this.appended
  }
}
