/** Where the version of a block is that a reader of some LSN sees. */
import type { StoredVersion } from '../versions/version.ts'

/** Where the content of a version is. */
export interface BlockSource {
  readonly kind: 'log' | 'extent' | 'version'
  /** With which the checksum was made. */
  readonly lsn: number
  /** Log position; of the others the number of the block. */
  readonly position: number
  readonly checksum: number
  /** The block with which the checksum was seeded: another one only for patterns. */
  readonly seedBlock: number
  /** Of kind `version`: what the version store keeps. */
  readonly stored?: StoredVersion
}

export type Source =
  | BlockSource
  /** `lsn` 0: nobody ever touched the block. */
  | { readonly kind: 'zeros'; readonly lsn: number }
  /** Nobody touched the block of a clone that is not filled yet: it is as its origin has it. */
  | { readonly kind: 'origin'; readonly lsn: 0 }
  /** What it holds is not known: reading it is MEDIUM. */
  | { readonly kind: 'unknown'; readonly lsn: number }

/**
 * A version, and the LSN of the change that made it, for everybody who asks: of a block that a restore took back it is the
 * restore's, and the content may still be where the snapshot's version is, with the checksum of that one.
 */
export interface Located {
  readonly lsn: number
  readonly source: Source
}

/** Versions by LSN: of a snapshot, which a boundary of the dirty map has its place for, or Infinity for the newest. */
export interface VersionLocator {
  /** The version of `block` as of `lsn`. MEDIUM while a page of the map or a list of versions cannot be read. */
  locateAt(block: number, lsn: number): Promise<Located>
  /** Those of all 256 blocks of a page of the map: much cheaper than one by one. Errors as `locateAt`. */
  locatePage(page: number, lsn: number): Promise<readonly Located[]>
  /** Fills `target`, whole blocks, as of `lsn`. MEDIUM when a block is bad and no good copy can be had. */
  readAt(block: number, lsn: number, target: Uint8Array): Promise<void>
}
