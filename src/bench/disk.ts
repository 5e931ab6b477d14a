/** The device under load, whichever protocol leads to it. */
import type { BlockError } from '../base/errors.ts'

export interface Capacity {
  readonly blocks: number
  readonly logicalBlockBytes: number
}

/** Told the end of a slot's command, by exactly one call. It may begin the next from within. */
export interface SlotHandler {
  /** With a status; `error` when that was no good one. */
  completed(dataInBytes: number, error: BlockError | undefined): void
  /** Without a status: nothing more will come. */
  failed(error: BlockError): void
}

/** One command at a time, made ready once: beginning it allocates as little as can be. */
export interface SlotCommands {
  read(lba: number): void
  write(lba: number): void
  flush(): void
}

/** One connection. */
export interface BenchLink {
  /** Commands of `blocks` blocks each, from `dataOut` and into `dataIn`. */
  slot(
    buffers: { readonly blocks: number; readonly dataIn: Uint8Array; readonly dataOut: Uint8Array },
    handler: SlotHandler,
  ): SlotCommands
}

export interface BenchDisk {
  /** URL of what is measured, without secrets. */
  readonly target: string
  readonly capacity: Capacity
  /** Bytes that one command moves at most. */
  readonly transferBytesMax: number
  readonly links: readonly BenchLink[]
  /** Fills `target` with `blocks` blocks from `lba`. */
  read(lba: number, blocks: number, target: Uint8Array): Promise<void>
  close(): Promise<void>
}
