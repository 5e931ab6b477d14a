/**
 * Known bugs, as patches of the sources: what a mistake in these lines would look like. Each must be caught by the
 * crash enumeration (`workloads`) or the simulator (`simSeeds`); one that survives fails the run. A checker that never
 * fires proves nothing.
 */
export interface Patch {
  /** Path from the root of the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** What the bug does to whom. */
  readonly about: string
  readonly patches: readonly Patch[]
  /** Workloads of the crash enumeration of which at least one must fail. */
  readonly workloads?: readonly string[]
  /** The simulator must fail within so many seeds. */
  readonly simSeeds?: number
}

export const MUTANTS: readonly Mutant[] = []

/** The source with the mutant's patches of `file`; throws when a text is not there exactly once. */
export function applyPatches(source: string, file: string, mutant: Mutant): string {
  let result = source
  for (const patch of mutant.patches) {
    if (patch.file !== file) continue
    const pieces = result.split(patch.find)
    if (pieces.length !== 2) {
      throw new Error(
        `mutant ${mutant.name}: its text stands ${pieces.length - 1} times in ${file}, not once: ${patch.find}`,
      )
    }
    result = pieces.join(patch.replace)
  }
  return result
}
