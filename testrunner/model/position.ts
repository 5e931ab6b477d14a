/** Where in a scenario's file something stands. */
export interface Position {
  /** As the user named it, or relative to what the user named. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in characters. */
  readonly column: number
}

/** What is wrong with a file, and where. */
export interface Problem {
  readonly position: Position
  readonly message: string
  /** What to do about it, e.g. the name that was probably meant. */
  readonly hint?: string
}

export const positionText = ({ file, line, column }: Position): string => `${file}:${line}:${column}`
