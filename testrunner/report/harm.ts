/** When harm was on, from the marks of its begin and end. */
import type { MarkReport } from './collect.ts'

export interface Band {
  readonly startMs: number
  readonly endMs: number
}

/** Harm that begins while other is on makes the band longer; harm that nobody ended lasts until `endMs`. */
export function harmBands(marks: readonly MarkReport[], endMs: number): readonly Band[] {
  const bands: Band[] = []
  let on = 0
  let sinceMs = 0
  for (const { atMs, isHarm } of marks) {
    if (isHarm && on++ === 0) sinceMs = atMs
    else if (!isHarm && on > 0 && --on === 0) bands.push({ startMs: sinceMs, endMs: atMs })
  }
  if (on > 0) bands.push({ startMs: sinceMs, endMs: Math.max(sinceMs, endMs) })
  return bands
}
