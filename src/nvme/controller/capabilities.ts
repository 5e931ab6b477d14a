/**
 * What the controllers say that they can do (Identify, NVMe Base 2.0 §5.17). Each bit stands for something that is
 * implemented; `capabilities.test.ts` walks the list.
 */
import { KIB, MIB } from '../../base/units.ts'

/** MDTS: 2^8 pages of 4 KiB. What a command carries beyond is refused. */
export const MDTS = 8
export const TRANSFER_BYTES_MAX = MIB
/** Data that a command may bring in its capsule on the admin queue (TCP transport: 8192 at least). */
export const ADMIN_CAPSULE_BYTES = 8 * KIB

/** CMIC: bit 0 several ports, bit 1 several controllers, bit 3 ANA reporting. */
export const CMIC = 0x0b
/** CTRATT: bit 0 host identifiers of 128 bits, bit 6 any command keeps the association alive. */
export const CTRATT = 0x41
/** OAES: bit 8 namespace attributes, bit 11 ANA change. */
export const OAES_VOLUME = (1 << 8) | (1 << 11)
/** OAES of a discovery controller: bit 31 discovery log page change. */
export const OAES_DISCOVERY = 0x8000_0000
/** ACL: Abort commands at a time, minus one. */
export const ABORT_LIMIT = 3
/** ELPE: entries of the error log page, minus one. */
export const ERROR_LOG_ENTRIES = 16
/** LPA: bit 1 commands supported and effects, bit 2 offsets and long log pages, bit 5 supported log pages. */
export const LPA = 0x26
/** KAS: granularity of the keep alive timer, in units of 100 ms. */
export const KEEP_ALIVE_GRANULARITY = 10
/** ANATT: seconds that a change of paths may take before the host resets the controller. */
export const ANA_TRANSITION_SECONDS = 60
/** ANACAP: the states optimized, inaccessible and change; bit 6: a namespace's group stays the same. */
export const ANACAP = 0x01 | 0x04 | 0x10 | 0x40
/** SQES and CQES: 64 and 16 bytes, needed and most. */
export const SQES = 0x66
export const CQES = 0x44
/** ONCS: Compare, Dataset Management, Write Zeroes, Save/Select of features, Reservations, Verify. */
export const ONCS = 0x01 | 0x04 | 0x08 | 0x10 | 0x20 | 0x80
/** FUSES: Compare and Write. */
export const FUSES = 0x01
/** VWC: a cache is present; Flush may name all namespaces. */
export const VWC = 0x07
/** SGLS: SGLs without alignment, offsets into the capsule. */
export const SGLS = 0x0010_0001
/** OFCS: Disconnect. */
export const OFCS = 0x01
/** Data set ranges of one command (DMRL). */
export const DSM_RANGES_MAX = 255
