/** All that is wrong with a scenario, gathered until it is told at once. */
import { type Position, type Problem, positionText } from '../model/position.ts'

const PROBLEMS_MAX = 100

/** Thrown to end the reading of a scenario whose problems are gathered, for going on could take without end. */
export class ReadingEnded extends Error {}

export class Problems {
  readonly #found = new Map<string, Problem>()
  readonly #files: string[] = []
  /** Where the phases stand that are replaced by the part which is read now, the outermost first. */
  readonly includedAt: Position[] = []

  /** Throws ReadingEnded when there are too many. `hint` is asked for only of what was not told before. */
  add(position: Position, message: string, hint?: string | (() => string)): void {
    const key = `${positionText(position)} ${message}`
    if (this.#found.has(key)) return
    if (!this.#files.includes(position.file)) this.#files.push(position.file)
    const from = this.includedAt.at(-1)
    const told = from === undefined ? message : `${message} (included at ${positionText(from)})`
    this.#found.set(key, {
      ...{ position, message: told },
      ...(hint !== undefined && { hint: typeof hint === 'string' ? hint : hint() }),
    })
    if (this.#found.size >= PROBLEMS_MAX) throw new ReadingEnded()
  }

  /** One after which nothing more is read. */
  end(position: Position, message: string): never {
    this.add(position, message)
    throw new ReadingEnded()
  }

  get count(): number {
    return this.#found.size
  }

  get isEmpty(): boolean {
    return this.#found.size === 0
  }

  /** In the order of files, and in a file from its top. */
  get all(): readonly Problem[] {
    const rank = ({ position }: Problem): number => this.#files.indexOf(position.file)
    return [...this.#found.values()].sort(
      (a, b) =>
        rank(a) - rank(b) || a.position.line - b.position.line || a.position.column - b.position.column,
    )
  }
}

/** A line for people. */
export const problemText = ({ position, message, hint }: Problem): string =>
  `${positionText(position)}: ${message}${hint === undefined ? '' : `; ${hint}`}`
