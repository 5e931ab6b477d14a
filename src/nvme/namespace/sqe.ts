/**
 * Fields of a submission queue entry that the NVM command set reads (NVM Express Base 2.0, Common Command Format; NVM
 * Command Set 1.0). Little-endian, read byte by byte: a `DataView` per command costs more than the command.
 */
/** I/O opcodes that are carried out. */
export const OPCODE = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
  VERIFY: 0x0c,
  RESERVATION_REGISTER: 0x0d,
  RESERVATION_REPORT: 0x0e,
  RESERVATION_ACQUIRE: 0x11,
  RESERVATION_RELEASE: 0x15,
} as const

export const SQE_BYTES = 64
/** Namespace identifier that means every namespace. */
export const NSID_ALL = 0xffffffff

const NSID_AT = 4
const CDW10_AT = 40
const CDW11_AT = 44
const CDW12_AT = 48

const TWO_32 = 0x1_0000_0000

/** The u32 at `at`. */
export const u32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
  0

/** The u64 at `at`, inexact above 2^53: such an address or length is out of every range, and stays so. */
export const u64At = (bytes: Uint8Array, at: number): number =>
  u32At(bytes, at + 4) * TWO_32 + u32At(bytes, at)

export const opcodeOf = (sqe: Uint8Array): number => sqe[0] ?? 0
/** FUSE: 0 not fused, 1 first, 2 second command of a fused operation. */
export const fuseOf = (sqe: Uint8Array): number => (sqe[1] ?? 0) & 0x03
export const nsidOf = (sqe: Uint8Array): number => u32At(sqe, NSID_AT)
export const cdw10Of = (sqe: Uint8Array): number => u32At(sqe, CDW10_AT)
export const cdw11Of = (sqe: Uint8Array): number => u32At(sqe, CDW11_AT)

/** SLBA, in command dwords 10 and 11. */
export const startLbaOf = (sqe: Uint8Array): number => u64At(sqe, CDW10_AT)
/** NLB counts from 0 in the command; here it is the number of blocks, 1 to 65536. */
export const blocksOf = (sqe: Uint8Array): number => (u32At(sqe, CDW12_AT) & 0xffff) + 1
/** Force Unit Access, bit 30 of command dword 12. */
export const hasFua = (sqe: Uint8Array): boolean => ((sqe[CDW12_AT + 3] ?? 0) & 0x40) !== 0
/** Deallocate, bit 25 of command dword 12 of Write Zeroes. */
export const hasDeallocate = (sqe: Uint8Array): boolean => ((sqe[CDW12_AT + 3] ?? 0) & 0x02) !== 0
