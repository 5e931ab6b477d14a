/**
 * Bounds of a volume's size and of its log, which every part agrees on: the engine refuses what is outside, and the
 * master before it asks a server.
 */
import { alignDown, BLOCK_BYTES, GIB, KIB, MIB, TIB } from './units.ts'

export const VOLUME_BYTES_MIN = MIB
export const VOLUME_BYTES_MAX = 64 * TIB
export const LOG_BYTES_MIN = 64 * KIB
export const LOG_BYTES_MAX = 4 * GIB

/** 256 MiB or a quarter of the volume, whichever is less. */
export const defaultLogBytes = (sizeBytes: number): number =>
  Math.max(LOG_BYTES_MIN, Math.min(256 * MIB, alignDown(sizeBytes / 4, BLOCK_BYTES)))
