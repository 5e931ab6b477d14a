/**
 * What a login settles (RFC 7143 §13), in the names and units of this code: what a side wishes, and what both
 * agreed. One connection per session, error recovery level 0 and data in order are not up for choice here.
 */
type DigestName = 'CRC32C' | 'None'

/** What one side offers and accepts. */
export interface ParameterWishes {
  /** In order of preference; what is not listed is not accepted. */
  readonly headerDigest: readonly DigestName[]
  readonly dataDigest: readonly DigestName[]
  /** Whether unsolicited Data-Out is to wait for an R2T. The result is yes when one side says so. */
  readonly initialR2t: boolean
  /** Whether data may come in the command's own PDU. The result is yes when both say so. */
  readonly immediateData: boolean
  /** The longest data segment that this side takes, 512 to 2^24 − 1. Declared, not negotiated. */
  readonly maxRecvDataSegmentLengthBytes: number
  /** 512 to 2^24 − 1; the lower of both holds. */
  readonly maxBurstLengthBytes: number
  /** 512 to 2^24 − 1; the lower of both holds, and never above the burst length. */
  readonly firstBurstLengthBytes: number
  /** 1 to 65535; the lower of both holds. */
  readonly maxOutstandingR2t: number
  /** 0 to 3600; the higher of both holds. */
  readonly defaultTime2WaitSeconds: number
  /** 0 to 3600; the lower of both holds. */
  readonly defaultTime2RetainSeconds: number
}

/** What holds in the full feature phase of one connection. */
export interface OperationalParameters {
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  readonly initialR2t: boolean
  readonly immediateData: boolean
  /** The longest data segment that this side may get. */
  readonly maxRecvDataSegmentLengthBytes: number
  /** The longest data segment that the other side takes. */
  readonly maxSendDataSegmentLengthBytes: number
  readonly maxBurstLengthBytes: number
  readonly firstBurstLengthBytes: number
  readonly maxOutstandingR2t: number
  readonly defaultTime2WaitSeconds: number
  readonly defaultTime2RetainSeconds: number
}

/** A target's wishes: large segments, data as early as possible, nothing retained for a lost connection. */
export const TARGET_WISHES: ParameterWishes = {
  headerDigest: ['None', 'CRC32C'],
  dataDigest: ['None', 'CRC32C'],
  initialR2t: false,
  immediateData: true,
  maxRecvDataSegmentLengthBytes: 262144,
  maxBurstLengthBytes: 1048576,
  firstBurstLengthBytes: 262144,
  maxOutstandingR2t: 4,
  defaultTime2WaitSeconds: 2,
  defaultTime2RetainSeconds: 0,
}

/** An initiator's wishes; the same figures, so that either side alone decides nothing by accident. */
export const INITIATOR_WISHES: ParameterWishes = { ...TARGET_WISHES, defaultTime2WaitSeconds: 0 }
