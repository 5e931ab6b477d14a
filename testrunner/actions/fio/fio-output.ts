/** What `fio --output-format=json` (3.33) prints, as figures. */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { couldNot } from '../shared/failures.ts'

const Side = Type.Object({
  total_ios: Type.Number(),
  iops: Type.Number(),
  bw_bytes: Type.Number(),
  clat_ns: Type.Object({ percentile: Type.Optional(Type.Record(Type.String(), Type.Number())) }),
})
const Job = Type.Object({ error: Type.Integer(), read: Side, write: Side })
const Output = Type.Object({ jobs: Type.Array(Job, { minItems: 1 }) })

export interface Figures {
  readonly operations: number
  readonly iops: number
  readonly bytes_per_second: number
  readonly p50_us: number
  readonly p99_us: number
}

export interface FioResult {
  /** 0, or the errno of what failed; 84 is what a failed verification has. */
  readonly error: number
  /** Null when there were none. */
  readonly read: Figures | null
  readonly write: Figures | null
}

export const FIO_MISMATCH = 84

/** Of one job, or of a group that reports as one. fio prints lines of its own before the JSON when something fails. */
export function parseFio(stdout: string): FioResult {
  const job = jobIn(stdout)
  if (job === undefined) throw couldNot('fio printed what is not understood', stdout.slice(-2000))
  return { error: job.error, read: figuresOf(job.read), write: figuresOf(job.write) }
}

function jobIn(stdout: string): Static<typeof Job> | undefined {
  const at = stdout.search(/^\{/m)
  if (at < 0) return undefined
  try {
    const output: unknown = JSON.parse(stdout.slice(at))
    return Value.Check(Output, output) ? output.jobs[0] : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const NS_PER_US = 1000

function figuresOf({ total_ios, iops, bw_bytes, clat_ns }: Static<typeof Side>): Figures | null {
  // --verify_only counts writes that it did not make
  if (total_ios === 0 || bw_bytes === 0) return null
  const { percentile = {} } = clat_ns
  return {
    operations: total_ios,
    iops: Math.round(iops),
    bytes_per_second: bw_bytes,
    p50_us: (percentile['50.000000'] ?? 0) / NS_PER_US,
    p99_us: (percentile['99.000000'] ?? 0) / NS_PER_US,
  }
}
