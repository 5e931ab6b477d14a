/** The files of a scenario, each read and parsed once, within bounds that hold for all of them together. */
import { type BlockError, isBlockError } from '../../src/base/errors.ts'
import { printable } from '../../src/base/names.ts'
import { parseYaml, type YamlDocument } from '../../src/config/yaml-document.ts'
import type { Problem } from '../model/position.ts'
import type { SourceFile } from '../model/scenario.ts'

/** Where scenarios are kept. Paths are as the user writes them. */
export interface FileSource {
  /** Rejects with BlockError: NOT_FOUND, or INVALID_ARGUMENT when it is no UTF-8 text or larger than YAML_BYTES_MAX. */
  read(path: string): Promise<string>
  /** What is in a folder, in the order of names. Rejects with BlockError. */
  list(path: string): Promise<readonly FolderEntry[]>
  /** False also when nothing is there. */
  isDirectory(path: string): Promise<boolean>
}

export interface FolderEntry {
  readonly name: string
  readonly isDirectory: boolean
}

const FILES_MAX = 64
const FILES_CHARACTERS_MAX = 1024 * 1024

export interface SourceDocument {
  readonly path: string
  readonly yaml: YamlDocument
}

/** What came of reading a file: its document, what is wrong with it, or why it cannot be read. */
export type Sourced =
  | { readonly document: SourceDocument }
  | { readonly problem: Problem }
  | { readonly unreadable: string }

export class Sources {
  readonly #files: FileSource
  readonly #read = new Map<string, Sourced>()
  readonly #texts: SourceFile[] = []
  #characters = 0

  constructor(files: FileSource) {
    this.#files = files
  }

  /** In the order in which they were read. */
  get texts(): readonly SourceFile[] {
    return this.#texts
  }

  async open(path: string): Promise<Sourced> {
    const known = this.#read.get(path)
    if (known !== undefined) return known
    const sourced = await this.#open(path)
    this.#read.set(path, sourced)
    return sourced
  }

  async #open(path: string): Promise<Sourced> {
    if (this.#read.size >= FILES_MAX) return { unreadable: `a scenario has at most ${FILES_MAX} files` }
    let text: string
    try {
      text = await this.#files.read(path)
    } catch (error) {
      if (!isBlockError(error)) throw error
      return { unreadable: unreadable(path, error) }
    }
    this.#characters += text.length
    if (this.#characters > FILES_CHARACTERS_MAX) {
      return { unreadable: 'the files of a scenario are more than 1MiB together' }
    }
    this.#texts.push({ path, text })
    return parsed(text, path)
  }
}

const unreadable = (path: string, error: BlockError): string =>
  error.code === 'NOT_FOUND' ? `${printable(path)} does not exist` : error.message

function parsed(text: string, path: string): Sourced {
  try {
    return { document: { path, yaml: parseYaml(text, path) } }
  } catch (error) {
    if (!isBlockError(error)) throw error
    return { problem: syntaxProblem(error, text, path) }
  }
}

/** The parser's error begins with the place, which a problem has as numbers. */
function syntaxProblem(error: BlockError, text: string, file: string): Problem {
  const { line, column } = error.facts
  const position = {
    file,
    line: typeof line === 'number' ? line : 1,
    column: typeof column === 'number' ? column : 1,
  }
  const message = error.message.slice(file.length).replace(/^(?::\d+)*: /, '')
  const isUnquoted = /(?:^|[:[,-])\s*\{\{/.test(text.split('\n')[position.line - 1] ?? '')
  return isUnquoted
    ? { position, message, hint: 'put a text that begins with {{ in quotes' }
    : { position, message }
}
