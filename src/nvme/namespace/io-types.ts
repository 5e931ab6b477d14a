/**
 * What passes between an NVMe queue and a namespace: one I/O command in, one completion out. No sockets, no PDUs, no
 * queues. A result is given at once where the device had the bytes at hand, else as a promise; a promise is rejected only
 * by a broken invariant, never by a bad day of the device.
 */
import type { RegistrantId } from '../../frontend/reservations/state.ts'
import type { TaskSignal } from '../../frontend/task-signal.ts'

/** Who sent a command: the host's association, and the controller that it belongs to. */
export interface NvmeHost {
  /** Normal form. */
  readonly hostNqn: string
  /** Host identifier of Connect, 16 bytes. */
  readonly hostId: Uint8Array
  /** What reservations know the host by: the same on all of its controllers, on every server. */
  readonly registrant: RegistrantId
  readonly controllerId: number
}

export interface IoCommand {
  /** The submission queue entry, 64 bytes, as it came; lent until the result is there. */
  readonly sqe: Uint8Array
  /** What the host sent for it, all of it; lent until the result is there. Empty when it sends nothing. */
  readonly dataOut: Uint8Array
  /** What the host takes: the length of its data pointer for commands that give data, else 0. */
  readonly dataInLengthMax: number
  readonly host: NvmeHost
  readonly signal: TaskSignal
  /**
   * Where `lengthBytes` of its data would stand on their way out, for who can fill them and give the result within this
   * turn, with nothing else done in between; the result's `dataIn` is then this very view, without `release`. Undefined:
   * nowhere. It may be left unused.
   */
  place(lengthBytes: number): Uint8Array | undefined
}

export interface IoResult {
  /** Status field of the completion without the phase tag: SC in bits 0 to 7, SCT 8 to 10, CRD 11 and 12, M 13, DNR 14. */
  readonly status: number
  readonly dword0: number
  /** At most `dataInLengthMax` bytes. Belongs to the receiver until it calls `release`. */
  readonly dataIn: Uint8Array | undefined
  /** To be called exactly once when it is there: after `dataIn` was sent, or when it will not be sent. */
  readonly release: (() => void) | undefined
}
