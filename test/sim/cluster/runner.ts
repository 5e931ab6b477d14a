/** Runs many seeds in several processes, each of which takes the next seed when it is done with one. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Report, type SeedResult } from './report.ts'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

export interface RunOptions {
  readonly first: number
  readonly count: number
  readonly workers: number
  /** No more seeds are begun after so many failures. */
  readonly failuresMax: number
  readonly operations: number
  /** As `--faults` takes them. */
  readonly faults?: string | undefined
  /** How the workers are started; as this process by default. */
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly failed?: (result: SeedResult) => void
}

export function runSeeds(options: RunOptions): Promise<Report> {
  const report = new Report()
  let next = options.first
  const end = options.first + options.count
  const args = [String(options.operations), options.faults ?? '']
  return new Promise((resolve) => {
    let alive = 0
    const begin = (): void => {
      alive += 1
      let seed: number | undefined
      const child = fork(WORKER, args, {
        execArgv: [...(options.execArgv ?? process.execArgv)],
        env: { ...process.env, ...options.env },
      })
      const more = (): void => {
        seed = next < end && report.failures.length < options.failuresMax ? next++ : undefined
        if (seed === undefined) child.disconnect()
        else child.send(seed)
      }
      const add = (result: SeedResult): void => {
        report.add(result)
        if (result.violation !== undefined) options.failed?.(result)
      }
      child.on('message', (result: SeedResult) => {
        add(result)
        more()
      })
      child.on('exit', (code) => {
        alive -= 1
        if (seed !== undefined) {
          add(crashed(seed, code))
          begin()
        } else if (alive === 0) resolve(report)
      })
      keep(child)
      more()
    }
    for (let i = 0; i < options.workers; i++) begin()
  })
}

/** A worker that ends in the middle of a seed. */
const crashed = (seed: number, code: number | null): SeedResult => ({
  seed,
  configuration: '',
  violation: `the process ended with ${code}`,
  counts: [],
  virtualMs: 0,
  cpuMs: 0,
})

/** Workers end with this process. */
function keep(child: ChildProcess): void {
  const stop = (): void => {
    child.kill()
  }
  process.once('exit', stop)
  child.once('exit', () => process.off('exit', stop))
}
