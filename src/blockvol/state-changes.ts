/**
 * Entries that change what a volume is rather than what its blocks hold: the start of an epoch, a new size, the
 * front ends' state. Each is committed and durable before its promise resolves.
 */
import { BlockError } from '../base/errors.ts'
import { alignUp, BLOCK_BYTES, type Epoch } from '../base/units.ts'
import type { Commitment } from './commitment.ts'
import { ENTRY_KIND, type EntryKind } from './format/log-group.ts'
import { FRONTEND_STATE_BYTES_MAX } from './format/state.ts'
import { checkGeometry } from './geometry.ts'
import type { LogWriter } from './log/log-writer.ts'
import { encodeEpochStart, type StateKeeper } from './state-keeper.ts'

export class StateChanges {
  readonly #writer: LogWriter
  readonly #commitment: Commitment
  readonly #state: StateKeeper
  readonly #logBytes: number
  /** The greatest size that an entry on its way or in the log has. */
  #resizingTo = 0

  constructor(writer: LogWriter, commitment: Commitment, state: StateKeeper, logBytes: number) {
    this.#writer = writer
    this.#commitment = commitment
    this.#state = state
    this.#logBytes = logBytes
  }

  startEpoch(epoch: Epoch): Promise<void> {
    const data = encodeEpochStart(epoch)
    return this.append(ENTRY_KIND.epochStart, { argument: 0, blocks: 0, data, epoch }).then()
  }

  /** INVALID_ARGUMENT when the size is not allowed, or below what the volume has when the entry gets its LSN. */
  async resize(sizeBytes: number, logicalBlockBytes: number, admit: (() => void) | undefined): Promise<void> {
    checkGeometry(sizeBytes, logicalBlockBytes, this.#logBytes)
    const admitted = (): void => {
      admit?.()
      const largestBytes = Math.max(this.#state.current.sizeBytes, this.#resizingTo)
      if (sizeBytes < largestBytes) {
        throw new BlockError(
          'INVALID_ARGUMENT',
          `a volume cannot shrink from ${largestBytes} to ${sizeBytes}`,
        )
      }
      this.#resizingTo = sizeBytes
    }
    const entry = { argument: 0, blocks: sizeBytes / BLOCK_BYTES, data: undefined }
    await this.append(ENTRY_KIND.resize, entry, admitted)
  }

  /** INVALID_ARGUMENT when `state` is longer than one entry may be. */
  async setFrontendState(state: Uint8Array, admit: (() => void) | undefined): Promise<void> {
    const bytesMax = Math.min(FRONTEND_STATE_BYTES_MAX, this.#writer.entryBlocksMax * BLOCK_BYTES)
    if (state.byteLength > bytesMax) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `front-end state of ${state.byteLength} bytes is above ${bytesMax}`,
      )
    }
    const data = new Uint8Array(alignUp(Math.max(1, state.byteLength), BLOCK_BYTES))
    data.set(state)
    await this.append(ENTRY_KIND.frontendState, { argument: state.byteLength, blocks: 0, data }, admit)
  }

  /** Appends an entry that concerns the state; resolves with its LSN when it is committed and durable. `appended`: readers see it. */
  async append(
    kind: EntryKind,
    entry: { argument: number; blocks: number; data: Uint8Array | undefined; epoch?: Epoch },
    admit?: () => void,
    appended?: () => void,
  ): Promise<number> {
    const lsn = await new Promise<number>((resolve, reject) => {
      this.#writer.submit({
        kind,
        block: 0,
        ...entry,
        epoch: entry.epoch,
        reach: 'bookkeeping',
        admit,
        settled: (error, appendedLsn) => (error === undefined ? resolve(appendedLsn) : reject(error)),
      })
    })
    appended?.()
    await this.settled(lsn)
    return lsn
  }

  /** Resolves when everything up to `lsn`, which is appended, is committed and durable. */
  async settled(lsn: number): Promise<void> {
    const committed = this.#commitment.committed(lsn)
    if (committed !== undefined) await committed
    await this.#commitment.flushed(lsn)
  }
}
