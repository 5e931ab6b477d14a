/** Figures of a benchmark, and how people read them. */
import { formatSize } from '../base/sizes.ts'
import type { LoadKind } from './access.ts'
import type { LatencyHistogram } from './histogram.ts'

interface Figures {
  readonly operations: number
  readonly iops: number
  /** Megabytes of 10^6 bytes. */
  readonly mbPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
}

export interface BenchResult {
  /** The URL without its secret. */
  readonly target: string
  readonly load: LoadKind
  readonly unitBytes: number
  readonly queueDepth: number
  readonly connections: number
  readonly syncEvery: number
  /** From the first command to the end of the last. */
  readonly seconds: number
  /** Undefined for operations that there were none of. */
  readonly read: Figures | undefined
  readonly write: Figures | undefined
  readonly flush: Figures | undefined
  /** What this process used of one core, as a fraction; it may be above 1. */
  readonly cpuShare: number
  readonly verified:
    | { readonly checkedBlocks: number; readonly unknownBlocks: number; readonly spanBytes: number }
    | undefined
}

/** Share of a core from which the generator itself may be what limits the figures. */
const CPU_SHARE_MAX = 0.85

export function figuresOf(
  latencies: LatencyHistogram,
  lastedMs: number,
  unitBytes: number,
): Figures | undefined {
  if (latencies.count === 0) return undefined
  const iops = (latencies.count * 1000) / lastedMs
  return {
    operations: latencies.count,
    iops,
    mbPerSecond: (iops * unitBytes) / 1e6,
    p50Us: latencies.quantileUs(0.5),
    p99Us: latencies.quantileUs(0.99),
    p999Us: latencies.quantileUs(0.999),
    maxUs: latencies.maxUs,
  }
}

/** Lines for people. */
export function describeResult(result: BenchResult): string[] {
  const { load, unitBytes, queueDepth, connections, seconds, cpuShare, verified } = result
  const many = connections === 1 ? '1 connection' : `${connections} connections`
  const lines = [
    `${load} of ${formatSize(unitBytes)}, ${queueDepth} under way on ${many}, ${seconds.toFixed(1)} s`,
  ]
  for (const operation of ['read', 'write', 'flush'] as const) {
    const figures = result[operation]
    if (figures !== undefined) lines.push(line(operation, figures))
  }
  if (verified !== undefined) {
    const { checkedBlocks, unknownBlocks, spanBytes } = verified
    const unknown = unknownBlocks === 0 ? '' : `; ${unknownBlocks} more without a stamp`
    lines.push(`verified  ${checkedBlocks} blocks, all as written${unknown}; within ${formatSize(spanBytes)}`)
  }
  const share = Math.round(cpuShare * 100)
  lines.push(`generator ${share} % of a core`)
  if (cpuShare > CPU_SHARE_MAX) {
    lines.push('That is so much that it may be the generator, not the target, which these figures measure.')
  }
  return lines
}

function line(name: string, { iops, mbPerSecond, p50Us, p99Us, p999Us, maxUs }: Figures): string {
  const rate = `${iops.toFixed(0).padStart(8)} IOPS ${mbPerSecond.toFixed(1).padStart(8)} MB/s`
  const quantiles = [
    ['p50', p50Us],
    ['p99', p99Us],
    ['p99.9', p999Us],
    ['max', maxUs],
  ] as const
  return [name.padEnd(9), rate, ...quantiles.map(([what, us]) => `${what} ${duration(us)}`)].join('  ')
}

const duration = (us: number): string => (us < 1000 ? `${us.toFixed(0)} µs` : `${(us / 1000).toFixed(2)} ms`)
