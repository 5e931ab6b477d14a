/** What is asked of a path must be answered within a bound, as long as somebody is there to answer. */
import type { Scheduler } from '../scheduler.ts'
import type { Path } from './hosts.ts'

/** Longest time in which an operation must be answered. */
const ANSWER_MS = 60_000

export interface Watched {
  readonly scheduler: Scheduler
  /** Whether the processes there run, so that an answer can be expected. */
  readonly isAnswering: (path: Path) => boolean
  readonly broken: (error: unknown) => void
}

/** Resolves with the answer; tells of one that does not come. */
export function answered<T>(o: Watched, path: Path, what: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const watch = (): void => {
      watching = o.scheduler.schedule('watch', path.server, ANSWER_MS, () => {
        if (!o.isAnswering(path)) watch()
        else o.broken(new Error(`${what} at ${path.server} is not answered within ${ANSWER_MS} ms`))
      })
    }
    let watching: ReturnType<Scheduler['schedule']> | undefined
    watch()
    answer.then(resolve, reject).finally(() => {
      if (watching !== undefined) o.scheduler.cancel(watching)
    })
  })
}
