/**
 * The contract of the version store: what blocks were before later changes, kept because snapshots see it. Every version is
 * kept once, by block and birth LSN, and never replaced. `store.ts` implements it.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Disk } from '../../base/ports/disk.ts'

export interface Version {
  readonly block: number
  /** Of the change that made it. */
  readonly lsn: number
  /** `hole`: it was trimmed. `bad`: what it held is not known; reading it is MEDIUM. */
  readonly kind: 'data' | 'hole' | 'bad'
  /** Of data: as the block map had it. 0 for the others. */
  readonly checksum: number
}

/** A version as it is stored. */
export interface StoredVersion extends Version {
  /** Of data: which block of the data files. 0 for the others. */
  readonly slot: number
}

/**
 * What one step preserves: added in any order (ascending by block and LSN is the cheapest), and there for readers once
 * `commit` resolved, durably and whole; a crash before leaves nothing of it. One batch at a time is under way. A version that
 * is there already is passed over, not replaced.
 *
 * Errors: NO_SPACE, after which the batch is abandoned and may be tried anew; DISK, after which nothing can be preserved until
 * the store is opened again; MEDIUM, when a list that has to be asked is damaged.
 */
export interface VersionBatch {
  /** Nothing that this batch adds can be there already: `has` need not be asked. */
  readonly isFresh: boolean
  /** Whether an earlier batch preserved the version; then the extents may hold something else by now. */
  has(block: number, lsn: number): Promise<boolean>
  /** `data`: of kind data, 4096 bytes, lent until the promise settles. May write as it goes, so that memory stays bounded. */
  add(version: Version, data: Uint8Array | undefined): Promise<void>
  /** As `add` of each, all of kind data: `data` has their blocks one behind the other. Costs no promise a block. */
  addMany(versions: readonly Version[], data: Uint8Array): Promise<void>
  commit(): Promise<void>
  /** Gives it up; after an error too. Never rejects; nothing happens after `commit`. */
  abandon(): Promise<void>
}

/** What a pass over all that is kept found. */
export interface VersionScrub {
  readonly versions: number
  readonly verifiedBytes: number
  /** Pages of the lists with a bad copy that was written anew from the good one. */
  readonly repairedPages: number
  /** Pages of the lists that are lost: look-ups there are MEDIUM. */
  readonly lostPages: number
}

export interface VersionScrubOptions {
  /** A version that cannot be read: kind bad, or a copy that fails its checksum. The pass waits for it. */
  readonly onBad: (version: StoredVersion) => Promise<void>
  /** Called after so many bytes were read; the pass waits for it. */
  readonly pace: (bytes: number) => Promise<void>
  /** Asked often; the pass ends early when false. */
  readonly goesOn: () => boolean
}

/** How preserved bytes belong to snapshots, in the order of the list that was asked for. */
export interface VersionUsage {
  readonly snapshots: readonly {
    readonly lsn: number
    /** Of the snapshots that see a preserved block, the newest counts it. */
    readonly heldBytes: number
    /** Seen by it alone: what its deletion would give back. */
    readonly exclusiveBytes: number
  }[]
  /** Seen by none. With all `heldBytes` this is `usage().dataBytes`, as it was when the count began. */
  readonly freeingBytes: number
}

export interface VersionStore {
  /** Whether nothing is kept; then nobody need ask. */
  readonly isEmpty: boolean
  /** Rises with every change of the lists. The checkpoint names it, so that a list that the disk lost is found out. */
  readonly generation: number
  /** Versions of `block`, ascending by LSN. MEDIUM when a list that may name some is damaged. */
  of(block: number): Promise<readonly StoredVersion[]>
  /** The newest version of `block` not above `lsn`. MEDIUM as `of`. */
  at(block: number, lsn: number): Promise<StoredVersion | undefined>
  /**
   * Versions of blocks in [fromBlock, endBlock), ascending by block and LSN: at most `limit` and never a part of a block's, but
   * all of one block's in any case. None: there are none in the range. MEDIUM as `of`.
   */
  scan(fromBlock: number, endBlock: number, limit: number): Promise<readonly StoredVersion[]>
  /**
   * Fills `target` (4096 bytes) with what a version of kind data held; false when the copy is bad or unreadable, or was given
   * back since it was looked up: after another look-up the caller repairs it or says MEDIUM.
   */
  read(version: StoredVersion, target: Uint8Array): Promise<boolean>
  /**
   * A good copy over a bad one, durable when the promise resolves; nothing happens when the version is kept no more. Data has to
   * pass the version's checksum. A version of kind bad becomes one of data, or with undefined a hole.
   */
  repair(version: StoredVersion, data: Uint8Array | undefined): Promise<void>
  /**
   * `asOfLsn`: of the flush that preserves; above the checkpoint until that flush is over. What is added is looked for in batches
   * as of LSNs above the checkpoint, which a flush that a crash interrupted may have left; with `isCheckingAll` in all.
   */
  begin(asOfLsn: number, options?: { readonly isCheckingAll?: boolean }): VersionBatch
  /**
   * What no snapshot sees is given back, in the background and bounded, beginning now; again with the newest list when called
   * meanwhile. `snapshotLsns`: of the snapshots of the checkpointed state, in any order; batches as of LSNs above the checkpoint
   * are left alone. `headLsn`: LSN of a block's entry in the map, 0 when it has none; what it cannot tell (MEDIUM) stays.
   * A version is seen by a snapshot that is not below it and is below its successor, which is preserved too or is the head.
   * To be called after an opening too: a collection that did not end before a crash is forgotten.
   */
  collect(snapshotLsns: readonly number[], headLsn: (block: number) => Promise<number>): void
  /** Drops what was born above `lsn`, durably: a history that is given up. No batch is under way. */
  dropAbove(lsn: number): Promise<void>
  /** Space: of data on the disk, of data that nobody sees any more (a part of it), of the lists. */
  usage(): { readonly dataBytes: number; readonly freeingBytes: number; readonly metadataBytes: number }
  /** Goes over all that is kept, in bounded memory. `snapshotLsns` and `headLsn` as for `collect`. */
  usageBySnapshot(
    snapshotLsns: readonly number[],
    headLsn: (block: number) => Promise<number>,
  ): Promise<VersionUsage>
  /** Reads and verifies every version and both copies of every page of the lists. */
  scrub(options: VersionScrubOptions): Promise<VersionScrub>
  /** Space that the files take on the disk. */
  allocatedBytes(): Promise<number>
  /** Resolves when no background work is left that could be done now. */
  settled(): Promise<void>
  /** Background work ends first. */
  close(): Promise<void>
}

export interface VersionStoreOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly pool: BufferPool
  readonly logger: Logger
  /** Of the store: `versions` in the volume's directory. */
  readonly directory: string
  /** Of the volume. */
  readonly uuid: Uint8Array
  /** Up to here everything is in extents and map. */
  readonly checkpointLsn: () => number
  /** The generation that the checkpoint names; 0 when it names none. An older one is CORRUPT: the disk lost a write. */
  readonly generationMin: number
}
