/**
 * A preserved version of a block: what it was before a later change, kept because a snapshot sees it. Kept once, by block
 * and birth LSN, and never replaced.
 */
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
  /** Of data: which block of the data files. */
  readonly slot: number
}

/**
 * What one step preserves: added in any order, and there for readers once `commit` resolved, durably and whole; a crash before leaves
 * nothing of it. One batch at a time is under way. A version that is there already is passed over, not replaced.
 */
export interface VersionBatch {
  /** `data`: of kind data, 4096 bytes, lent until the promise settles. May write as it goes, so that memory stays bounded. */
  add(version: Version, data: Uint8Array | undefined): Promise<void>
  commit(): Promise<void>
  /** Gives it up; after an error too. */
  abandon(): Promise<void>
}

export interface VersionStore {
  /** Whether nothing is kept; then nobody need ask. */
  readonly isEmpty: boolean
  /** Versions of `block`, ascending by LSN. */
  of(block: number): Promise<readonly StoredVersion[]>
  /** The newest version of `block` not above `lsn`. */
  at(block: number, lsn: number): Promise<StoredVersion | undefined>
  /** Versions of blocks in [fromBlock, endBlock), ascending by block and LSN, at most `limit` or all of one block. */
  scan(fromBlock: number, endBlock: number, limit: number): Promise<readonly StoredVersion[]>
  /** Fills `target`; false when the copy is bad or unreadable: the caller repairs it or says MEDIUM. */
  read(version: StoredVersion, target: Uint8Array): Promise<boolean>
  /** A good copy over a bad one. */
  repair(version: StoredVersion, data: Uint8Array): Promise<void>
  /** `asOfLsn`: of the flush that preserves; above the checkpoint until that flush is over. */
  begin(asOfLsn: number): VersionBatch
  /**
   * What no snapshot sees is given back, in the background and bounded, beginning now; again with the newest list when called
   * meanwhile. `isSeen`: whether a snapshot sees the version that is the newest up to `nextLsn` (exclusive; Infinity is never
   * passed: a version has a successor, which is preserved too or is the head; `headLsn` tells that one).
   */
  collect(snapshotLsns: readonly number[], headLsn: (block: number) => Promise<number>): void
  /** Drops what was born above `lsn`, durably: a history that is given up. */
  dropAbove(lsn: number): Promise<void>
  /** Space: of data on the disk, of data that nobody sees any more, of the lists. */
  usage(): { readonly dataBytes: number; readonly freeingBytes: number; readonly metadataBytes: number }
  /** Background work ends first. */
  close(): Promise<void>
}
