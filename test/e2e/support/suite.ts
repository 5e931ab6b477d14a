/** What the runners of end-to-end cases share: flags that name cases, signals, exit codes, and how a check is timed. */
import type { Report } from '../kernel/fixture/report.ts'

export interface NamedCase {
  readonly name: string
  readonly summary: string
}

/** Prints the list, or what is wrong with the wish; else the cases that are wished for, all of them without a wish. */
export function chooseCases<Case extends NamedCase>(
  cases: readonly Case[],
  wish: { readonly list: boolean; readonly names: readonly string[] | undefined },
): readonly Case[] | { readonly exitCode: number } {
  const { list, names } = wish
  if (list) {
    for (const { name, summary } of cases) console.log(`${name.padEnd(14)} ${summary}`)
    return { exitCode: 0 }
  }
  const unknown = names?.filter((name) => !cases.some((known) => known.name === name)) ?? []
  if (unknown.length > 0) {
    console.error(`no case ${unknown.join(', ')}; there are: ${cases.map(({ name }) => name).join(', ')}`)
    return { exitCode: 2 }
  }
  return cases.filter(({ name }) => names?.includes(name) ?? true)
}

/** Runs `main` and sets the exit code: 2 and `usage` for flags that there are not. A signal ends the process, and all that it started. */
export async function runMain(main: () => Promise<number>, usage: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')) throw error
    console.error(`${(error as Error).message}\n${usage}`)
    process.exitCode = 2
  }
}

/** One line of the report; true when it passed. */
export async function timedCheck(
  report: Report,
  caseName: string,
  name: string,
  body: () => Promise<unknown>,
): Promise<boolean> {
  const beganMs = performance.now()
  const notes: string[] = []
  try {
    await body()
  } catch (error) {
    notes.push(...String((error as Error).stack).split('\n'))
  }
  const seconds = (performance.now() - beganMs) / 1000
  report.add({ caseName, name, passed: notes.length === 0, seconds, notes })
  return notes.length === 0
}
