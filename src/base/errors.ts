/**
 * Operating errors: what can go wrong while every line of the code is right. The list of codes is closed;
 * each edge (SCSI sense, HTTP status, exit code) has one table over it, and the compiler checks that the
 * table is total (`satisfies Record<BlockErrorCode, …>`).
 */
export const BLOCK_ERROR_CODES = [
  /** The request lies outside the volume or is not aligned to its logical block. */
  'OUT_OF_RANGE',
  /** A bounded wait ended (full log, full queue); nothing was done; the host may retry. */
  'BUSY',
  /** The disk has no room for a block that would need new space; nothing was done. */
  'NO_SPACE',
  /** Content failed its checksum and no good copy could be had. */
  'MEDIUM',
  /** The log or the disk failed; this replica acknowledges nothing more until it is reopened from disk. */
  'POISONED',
  /** The volume is closing or closed. */
  'CLOSED',
  /** Writes are refused: the volume is read-only. */
  'READ_ONLY',
  /** Another initiator holds a reservation that forbids this. */
  'RESERVATION_CONFLICT',
  /** A file, a name or a volume is not there. */
  'NOT_FOUND',
  /** What should be made is there already, or is not as it was asked for. */
  'CONFLICT',
  /** Somebody else uses it: the data directory is locked. */
  'IN_USE',
  /** A structure on disk has a version that this program does not know. It is refused, never guessed. */
  'UNKNOWN_FORMAT',
  /** A structure on disk is damaged beyond what its second copy repairs. */
  'CORRUPT',
  /** The log has a hole: entries that were durable are missing. An operator or a peer has to decide. */
  'LOG_DAMAGED',
  /** The caller's argument makes no sense; the message names it. */
  'INVALID_ARGUMENT',
  /** The other side of a connection sent what the protocol does not allow. */
  'PROTOCOL',
  /** A login was refused. */
  'ACCESS_DENIED',
  /** A connection or a peer went away. */
  'DISCONNECTED',
  /** No answer came in time, and it was given up; whether it was done is unknown. */
  'TIMED_OUT',
  /** It was aborted at somebody's wish; whether it was done before is unknown. */
  'ABORTED',
  /** The disk returned an error of its own (EIO and the like). */
  'DISK',
] as const

export type BlockErrorCode = (typeof BLOCK_ERROR_CODES)[number]

/** Facts of an error, for logs and answers. Never secrets. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | bigint | undefined>>

export class BlockError extends Error {
  override readonly name = 'BlockError'
  readonly code: BlockErrorCode
  readonly facts: ErrorFacts

  constructor(code: BlockErrorCode, message: string, options: { facts?: ErrorFacts; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = options.facts ?? {}
  }
}

export const isBlockError = (error: unknown, code?: BlockErrorCode): error is BlockError =>
  error instanceof BlockError && (code === undefined || error.code === code)
