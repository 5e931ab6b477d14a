/**
 * `npm run crash`: restarts the volume from every state that a crash of the workloads may leave, checks that their
 * number is the recorded one, and then that known bugs in recovery are caught by the same means.
 *
 *   --workload NAME[,NAME]   only these, and no known bugs
 *   --replay NAME/STATE      shows one state
 *   --mutant NAME            only this known bug
 *   --no-mutants             no known bugs
 *   --update                 records the numbers of states
 *   --jobs N                 worker processes, 2 by default
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MUTANTS } from '../mutants/catalogue.ts'
import { mutantRun } from '../mutants/launch.ts'
import { SNAPSHOT_MUTANTS } from '../mutants/snapshots.ts'
import { answerTasks, runTasks, type Task } from './pool.ts'
import { replay } from './replay.ts'
import { type RunResult, runWorkload } from './run.ts'
import type { Workload } from './workload.ts'
import { WORKLOADS } from './workloads.ts'

const SCRIPT = fileURLToPath(import.meta.url)
const EXPECTED = fileURLToPath(new URL('expected.json', import.meta.url))

/** States per workload, over all its interleavings. */
type Expected = Record<string, number>

const { values: flags } = parseArgs({
  options: {
    workload: { type: 'string' },
    replay: { type: 'string' },
    mutant: { type: 'string' },
    'no-mutants': { type: 'boolean' },
    update: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
    worker: { type: 'boolean' },
  },
})

function find(name: string): Workload {
  const workload = WORKLOADS.find((one) => one.name === name)
  if (workload !== undefined) return workload
  throw new Error(`no workload is called ${name}; there are: ${WORKLOADS.map((one) => one.name).join(', ')}`)
}

if (flags.worker === true) {
  answerTasks(({ workload, seed, failuresMax }) => runWorkload(find(workload), seed, { failuresMax }))
} else if (flags.replay !== undefined) {
  const [name, state] = flags.replay.split('/')
  for (const line of await replay(find(name ?? ''), state ?? '')) print(line)
} else {
  const isPassed = flags.mutant === undefined ? await enumerate() : true
  const withMutants = flags['no-mutants'] !== true && flags.workload === undefined
  const areCaught = withMutants ? await catchMutants() : true
  process.exitCode = isPassed && areCaught ? 0 : 1
}

async function enumerate(): Promise<boolean> {
  const started = performance.now()
  const expected = JSON.parse(readFileSync(EXPECTED, 'utf8')) as Expected
  const workloads = flags.workload === undefined ? WORKLOADS : flags.workload.split(',').map(find)
  const sums = new Map<string, Sum>()
  print('workload                  effects   states distinct restarts  seconds')
  await runTasks(tasksOf(workloads, expected), {
    script: SCRIPT,
    workers: Number(flags.jobs),
    showErrors: true,
    onResult: ({ workload }, result) => {
      const sum = add(sums.get(workload), result)
      sums.set(workload, sum)
      const done = sum.runs === find(workload).seeds
      if (done) print(line(workload, sum))
      for (const failure of result.failures) {
        print(`  ${failure.what}`)
        print(`  npm run crash -- --replay ${failure.workload}/${failure.state}`)
      }
    },
  })
  let total: Sum | undefined
  for (const sum of sums.values()) total = add(total, sum)
  if (total !== undefined) print(line('total', total))
  print(`${((performance.now() - started) / 1000).toFixed(1)} s`)
  const isPassed = total?.failures.length === 0
  if (flags.update === true && isPassed) {
    for (const workload of workloads) expected[workload.name] = sums.get(workload.name)!.states
    writeFileSync(EXPECTED, `${JSON.stringify(expected, undefined, 2)}\n`)
    return true
  }
  let areExpected = true
  for (const { name } of workloads) {
    const { states } = sums.get(name)!
    if (states === expected[name]) continue
    areExpected = false
    print(
      `${name}: ${states} states, ${expected[name] ?? 'none'} recorded in expected.json; if that is meant, run with --update`,
    )
  }
  return isPassed && areExpected
}

interface Sum extends RunResult {
  readonly runs: number
}

function add(sum: Sum | undefined, one: RunResult): Sum {
  if (sum === undefined) return { runs: 1, ...one }
  return {
    workload: sum.workload,
    runs: sum.runs + 1,
    effects: sum.effects + one.effects,
    states: sum.states + one.states,
    distinct: sum.distinct + one.distinct,
    restarts: sum.restarts + one.restarts,
    seconds: sum.seconds + one.seconds,
    failures: [...sum.failures, ...one.failures],
  }
}

/** The long ones first, so that the workers end together. */
function tasksOf(workloads: readonly Workload[], expected: Expected): Task[] {
  const tasks = workloads.flatMap(({ name, seeds }) =>
    Array.from({ length: seeds }, (_, i) => ({ workload: name, seed: i + 1, failuresMax: 5, seeds })),
  )
  const cost = (task: { workload: string; seeds: number }): number =>
    (expected[task.workload] ?? 0) / task.seeds
  return tasks.sort((a, b) => cost(b) - cost(a))
}

function line(name: string, { effects, states, distinct, restarts, seconds }: RunResult): string {
  const numbers = [effects, states, distinct, restarts].map((n) => String(n).padStart(9)).join('')
  return `${name.padEnd(24)}${numbers}${seconds.toFixed(1).padStart(9)}`
}

/** Every known bug that names workloads must fail one of them. */
async function catchMutants(): Promise<boolean> {
  let areCaught = true
  for (const mutant of [...MUTANTS, ...SNAPSHOT_MUTANTS]) {
    if (mutant.workloads === undefined) continue
    if (flags.mutant !== undefined && flags.mutant !== mutant.name) continue
    const started = performance.now()
    let caught: string | undefined
    await runTasks(
      tasksOf(mutant.workloads.map(find), {}).map((task) => ({ ...task, failuresMax: 1 })),
      {
        script: SCRIPT,
        workers: Number(flags.jobs),
        ...mutantRun(mutant),
        showErrors: false,
        isEnough: () => caught !== undefined,
        onResult: (_, result) => {
          caught ??= result.failures[0] && `${result.workload}: ${result.failures[0].what}`
        },
      },
    )
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    print(
      `known bug ${mutant.name}: ${caught === undefined ? 'SURVIVED' : `caught in ${seconds} s by ${caught}`}`,
    )
    if (caught === undefined) areCaught = false
  }
  return areCaught
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
