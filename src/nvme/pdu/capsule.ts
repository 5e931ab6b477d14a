/** Capsules: a submission queue entry on its way to the controller, with data or without, and a completion back. */
import { assert } from '../../base/assert.ts'
import { bytes, layout, u8, u32 } from '../../base/layout.ts'
import { writeCommonHeader } from './common-header.ts'
import { PduType } from './types.ts'

/**
 * Command Capsule (CapsuleCmd), host to controller
 *
 *     0 | CH, 8 bytes; HLEN 72
 *     8 | SQE, 64 bytes
 *       | in-capsule data at PDO
 */
const CapsuleCmdHeader = layout('CapsuleCmdHeader', 72, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  sqe: bytes(8, 64),
})

/**
 * Response Capsule (CapsuleResp), controller to host; on TCP it carries no data
 *
 *     0 | CH, 8 bytes; HLEN and, without digest, PLEN 24
 *     8 | CQE, 16 bytes
 */
const CapsuleRespHeader = layout('CapsuleRespHeader', 24, {
  pduType: u8(0),
  flags: u8(1),
  hlen: u8(2),
  pdo: u8(3),
  plen: u32(4),
  cqe: bytes(8, 16),
})

/** Offset of the SQE in a CapsuleCmd, and of the CQE in a CapsuleResp. */
export const ENTRY_OFFSET = CapsuleCmdHeader.at.sqe
assert(CapsuleRespHeader.at.cqe === ENTRY_OFFSET, 'both entries stand behind the common header')

/** Writes the common header; the caller writes all 64 bytes of the SQE at `offset + ENTRY_OFFSET`. */
export const beginCapsuleCmd = (view: DataView, offset: number): void =>
  writeCommonHeader(view, offset, PduType.capsuleCmd)

/** Writes the common header; the caller writes all 16 bytes of the CQE at `offset + ENTRY_OFFSET`. */
export const beginCapsuleResp = (view: DataView, offset: number): void =>
  writeCommonHeader(view, offset, PduType.capsuleResp)
