/** What pgbench (14 to 17) prints at its end, as figures. Pure. */
import { couldNot } from '../shared/failures.ts'

export interface PgbenchFigures {
  readonly transactions: number
  readonly failed: number
  readonly tps: number
  readonly latency_ms: number
}

export function parsePgbench(stdout: string): PgbenchFigures {
  const number = (pattern: RegExp): number | undefined => {
    const [, digits] = pattern.exec(stdout) ?? []
    return digits === undefined ? undefined : Number(digits)
  }
  const transactions = number(/^number of transactions actually processed: (\d+)/m)
  const tps = number(/^tps = ([\d.]+)/m)
  const latency = number(/^latency average = ([\d.]+) ms/m)
  if (transactions === undefined || tps === undefined || latency === undefined)
    throw couldNot('pgbench printed what is not understood', stdout.slice(-2000))
  const failed = number(/^number of failed transactions: (\d+)/m) ?? 0
  return { transactions, failed, tps, latency_ms: latency }
}

/** The sums that every transaction of pgbench keeps equal: `ACCOUNTS|TELLERS|BRANCHES|HISTORY|COUNT`. */
export interface PgbenchSums {
  readonly isBalanced: boolean
  readonly history: number
}

export function parseSums(line: string): PgbenchSums | undefined {
  const [accounts, tellers, branches, history, count, ...more] = line.trim().split('|').map(Number)
  if (count === undefined || more.length > 0 || !Number.isSafeInteger(count)) return undefined
  return {
    isBalanced: accounts === tellers && tellers === branches && branches === history,
    history: count,
  }
}

export const SUMS_QUERY = [
  'SELECT (SELECT sum(abalance) FROM pgbench_accounts)',
  '(SELECT sum(tbalance) FROM pgbench_tellers)',
  '(SELECT sum(bbalance) FROM pgbench_branches)',
  '(SELECT coalesce(sum(delta), 0) FROM pgbench_history)',
  '(SELECT count(*) FROM pgbench_history)',
].join(', ')
