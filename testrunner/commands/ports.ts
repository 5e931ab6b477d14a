import type { ActionCatalog } from '../model/action-spec.ts'
import type { FileSource } from '../reading/source-files.ts'

/** What the commands that only read scenarios work with. */
export interface ReadingPorts {
  readonly catalog: ActionCatalog
  readonly files: FileSource
  /** The result. Texts end with a line break. */
  out(text: string): void
  /** Complaints about the call itself. */
  err(text: string): void
  /** Columns of the terminal that `out` goes to; undefined where there is none. */
  readonly outputWidth: number | undefined
}

export const EXIT_OK = 0
/** A file or the call is wrong. */
export const EXIT_INVALID = 2
