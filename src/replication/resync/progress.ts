/** How far a resync is, for the status page and the operator. */
export interface ResyncProgress {
  readonly base: number
  readonly target: number
  readonly scannedBlocks: number
  readonly sizeBlocks: number
  /** Content that was sent. */
  readonly sentBytes: number
  /** Content that was offered, and that the replica had. */
  readonly skippedBytes: number
  /** On the monotonic clock. */
  readonly startedMs: number
  /** From now, at the pace so far; undefined as long as nothing tells. */
  readonly etaMs: number | undefined
}

/** The time that is left, when the rest of the volume is as what was scanned. */
export function etaMs(
  progress: { readonly scannedBlocks: number; readonly sizeBlocks: number; readonly startedMs: number },
  nowMs: number,
): number | undefined {
  const { scannedBlocks, sizeBlocks, startedMs } = progress
  if (scannedBlocks === 0) return undefined
  return Math.round(((nowMs - startedMs) / scannedBlocks) * (sizeBlocks - scannedBlocks))
}
