/**
 * A sanitize operation (SBC-4 SANITIZE, NVMe Sanitize): what is to be done with the whole of a volume, and how far it
 * is. Pure: which step comes next, what a step changes, how much is left.
 *
 *     running ──last pass, flush, checkpoint──▶ (no operation)
 *        └──device error──▶ failed ──new operation──▶ running
 *                              └──exit, if unrestricted──▶ running (a block erase) ──▶ (no operation)
 *
 * A failed operation leaves with its old data only by having it wiped: what is half sanitized is never served.
 */
import { BLOCK_BYTES, GIB } from '../../base/units.ts'

export interface SanitizeRequest {
  readonly method: 'overwrite' | 'block-erase'
  /** AUSE: a failed operation may be left by EXIT FAILURE MODE. */
  readonly unrestricted: boolean
  /** OVERWRITE COUNT, 1 to 31; 1 for a block erase. */
  readonly passes: number
  /** The pattern is inverted between passes; the last one has it as it was given. */
  readonly invert: boolean
  /** 1 to 4096 bytes, repeated from the beginning of each logical block; empty for a block erase. */
  readonly pattern: Uint8Array
}

export interface SanitizeOperation extends SanitizeRequest {
  readonly state: 'running' | 'failed'
  /** Passes that are complete. */
  readonly passesDone: number
  /** Bytes done of the pass at hand; whole 4 KiB blocks, except at the end. */
  readonly doneBytes: number
}

export const PASSES_MAX = 31
export const PATTERN_BYTES_MAX = 4096
/** Deallocating is a short entry of the log, whatever the length; steps keep one from growing without bound. */
const ERASE_STEP_BYTES = 64 * GIB

export interface SanitizeStep {
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** One logical block to be repeated; undefined: deallocate. */
  readonly pattern: Uint8Array | undefined
}

export const begin = (request: SanitizeRequest): SanitizeOperation => ({
  ...request,
  state: 'running',
  passesDone: 0,
  doneBytes: 0,
})

/** Leaves a failed operation: everything is deallocated, since any of it may be old data. */
export const beginExit = (): SanitizeOperation =>
  begin({
    method: 'block-erase',
    unrestricted: true,
    passes: 1,
    invert: false,
    pattern: new Uint8Array(0),
  })

/** What is to be done next; undefined when all passes are complete. `sizeBytes` may have grown meanwhile. */
export function nextStep(
  operation: SanitizeOperation,
  limits: { sizeBytes: number; logicalBlockBytes: number; overwriteStepBytes: number },
): SanitizeStep | undefined {
  const { method, passesDone, passes, doneBytes } = operation
  if (passesDone === passes) return undefined
  const stepBytes = method === 'overwrite' ? limits.overwriteStepBytes : ERASE_STEP_BYTES
  return {
    offsetBytes: doneBytes,
    lengthBytes: Math.min(stepBytes, limits.sizeBytes - doneBytes),
    pattern: method === 'overwrite' ? patternOf(operation, limits.logicalBlockBytes) : undefined,
  }
}

/** After `step` was carried out. */
export function advance(
  operation: SanitizeOperation,
  step: SanitizeStep,
  sizeBytes: number,
): SanitizeOperation {
  const doneBytes = step.offsetBytes + step.lengthBytes
  return doneBytes < sizeBytes
    ? { ...operation, doneBytes }
    : { ...operation, doneBytes: 0, passesDone: operation.passesDone + 1 }
}

/** PROGRESS INDICATION: parts of 65536, below that until the operation has ended. */
export function progressOf({ passesDone, passes, doneBytes }: SanitizeOperation, sizeBytes: number): number {
  return Math.min(0xffff, Math.floor((65536 * (passesDone + doneBytes / sizeBytes)) / passes))
}

/** One logical block of the pass at hand (SBC-4, OVERWRITE service action). */
function patternOf(
  { pattern, invert, passes, passesDone }: SanitizeOperation,
  blockBytes: number,
): Uint8Array {
  const isInverted = invert && (passes - 1 - passesDone) % 2 === 1
  const flip = isInverted ? 0xff : 0
  return Uint8Array.from({ length: blockBytes }, (_, i) => (pattern[i % pattern.byteLength] ?? 0) ^ flip)
}

/** A step of an overwrite takes about an eighth of a second at `bytesPerSecond`, in whole blocks of 4 KiB. */
export const overwriteStepBytes = (bytesPerSecond: number): number =>
  Math.max(1, Math.min(4096, Math.floor(bytesPerSecond / 8 / BLOCK_BYTES))) * BLOCK_BYTES
