/** What the users of a host's queue hand in and get back. */
import type { BlockError } from '../../base/errors.ts'

export interface NvmeRequest {
  readonly opcode: number
  /** 0 when absent. */
  readonly nsid?: number
  /** Bits 1:0 of byte 1; see `Fuse`. Two that belong together are submitted by `submitFused`. */
  readonly fuse?: number
  /** Of a Fabrics command: takes the place of the NSID's first byte. */
  readonly fctype?: number
  readonly cdw2?: number
  readonly cdw3?: number
  readonly cdw10?: number
  readonly cdw11?: number
  readonly cdw12?: number
  readonly cdw13?: number
  readonly cdw14?: number
  readonly cdw15?: number
  /** Data for the controller; lent until the command is over. Not together with `dataIn`. */
  readonly dataOut?: Uint8Array
  /** Where data from the controller goes; lent until the command is over. */
  readonly dataIn?: Uint8Array
  /** After which the controller counts as gone; the queue's own when absent; Infinity: it may take for ever. */
  readonly timeoutMs?: number
}

/** A command that came to its end with a status, good or not. */
export interface NvmeResult {
  /** As in `status.ts`; 0 is success. */
  readonly status: number
  readonly dw0: number
  readonly dw1: number
  /** Bytes of `dataIn` that came, from its start. */
  readonly dataInBytes: number
}

/** Told the end of one command, by exactly one call. It may submit commands from within. */
export interface NvmeHandler {
  completed(result: NvmeResult): void
  /**
   * No status came: DISCONNECTED (connection lost), TIMED_OUT (the controller did not answer and was given up),
   * PROTOCOL: whether it was executed is unknown. INVALID_ARGUMENT, BUSY (too many commands wait): it was not.
   */
  failed(error: BlockError): void
}
