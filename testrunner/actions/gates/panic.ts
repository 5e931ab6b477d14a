/** Whether a daemon ended by itself, from its log alone (JSON lines; see `src/io/logger.ts`). Pure. */

/** What Node and the product write when a process cannot go on. */
const LAST_WORDS = [
  /"event":"process\.failed"/,
  /\bInvariantError\b/,
  /^FATAL ERROR: /m,
  /^Uncaught:?\s/m,
  /\bERR_UNHANDLED_REJECTION\b/,
  /^Node\.js v\d+/m,
  /\bout of memory\b/,
]

/** The line that says so; undefined when none does. */
export const lastWordsIn = (log: string): string | undefined =>
  log.split('\n').find((line) => LAST_WORDS.some((words) => words.test(line)))

/**
 * Whether the process of the last lines was asked to end. Undefined when the log does not have the lines of level info that
 * would tell.
 */
export function wasAskedToEnd(log: string): boolean | undefined {
  const pids = [...log.matchAll(/"pid":(\d+)/g)].map(([, pid]) => pid)
  const own = log.split('\n').filter((line) => line.includes(`"pid":${pids.at(-1)},`))
  if (!own.some((line) => line.includes('"level":"info"'))) return undefined
  return own.some((line) => line.includes('"event":"process.signalled"'))
}
