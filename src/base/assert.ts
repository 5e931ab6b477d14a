/**
 * Assertions state what the author believes. One that fails means a bug, not a bad day: nobody catches
 * `InvariantError`; the volume is fenced and the process stops.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** For the end of a `switch` that covers a whole union: a new member breaks the build here. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`)
}
