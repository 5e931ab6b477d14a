/** Fields of Authentication Send and Receive (NVM Express Base 2.0, Fabrics Command Set). */
import { u32At } from '../namespace/sqe.ts'

/** SECP: the protocols of NVMe in-band authentication. */
const SECURITY_PROTOCOL = 0xe9
const SPECIFIC = 0x01

export interface AuthFields {
  /** SECP, SPSP0 and SPSP1 name in-band authentication; otherwise the command is Invalid Field. */
  readonly isInBand: boolean
  /** TL of Send, AL of Receive; it has to be the length of the data. */
  readonly lengthBytes: number
}

export const authFieldsOf = (sqe: Uint8Array): AuthFields => ({
  isInBand: sqe[43] === SECURITY_PROTOCOL && sqe[41] === SPECIFIC && sqe[42] === SPECIFIC,
  lengthBytes: u32At(sqe, 44),
})

/** Fills the fields into a submission queue entry, for a host. */
export function putAuthFields(sqe: Uint8Array, lengthBytes: number): void {
  sqe[41] = SPECIFIC
  sqe[42] = SPECIFIC
  sqe[43] = SECURITY_PROTOCOL
  new DataView(sqe.buffer, sqe.byteOffset).setUint32(44, lengthBytes, true)
}
