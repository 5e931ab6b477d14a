/**
 * What one command may move or change. VPD page B0h advertises these figures and the commands enforce them,
 * both from here. They bound the memory of a command: a larger transfer is refused as INVALID FIELD IN CDB.
 */
import { GIB, KIB, MIB } from '../../base/units.ts'

/**
 * READ, WRITE, VERIFY, ORWRITE and their kin. As much as hosts send that never ask (65536 blocks of 512); those
 * that ask prefer the optimal length. The session reserves the memory of a command before it is executed.
 */
export const TRANSFER_BYTES_MAX = 32 * MIB
/** Up to here a sequential transfer gains from being longer: the largest buffer of the pool. */
export const TRANSFER_BYTES_OPTIMAL = MIB
/** The unit of the device's log and map: transfers and deallocation are best aligned to it. */
export const PHYSICAL_BLOCK_BYTES = 4 * KIB
/** COMPARE AND WRITE; the field in page B0h has 8 bits, so in blocks rather than bytes. */
export const COMPARE_BLOCKS_MAX = 128
export const UNMAP_DESCRIPTORS_MAX = 256
/** No limit: a deallocated range stays a range in the device's log. */
export const UNMAP_BLOCKS_MAX = 0xffffffff
/** A pattern stays a range too, but has to be written out in the end. */
export const WRITE_SAME_BYTES_MAX = 128 * MIB
/** GET LBA STATUS looks no further than this in one command, nor does it ask the device more often. */
export const LBA_STATUS_BYTES_MAX = GIB
export const LBA_STATUS_CALLS_MAX = 32
export const LBA_STATUS_DESCRIPTORS_MAX = 256

/** EXTENDED COPY: one segment, and what one command may name. A copy runs through one buffer of the pool. */
export const COPY_SEGMENT_BYTES_MAX = 32 * MIB
export const COPY_SEGMENTS_MAX = 8
export const COPY_CSCDS_MAX = 4
/** Copies under way on one logical unit; more are answered BUSY. */
export const COPIES_MAX = 8
