/** How long things of a volume take: commands of its front ends by what they do, and fdatasyncs of its log. */
import { LatencyRecorder } from '../metrics/latency-recorder.ts'
import { LATENCY_KINDS, type LatencyKind, type LatencyView } from './volume-host.ts'

export type LatencyRecorders = Readonly<Record<LatencyKind, LatencyRecorder>>

export const makeLatencyRecorders = (): LatencyRecorders => ({
  read: new LatencyRecorder(),
  write: new LatencyRecorder(),
  flush: new LatencyRecorder(),
  trim: new LatencyRecorder(),
  other: new LatencyRecorder(),
  logSync: new LatencyRecorder(),
})

export function viewLatencies(recorders: LatencyRecorders): Record<LatencyKind, LatencyView> {
  return Object.fromEntries(LATENCY_KINDS.map((kind) => [kind, viewOf(recorders[kind])])) as Record<
    LatencyKind,
    LatencyView
  >
}

const viewOf = (recorder: LatencyRecorder): LatencyView => ({
  histogram: recorder.snapshot(),
  p50Us: recorder.quantileUs(0.5),
  p99Us: recorder.quantileUs(0.99),
})
