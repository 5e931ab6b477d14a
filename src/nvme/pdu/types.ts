/**
 * The numbers of NVMe/TCP PDUs (NVM Express TCP Transport Specification §3.6): types, flags, fatal error status.
 * `const` objects with union types beside them, no behaviour.
 */

/** PDU-Type of the common header. Even ones travel from host to controller; 08h is not used. */
export const PduType = {
  icReq: 0x00,
  icResp: 0x01,
  h2cTermReq: 0x02,
  c2hTermReq: 0x03,
  capsuleCmd: 0x04,
  capsuleResp: 0x05,
  h2cData: 0x06,
  c2hData: 0x07,
  r2t: 0x09,
} as const
export type PduType = (typeof PduType)[keyof typeof PduType]

/** Bits of FLAGS. Which of them a type has, its own codec says. */
export const PduFlag = {
  /** HDGSTF: a header digest follows the header. */
  headerDigest: 0x01,
  /** DDGSTF: a data digest follows the data. */
  dataDigest: 0x02,
  /** LAST_PDU of H2CData and C2HData. */
  last: 0x04,
  /** SUCCESS of C2HData: the command is over without an error, and no CapsuleResp follows. */
  success: 0x08,
} as const

/** FES of a TermReq. FEI is an offset into the bad header for 01h and 06h, the digest that came for 03h, else 0. */
export const FatalErrorStatus = {
  invalidPduHeaderField: 0x01,
  pduSequenceError: 0x02,
  headerDigestError: 0x03,
  dataTransferOutOfRange: 0x04,
  /** Said by a controller of data, by a host of R2Ts. */
  transferLimitExceeded: 0x05,
  unsupportedParameter: 0x06,
} as const
export type FatalErrorStatus = (typeof FatalErrorStatus)[keyof typeof FatalErrorStatus]

/** What the peer did, as a TermReq tells it. */
export interface PduFault {
  readonly fes: FatalErrorStatus
  /** Fatal error information: u32. */
  readonly fei: number
}

export const DIGEST_BYTES = 4
/** HPDA and CPDA: number of dwords, minus one, that data is aligned to. */
export const DATA_ALIGNMENT_MAX = 31

/** Bytes that data is aligned to, counted from the start of its PDU, by the value of HPDA or CPDA. */
export const alignmentBytesOf = (dataAlignment: number): number => (dataAlignment + 1) * 4
