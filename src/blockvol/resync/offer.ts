/** What a source offers of its blocks, and what of it is sent. */

/**
 * A version of a block. The last offer of a block is its newest one that is not above the target, as the map has it or will
 * have it; those before it, with `isVersion`, are older ones that a snapshot sees.
 *
 * `empty`: no entry ever touched it. `bad`: there is a newer one that is not committed, and what it replaced is not known any
 * more; should the replica lose that entry again, it must not show what it had before. `lost`: what it holds is not known at
 * the source. The LSN of these two is the target; that of a `lost` version is where it may begin.
 */
export interface Offer {
  readonly block: number
  readonly lsn: number
  readonly kind: 'data' | 'hole' | 'empty' | 'bad' | 'lost'
  /** Of data: CRC-32C as the block map has it, or will have it. 0 for the others. */
  readonly checksum: number
  readonly isVersion: boolean
}

/** An offer whose content was asked for. */
export interface BaseBlock {
  readonly block: number
  readonly lsn: number
  readonly isVersion: boolean
  /** 4096 bytes with the checksum of the offer; undefined when the source could not read it. */
  readonly content: { readonly checksum: number; readonly data: Uint8Array } | undefined
}

/** `changed`: there is a newer one now, committed, which comes as a log entry, and nobody sees this one. `bad`: it cannot be had. */
export type Reading = 'ok' | 'changed' | 'bad'

/** Most offers of one frame: those of two full pages. */
export const OFFERS_MAX = 512
