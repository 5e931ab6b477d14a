/**
 * What a receiver refuses about a common header. Checked as soon as its eight bytes are there, because only then can
 * the rest be told apart; in the order of the fields, for the first wrong one is what a TermReq names.
 */
import { CommonHeader, HEADER_BYTES } from './common-header.ts'
import { TERM_REQ_BYTES_MAX, TERM_REQ_BYTES_MIN } from './term-req.ts'
import { DIGEST_BYTES, FatalErrorStatus, type PduFault, PduFlag, PduType } from './types.ts'

/** Who receives, and what the connection has come to. */
export interface Expectation {
  readonly side: 'controller' | 'host'
  /** Initialize Connection is over. */
  readonly isInitialized: boolean
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  /** What this side asked for by its HPDA or CPDA. */
  readonly alignmentBytes: number
  /** Data that a capsule may carry. */
  readonly capsuleDataBytesMax: number
  /** Data that an H2CData or C2HData may carry. */
  readonly transferBytesMax: number
}

/** How the PDU is cut. */
export interface Shape {
  /** Bytes before the data: header, digest and padding. */
  headBytes: number
  dataBytes: number
  hasHeaderDigest: boolean
  hasDataDigest: boolean
}

const AT = CommonHeader.at

const wrongField = (fei: number): PduFault => ({ fes: FatalErrorStatus.invalidPduHeaderField, fei })
const WRONG_TYPE = wrongField(AT.pduType)
const WRONG_FLAGS = wrongField(AT.flags)
const WRONG_HLEN = wrongField(AT.hlen)
const WRONG_PDO = wrongField(AT.pdo)
const WRONG_PLEN = wrongField(AT.plen)
const OUT_OF_SEQUENCE: PduFault = { fes: FatalErrorStatus.pduSequenceError, fei: 0 }
const TOO_MUCH: PduFault = { fes: FatalErrorStatus.transferLimitExceeded, fei: 0 }

/** Fills `shape`; returns what is wrong instead, or 'close' when the connection shall end without a word. */
export function checkCommonHeader(
  view: DataView,
  offset: number,
  expected: Expectation,
  shape: Shape,
): PduFault | 'close' | undefined {
  const type = view.getUint8(offset)
  const isForController = type === PduType.capsuleCmd || type === PduType.h2cData
  const isForHost = type === PduType.capsuleResp || type === PduType.c2hData || type === PduType.r2t
  const isController = expected.side === 'controller'
  if (isController ? isForController : isForHost) {
    return expected.isInitialized ? checkTransport(view, offset, type, expected, shape) : OUT_OF_SEQUENCE
  }
  switch (type) {
    case isController ? PduType.icReq : PduType.icResp:
      return expected.isInitialized ? OUT_OF_SEQUENCE : checkInitialize(view, offset, shape)
    case isController ? PduType.h2cTermReq : PduType.c2hTermReq:
      return checkTermReq(view, offset, shape)
    default:
      return WRONG_TYPE
  }
}

function checkInitialize(view: DataView, offset: number, shape: Shape): PduFault | undefined {
  const headerBytes = HEADER_BYTES[PduType.icReq]
  if (view.getUint8(offset + AT.hlen) !== headerBytes) return WRONG_HLEN
  if (view.getUint32(offset + AT.plen, true) !== headerBytes) return WRONG_PLEN
  return plain(shape, headerBytes, 0)
}

function checkTermReq(view: DataView, offset: number, shape: Shape): PduFault | 'close' | undefined {
  const plen = view.getUint32(offset + AT.plen, true)
  const hlen = view.getUint8(offset + AT.hlen)
  if (hlen !== TERM_REQ_BYTES_MIN || plen < TERM_REQ_BYTES_MIN || plen > TERM_REQ_BYTES_MAX) return 'close'
  return plain(shape, TERM_REQ_BYTES_MIN, plen - TERM_REQ_BYTES_MIN)
}

function plain(shape: Shape, headBytes: number, dataBytes: number): undefined {
  shape.headBytes = headBytes
  shape.dataBytes = dataBytes
  shape.hasHeaderDigest = false
  shape.hasDataDigest = false
}

/** CapsuleCmd, CapsuleResp, H2CData, C2HData, R2T: those that digests cover. */
function checkTransport(
  view: DataView,
  offset: number,
  type: number,
  expected: Expectation,
  shape: Shape,
): PduFault | undefined {
  const flags = view.getUint8(offset + AT.flags)
  const hlen = view.getUint8(offset + AT.hlen)
  const plen = view.getUint32(offset + AT.plen, true)
  const hasHeaderDigest = (flags & PduFlag.headerDigest) !== 0
  if (hasHeaderDigest !== expected.headerDigest) return WRONG_FLAGS
  const carriesData = type !== PduType.capsuleResp && type !== PduType.r2t
  const bareBytes = HEADER_BYTES[type as PduType] + (hasHeaderDigest ? DIGEST_BYTES : 0)
  const hasData = carriesData && plen > bareBytes
  const hasDataDigest = carriesData && (flags & PduFlag.dataDigest) !== 0
  if (hasDataDigest ? !expected.dataDigest : hasData && expected.dataDigest) return WRONG_FLAGS
  if (type === PduType.c2hData && (flags & (PduFlag.last | PduFlag.success)) === PduFlag.success) {
    return WRONG_FLAGS
  }
  if (hlen !== HEADER_BYTES[type as PduType]) return WRONG_HLEN

  shape.hasHeaderDigest = hasHeaderDigest
  shape.hasDataDigest = hasData && hasDataDigest
  if (!hasData) {
    shape.headBytes = bareBytes
    shape.dataBytes = 0
    // A data PDU without data would be one that says nothing, as often as a peer likes.
    const isEmptyTransfer = type === PduType.h2cData || type === PduType.c2hData
    return plen === bareBytes && !isEmptyTransfer ? undefined : WRONG_PLEN
  }
  const pdo = view.getUint8(offset + AT.pdo)
  if (pdo < bareBytes || pdo > plen || pdo % expected.alignmentBytes !== 0) return WRONG_PDO
  const dataBytes = plen - pdo - (hasDataDigest ? DIGEST_BYTES : 0)
  if (dataBytes <= 0) return WRONG_PLEN
  if (type === PduType.capsuleCmd) {
    if (dataBytes > expected.capsuleDataBytesMax) return WRONG_PLEN
  } else if (dataBytes > expected.transferBytesMax) return TOO_MUCH
  shape.headBytes = pdo
  shape.dataBytes = dataBytes
  return undefined
}
