/**
 * What a version store has to hold, computed the slow way: a volume in which blocks change, snapshots are made and deleted and
 * histories are given up, and every version that was ever preserved. Changes make a new model, so that before and after can
 * both be asked.
 */
import type { StoredVersion, Version, VersionStore } from '../../src/blockvol/versions/version.ts'
import { badVersion, contentOf, dataVersion, holeVersion, tellOne } from './version-rig.ts'

export const MODEL_BLOCKS = 12

/** One step of who uses a store. */
export type VersionStep =
  | { readonly kind: 'snapshot' }
  /** The `nth` snapshot goes. */
  | { readonly kind: 'delete'; readonly nth: number }
  /** Blocks change and are flushed; so does the checkpoint. */
  | { readonly kind: 'flush'; readonly blocks: readonly number[]; readonly isShuffled: boolean }
  | { readonly kind: 'given-up'; readonly blocks: readonly number[] }
  | { readonly kind: 'collect' }
  /** The last `entries` LSNs are of a history that is given up. */
  | { readonly kind: 'drop'; readonly entries: number }
  | { readonly kind: 'settle' }
  | { readonly kind: 'repair'; readonly block: number }
  | { readonly kind: 'reopen' }

export class VersionModel {
  /** Of each block, its newest version; 0 when it has none. */
  readonly heads: readonly number[]
  readonly snapshots: readonly number[]
  readonly lastLsn: number
  readonly checkpointLsn: number
  /** Preserved and not given up, in the order in which they were. */
  readonly preserved: readonly Version[]

  constructor(from?: Partial<VersionModel>) {
    this.heads = from?.heads ?? new Array<number>(MODEL_BLOCKS).fill(0)
    this.snapshots = from?.snapshots ?? []
    this.lastLsn = from?.lastLsn ?? 0
    this.checkpointLsn = from?.checkpointLsn ?? 0
    this.preserved = from?.preserved ?? []
  }

  after(step: VersionStep): VersionModel {
    const { snapshots, lastLsn } = this
    switch (step.kind) {
      case 'snapshot':
        return new VersionModel({ ...this, lastLsn: lastLsn + 1, snapshots: [...snapshots, lastLsn + 1] })
      case 'delete': {
        const nth = snapshots.length === 0 ? 0 : step.nth % snapshots.length
        const rest = snapshots.filter((_, i) => i !== nth)
        return new VersionModel({ ...this, lastLsn: lastLsn + 1, snapshots: rest })
      }
      case 'flush': {
        const heads = [...this.heads]
        for (const [i, block] of step.blocks.entries()) heads[block] = lastLsn + 1 + i
        const cut = lastLsn + step.blocks.length
        const preserved = [...this.preserved, ...this.preservedBy(step)]
        return new VersionModel({ ...this, heads, preserved, lastLsn: cut, checkpointLsn: cut })
      }
      case 'drop': {
        const above = Math.max(0, lastLsn - step.entries)
        let last = above
        return new VersionModel({
          ...this,
          // what such blocks held is not known; the other history has given them something
          heads: this.heads.map((head) => (head > above ? ++last : head)),
          snapshots: snapshots.filter((lsn) => lsn <= above),
          preserved: this.preserved.filter(({ lsn }) => lsn <= above),
          lastLsn: last,
          checkpointLsn: last,
        })
      }
      // each of a block's versions by itself: `mismatch` allows for what is repaired and what is not
      case 'repair':
      case 'given-up':
      case 'collect':
      case 'settle':
      case 'reopen':
        return this
    }
  }

  /** What a flush has to preserve: heads that a snapshot sees and that are about to change. */
  preservedBy({ blocks, isShuffled }: VersionStep & { kind: 'flush' }): Version[] {
    const changed = [...new Set(blocks)].sort((a, b) => (isShuffled ? ((a * 7) % 5) - ((b * 7) % 5) : a - b))
    return changed.flatMap((block) => {
      const lsn = this.heads[block]!
      const isSeen = lsn !== 0 && this.snapshots.some((at) => at >= lsn)
      return isSeen ? [versionOf(block, lsn)] : []
    })
  }

  /** What snapshots see of what is preserved: it must be there. */
  seen(): Version[] {
    return this.preserved.filter((version) => this.#seers(version).length > 0)
  }

  #seers({ block, lsn }: Version): number[] {
    let next = this.heads[block]!
    for (const other of this.preserved) {
      if (other.block === block && other.lsn > lsn && (other.lsn < next || next <= lsn)) next = other.lsn
    }
    return this.snapshots.filter((at) => at >= lsn && (next <= lsn || at < next))
  }

  /** Bytes that each snapshot counts, held and exclusive, of versions that have data. */
  usage(
    hasData: (version: Version) => boolean,
  ): { lsn: number; heldBytes: number; exclusiveBytes: number }[] {
    const usage = this.snapshots.map((lsn) => ({ lsn, heldBytes: 0, exclusiveBytes: 0 }))
    for (const version of this.preserved) {
      if (!hasData(version)) continue
      const seers = this.#seers(version)
      const newest = usage.find(({ lsn }) => lsn === Math.max(...seers))
      if (newest === undefined) continue
      newest.heldBytes += 4096
      if (seers.length === 1) newest.exclusiveBytes += 4096
    }
    return usage
  }

  headLsn = (block: number): Promise<number> => Promise.resolve(this.heads[block] ?? 0)
}

/** What a block held as of an LSN: mostly data, some holes, some that is not known. */
function versionOf(block: number, lsn: number): Version {
  const kind = (block * 3 + lsn) % 11
  if (kind === 0) return holeVersion(block, lsn)
  return kind === 1 ? badVersion(block, lsn) : dataVersion(block, lsn)
}

const nameOf = ({ block, lsn, kind }: Version): string =>
  `${block}@${lsn}${kind === 'data' ? '' : ` ${kind}`}`

/** Everything that the store says, by `scan`; each block is also asked alone. Content is compared. */
export async function everything(store: VersionStore): Promise<Map<string, StoredVersion>> {
  for (;;) {
    const { generation } = store
    const found = new Map<string, StoredVersion>()
    const scanned = await store.scan(0, MODEL_BLOCKS, 1e6)
    let wrong: string | undefined
    for (const version of scanned) {
      const told = await tellOne(store, version)
      if (/wrong|unreadable/.test(told)) wrong ??= `block ${version.block}: ${told}`
      found.set(nameOf(version), version)
    }
    const asked: StoredVersion[] = []
    for (let block = 0; block < MODEL_BLOCKS; block++) asked.push(...(await store.of(block)))
    if (JSON.stringify(asked) !== JSON.stringify(scanned)) wrong ??= 'of and scan do not agree'
    if (wrong === undefined) return found
    // unless some of it was given back meanwhile
    if (store.generation === generation) throw new Error(wrong)
  }
}

/** What a version may be called that the store has: one of kind bad may have been repaired. */
const namesOf = (version: Version): readonly string[] =>
  version.kind === 'bad' ? [nameOf(version), nameOf({ ...version, kind: 'data' })] : [nameOf(version)]

/** Why `found` is not what a store may hold whose user is as `model` says; undefined when it is. */
export function mismatch(model: VersionModel, found: ReadonlyMap<string, unknown>): string | undefined {
  const may = new Set(model.preserved.flatMap(namesOf))
  for (const name of found.keys()) if (!may.has(name)) return `${name} was not preserved`
  for (const version of model.seen()) {
    if (!namesOf(version).some((name) => found.has(name))) return `${nameOf(version)} is lost`
  }
  return undefined
}

/** Why the store holds more than what snapshots see, or another number of bytes; asked after a collection. */
export async function excess(
  model: VersionModel,
  store: VersionStore,
  found: ReadonlyMap<string, StoredVersion>,
): Promise<string | undefined> {
  const seen = new Set(model.seen().flatMap(namesOf))
  for (const name of found.keys()) if (!seen.has(name)) return `${name} is seen by none and still there`
  const data = [...found.values()].filter(({ kind }) => kind === 'data')
  const { dataBytes, freeingBytes } = store.usage()
  if (dataBytes !== data.length * 4096 || freeingBytes !== 0) {
    return `${dataBytes} bytes are used, ${freeingBytes} to be given back, of ${data.length} blocks`
  }
  const hasData = (version: Version): boolean => found.has(nameOf({ ...version, kind: 'data' }))
  const usage = await store.usageBySnapshot(model.snapshots, model.headLsn)
  const expected = { snapshots: model.usage(hasData), freeingBytes: 0 }
  if (JSON.stringify(usage) !== JSON.stringify(expected)) {
    return `usage ${JSON.stringify(usage)} is not ${JSON.stringify(expected)}`
  }
  return undefined
}

/** Does one step at a store. A flush may be one that is repeated. */
export async function perform(store: VersionStore, model: VersionModel, step: VersionStep): Promise<void> {
  switch (step.kind) {
    case 'flush': {
      const batch = store.begin(model.lastLsn + step.blocks.length)
      try {
        for (const version of model.preservedBy(step)) {
          if (!batch.isFresh && (await batch.has(version.block, version.lsn))) continue
          await batch.add(
            version,
            version.kind === 'data' ? contentOf(version.block, version.lsn) : undefined,
          )
        }
        await batch.commit()
      } finally {
        await batch.abandon()
      }
      return
    }
    case 'given-up': {
      const batch = store.begin(model.lastLsn + 1)
      for (const block of step.blocks) await batch.add(dataVersion(block, 1), contentOf(block, 1))
      return batch.abandon()
    }
    case 'collect':
      return store.collect(model.snapshots, model.headLsn)
    case 'drop':
      return store.dropAbove(Math.max(0, model.lastLsn - step.entries))
    case 'settle':
      return store.settled()
    case 'repair':
      for (const version of await store.of(step.block)) {
        if (version.kind === 'bad') await store.repair(version, contentOf(version.block, version.lsn))
      }
      return
    case 'snapshot':
    case 'delete':
    case 'reopen':
      return
  }
}
