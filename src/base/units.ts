/**
 * Branded numbers: a log sequence number and a position in the log ring are both plain
 * doubles at run time, exact to 2^53, and different types to the compiler, so that none is computed from
 * another by accident. Opaque 64-bit values (epoch ids, reservation keys) are `bigint` and never computed with.
 */
declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Log sequence number: 1 for the first entry of a volume; 0 means "before any entry". Never reused, no holes. */
export type Lsn = Brand<number, 'Lsn'>
/**
 * Byte position in the log since the volume was made; rises for ever. Its place in the ring's file is the
 * position modulo the ring's size. Unrelated to LSNs.
 */
export type LogPosition = Brand<number, 'LogPosition'>
/** Epoch number; one opening of a volume by one process. Rises only. */
export type EpochNumber = Brand<number, 'EpochNumber'>

export const lsn = (value: number): Lsn => value as Lsn
export const logPosition = (value: number): LogPosition => value as LogPosition
export const epochNumber = (value: number): EpochNumber => value as EpochNumber

/** An epoch: its number, and the random id that tells two openings apart which took the same number. */
export interface Epoch {
  readonly number: EpochNumber
  readonly id: bigint
}

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
export const TIB = 1024 * GIB

/** Bytes of a block: the unit of the log, the block map and checksums. */
export const BLOCK_BYTES = 4096

/** The least multiple of `unit` that is not below `value`. Exact below 2^53, unlike 32-bit tricks. */
export const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit
/** The greatest multiple of `unit` that is not above `value`. */
export const alignDown = (value: number, unit: number): number => Math.floor(value / unit) * unit
