/** How long commands of a volume's front ends take, by what they do. */
import { LatencyRecorder } from '../metrics/latency-recorder.ts'
import { COMMAND_KINDS, type CommandKind, type LatencyView } from './volume-host.ts'

export type LatencyRecorders = Readonly<Record<CommandKind, LatencyRecorder>>

export const makeLatencyRecorders = (): LatencyRecorders => ({
  read: new LatencyRecorder(),
  write: new LatencyRecorder(),
  flush: new LatencyRecorder(),
  trim: new LatencyRecorder(),
  other: new LatencyRecorder(),
})

export function viewLatencies(recorders: LatencyRecorders): Record<CommandKind, LatencyView> {
  return Object.fromEntries(COMMAND_KINDS.map((kind) => [kind, viewOf(recorders[kind])])) as Record<
    CommandKind,
    LatencyView
  >
}

const viewOf = (recorder: LatencyRecorder): LatencyView => ({
  histogram: recorder.snapshot(),
  p50Us: recorder.quantileUs(0.5),
  p99Us: recorder.quantileUs(0.99),
})
