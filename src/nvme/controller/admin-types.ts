/** What passes between an admin queue and its controller. */
import { STATUS } from '../status.ts'

/** An admin or Fabrics command as its queue has it: one object from arrival to completion. */
export interface AdminCommand {
  /** The submission queue entry, 64 bytes from 0 on. */
  readonly view: DataView
  readonly cid: number
  /** What the host sent for it; lent until the result is there. */
  readonly dataOut: Uint8Array
  /** What the host takes. */
  readonly dataInLengthMax: number
}

export interface AdminResult {
  /** As in `status.ts`. */
  readonly status: number
  readonly dword0: number
  readonly dword1: number
  /** At most `dataInLengthMax` bytes; the receiver may keep it. */
  readonly data: Uint8Array | undefined
  /** Offset in the entry of the field that is wrong, for the error log. */
  readonly errorLocation?: number
  /** The connection ends when the answer has gone out; why. */
  readonly ends?: string
}

export const adminStatus = (status: number, errorLocation?: number): AdminResult => ({
  status,
  dword0: 0,
  dword1: 0,
  data: undefined,
  ...(errorLocation !== undefined && { errorLocation }),
})

export const ADMIN_SUCCESS: AdminResult = Object.freeze(adminStatus(STATUS.SUCCESS))

export const adminValue = (dword0: number, dword1 = 0): AdminResult => ({
  status: STATUS.SUCCESS,
  dword0: dword0 >>> 0,
  dword1: dword1 >>> 0,
  data: undefined,
})

/** `page` from `offset` on, cut to what the host takes; beyond its end are zeros. */
export function adminData(page: Uint8Array, lengthMax: number, offset = 0): AdminResult {
  const part = page.subarray(offset, offset + lengthMax)
  let data = part
  if (part.byteLength < lengthMax) {
    data = new Uint8Array(lengthMax)
    data.set(part)
  }
  return { status: STATUS.SUCCESS, dword0: 0, dword1: 0, data }
}
