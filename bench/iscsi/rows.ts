/** A row of the comparison: rounds that alternate between two targets, their median ratio, and what it counts for. */
import { runClient, type Sample } from './client.ts'
import type { ServedTarget } from './servers.ts'
import type { Work } from './works.ts'

export interface Row {
  readonly work: string
  /** Median of the rounds' ratios of operations a second, the first target to the second. */
  readonly ratio: number
  readonly bar: number | undefined
  readonly verdict: Verdict
  readonly targets: Readonly<Record<string, Summary>>
}

/** A row counts only if the generator was not what limited it. */
type Verdict = 'reached' | 'missed' | 'client-bound' | 'no bar'

interface Summary {
  readonly iops: Spread
  readonly mbPerSecond: Spread
  readonly p50Us: Spread
  readonly p99Us: Spread
  readonly clientCpu: Spread
  readonly targetCpu: Spread
}

interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
  readonly all: readonly number[]
}

const CLIENT_CPU_MAX = 0.85

export async function measure(
  { name, flags, writes, bar }: Work,
  targets: readonly [ServedTarget, ServedTarget],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Row> {
  const samples: [Sample[], Sample[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [index, target] of targets.entries()) {
      target.warm()
      samples[index]?.push(await runClient(target, [...flags, '--seconds', String(seconds)]))
      // What one wrote is not to be carried to the disk while the other is measured.
      if (writes) await target.settle()
    }
  }
  const [ours, theirs] = samples
  const ratio = spread(ours.map(({ iops }, round) => iops / (theirs[round]?.iops ?? Number.NaN))).median
  const isClientBound = [...ours, ...theirs].some(({ clientCpu }) => clientCpu >= CLIENT_CPU_MAX)
  return {
    work: name,
    ratio,
    bar,
    verdict:
      bar === undefined ? 'no bar' : isClientBound ? 'client-bound' : ratio >= bar ? 'reached' : 'missed',
    targets: Object.fromEntries(targets.map(({ name }, index) => [name, summary(samples[index] ?? [])])),
  }
}

export function describe({ work, ratio, bar, verdict, targets }: Row): string[] {
  const told = bar === undefined ? '' : `  ${VERDICTS[verdict]} (bar ${bar.toFixed(1)})`
  const lines = Object.entries(targets).map(
    ([name, { iops, mbPerSecond, p50Us, p99Us, clientCpu, targetCpu }]) =>
      [
        `  ${name.padEnd(7)}${iops.median.toFixed(0).padStart(8)} IOPS`,
        `(${iops.least.toFixed(0)}..${iops.greatest.toFixed(0)})`.padEnd(17),
        `${mbPerSecond.median.toFixed(0).padStart(5)} MB/s`,
        `p50 ${p50Us.median.toFixed(0)} µs  p99 ${p99Us.median.toFixed(0)} µs`.padEnd(26),
        `client ${percent(clientCpu.greatest)}  target ${percent(targetCpu.median)}`,
        `CPU of an I/O: target ${usOf(targetCpu, iops)}, client ${usOf(clientCpu, iops)}`,
      ].join('  '),
  )
  return [`${work.padEnd(40)} ${ratio.toFixed(2)}x${told}`, ...lines]
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  reached: 'reached',
  missed: 'MISSED',
  'client-bound': 'DOES NOT COUNT: the client used most of its core',
  'no bar': '',
}

function summary(samples: readonly Sample[]): Summary {
  const of = (figure: keyof Sample): Spread => spread(samples.map((sample) => sample[figure]))
  return {
    iops: of('iops'),
    mbPerSecond: of('mbPerSecond'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    clientCpu: of('clientCpu'),
    targetCpu: of('targetCpu'),
  }
}

function spread(all: readonly number[]): Spread {
  const sorted = all.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
  return { median, least: sorted[0] ?? Number.NaN, greatest: sorted.at(-1) ?? Number.NaN, all }
}

/** On a machine that is busy with other work this says more than operations a second. */
const usOf = (cpu: Spread, iops: Spread): string =>
  `${spread(cpu.all.map((share, round) => (share / (iops.all[round] ?? Number.NaN)) * 1e6)).median.toFixed(1)} µs`

const percent = (fraction: number): string => `${Math.round(fraction * 100)} %`
