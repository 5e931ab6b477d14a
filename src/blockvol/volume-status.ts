/** Counters and verdicts of an open volume, and how they add up to its status. */
import type { BlockError } from '../base/errors.ts'
import type { Epoch } from '../base/units.ts'
import type { ScrubStatus, VolumeStatus } from './api.ts'
import type { VolumeParts } from './assembly.ts'

/** Bad blocks that are remembered; more are only counted. */
const BAD_BLOCKS_MAX = 1000
const UNKNOWN_BLOCKS_MAX = 32_768

export class VolumeTelemetry {
  #reads = 0
  #readBytes = 0
  #writes = 0
  #writeBytes = 0
  #trims = 0
  #trimBytes = 0
  #checksumErrors = 0
  #blocksRepaired = 0
  flushes = 0
  /** Blocks known bad and not written since. */
  readonly #badBlocks = new Set<number>()
  /** Blocks whose map entry was damaged, and that were not written since. */
  readonly #unknownBlocks = new Set<number>()

  read(bytes: number): void {
    this.#reads++
    this.#readBytes += bytes
  }
  write(bytes: number): void {
    this.#writes++
    this.#writeBytes += bytes
  }
  trim(bytes: number): void {
    this.#trims++
    this.#trimBytes += bytes
  }

  /** A good copy of a bad one came from a peer. */
  repaired(): void {
    this.#blocksRepaired++
  }

  /** What only snapshots see says nothing of what the volume has there, neither that it is bad nor that it is not. */
  verdict(block: number, verdict: 'bad' | 'repaired', isOfVolume = true): void {
    this.#checksumErrors++
    if (!isOfVolume) return
    if (verdict === 'repaired') this.#badBlocks.delete(block)
    else if (this.#badBlocks.size < BAD_BLOCKS_MAX) this.#badBlocks.add(block)
  }

  /** The block has a new version on disk: what was bad is gone. */
  mapped(block: number): void {
    if (this.#badBlocks.size > 0) this.#badBlocks.delete(block)
    if (this.#unknownBlocks.size > 0) this.#unknownBlocks.delete(block)
  }

  mapSectorDamaged(_sector: number): void {
    this.#checksumErrors++
  }

  unknown(block: number): void {
    if (this.#unknownBlocks.size < UNKNOWN_BLOCKS_MAX) this.#unknownBlocks.add(block)
  }

  status(facts: {
    volume: {
      uuid: Uint8Array
      name: string
      sizeBytes: number
      logicalBlockBytes: number
      readOnly: boolean
      epoch: Epoch
    }
    failure: BlockError | undefined
    isClosed: boolean
    parts: VolumeParts
    checkpointLsn: number
  }): VolumeStatus {
    const { volume, failure, parts, checkpointLsn } = facts
    const { writer, admission, checkpointer, flusher } = parts
    const scrub = parts.scrubber.status()
    const reasons = this.#reasons(flusher.stall, scrub)
    if (failure !== undefined) reasons.unshift(failure.message)
    const health =
      failure !== undefined
        ? 'poisoned'
        : facts.isClosed
          ? 'closed'
          : reasons.length > 0
            ? 'degraded'
            : 'healthy'
    return {
      uuid: Buffer.from(volume.uuid).toString('hex'),
      name: volume.name,
      sizeBytes: volume.sizeBytes,
      logicalBlockBytes: volume.logicalBlockBytes,
      readOnly: volume.readOnly,
      health,
      reasons,
      epoch: { number: volume.epoch.number, id: volume.epoch.id.toString(16).padStart(16, '0') },
      appendedLsn: writer.appendedLsn,
      commitLsn: parts.commitment.lsn,
      durableLsn: writer.durableLsn,
      checkpointLsn,
      log: { sizeBytes: parts.log.ringBytes, usedBytes: writer.usedBytes },
      dirtyBlocks: parts.dirty.blockCount,
      checkpointAgeMs: writer.unflushedMs,
      isFlusherStalled: flusher.stall !== undefined,
      pressure: admission.pressure,
      counters: {
        reads: this.#reads,
        readBytes: this.#readBytes,
        writes: this.#writes,
        writeBytes: this.#writeBytes,
        trims: this.#trims,
        trimBytes: this.#trimBytes,
        flushes: this.flushes,
        logSyncs: writer.syncs,
        logAppends: writer.appends,
        logBytes: writer.appendedBytes,
        extentBytes: checkpointer.extentBytes,
        metadataBytes: checkpointer.metadataBytes,
        checkpoints: flusher.cycles,
        softWaits: admission.softWaits,
        hardWaits: admission.hardWaits + writer.stalls,
        refusedWrites: admission.refusals + writer.refusals,
        checksumErrors: this.#checksumErrors,
        blocksRepaired: this.#blocksRepaired,
      },
      scrub,
      preserved: parts.versions.usage(),
    }
  }

  #reasons(stall: unknown, scrub: ScrubStatus): string[] {
    const reasons: string[] = []
    if (stall instanceof Error) reasons.push(`the flusher cannot go on: ${stall.message}`)
    if (this.#badBlocks.size > 0) {
      const some = [...this.#badBlocks].slice(0, 5).join(', ')
      reasons.push(
        `${this.#badBlocks.size} blocks fail their checksum (${some}); write or trim them, or restore a copy`,
      )
    }
    if (this.#unknownBlocks.size > 0) {
      const some = [...this.#unknownBlocks].slice(0, 5).join(', ')
      reasons.push(
        `what ${this.#unknownBlocks.size} blocks hold is not known, their map entries were damaged (${some}); write or trim them, or restore a copy`,
      )
    }
    if (scrub.errors > 0 && scrub.running && reasons.length === 0) {
      reasons.push(`the running scrub found ${scrub.errors} bad blocks`)
    }
    return reasons
  }
}
