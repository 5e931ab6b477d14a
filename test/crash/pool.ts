/**
 * Worker processes for runs that do not share anything: each is this program again, takes one task at a time and
 * answers with its result. A worker that dies fails its task and is replaced.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { RunResult } from './run.ts'

/** One interleaving of one workload, for a worker. */
export interface Task {
  readonly workload: string
  readonly seed: number
  readonly failuresMax: number
}

export interface PoolOptions {
  readonly script: string
  readonly workers: number
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Whether the workers' stderr is shown. */
  readonly showErrors: boolean
  readonly onResult: (task: Task, result: RunResult) => void
  /** Stop giving out tasks. */
  readonly isEnough?: () => boolean
}

/** Runs `tasks` in order of their place, several at a time. */
export async function runTasks(tasks: readonly Task[], options: PoolOptions): Promise<void> {
  const queue = [...tasks]
  const serve = async (): Promise<void> => {
    let worker: ChildProcess | undefined
    while (queue.length > 0 && options.isEnough?.() !== true) {
      const task = queue.shift()!
      worker ??= start(options)
      const result = await ask(worker, task)
      if (result === undefined) worker = undefined
      options.onResult(task, result ?? died(task))
    }
    worker?.disconnect()
  }
  await Promise.all(Array.from({ length: options.workers }, serve))
}

function start({ script, execArgv, env, showErrors }: PoolOptions): ChildProcess {
  return fork(script, ['--worker'], {
    execArgv: [...(execArgv ?? [])],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', showErrors ? 'inherit' : 'ignore', 'ipc'],
  })
}

/** The worker's answer; undefined when it died. */
function ask(worker: ChildProcess, task: Task): Promise<RunResult | undefined> {
  return new Promise((resolve) => {
    const onExit = (): void => resolve(undefined)
    worker.once('exit', onExit)
    worker.once('message', (result) => {
      worker.off('exit', onExit)
      resolve(result as RunResult)
    })
    worker.send(task)
  })
}

/** A task that did not come to verdicts. */
const died = (task: Task): RunResult => failed(task, 'the process that ran it died', true)

function failed(task: Task, what: string, isBroken: boolean): RunResult {
  const counts = { effects: 0, states: 0, distinct: 0, restarts: 0, seconds: 0 }
  const failure = { workload: task.workload, state: `seed ${task.seed}`, what, isBroken }
  return { workload: task.workload, ...counts, failures: [failure] }
}

/** The worker's side: answers tasks by `run` until the parent goes away. */
export function answerTasks(run: (task: Task) => Promise<RunResult>): void {
  let task: Task | undefined
  const fail = (error: unknown): void => {
    if (task === undefined) throw error
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.send?.(failed(task, what, isProgramError(error)))
  }
  // an invariant that breaks where nobody waits ends the process; what it has to say is the task's result
  process.on('unhandledRejection', (error) => {
    fail(error)
    process.disconnect?.()
  })
  process.on('message', (message) => {
    task = message as Task
    run(task).then((result) => process.send?.(result), fail)
  })
}

/** A program that cannot even run proves nothing about crashes. */
const isProgramError = (error: unknown): boolean =>
  error instanceof ReferenceError || error instanceof TypeError || error instanceof SyntaxError
