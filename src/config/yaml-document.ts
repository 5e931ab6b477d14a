/**
 * A YAML file as plain values that remember where they stood, so that every complaint about a value can name
 * `file:line:column`.
 *
 * The file is small by contract, and its shape is bounded before the parser sees it: bytes, lines, line length
 * and nesting. Aliases are refused (a few lines of them expand without end). Whatever the text holds, reading
 * it takes a few milliseconds, for a server reads it again on SIGHUP while it serves.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { BlockError, type ErrorFacts } from '../base/errors.ts'
import { printable } from '../base/names.ts'

export const YAML_BYTES_MAX = 64 * 1024
const LINES_MAX = 2_000
const LINE_CHARACTERS_MAX = 1_024
const DEPTH_MAX = 16

export type YamlValue =
  | string
  | number
  | boolean
  | null
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue }

export interface YamlDocument {
  readonly value: YamlValue
  /** `file:line:column` of the value at a JSON pointer such as `/chap/user`. */
  at(pointer: string): string
  /** The same of the key at a pointer; of the value where there is no key. */
  atKey(pointer: string): string
  /** Line and column, from 1, of what `at` and `atKey` name. */
  position(pointer: string): YamlPosition
  keyPosition(pointer: string): YamlPosition
}

interface YamlPosition {
  readonly line: number
  readonly column: number
}

/**
 * Parses one YAML document. `fileName` begins every error. INVALID_ARGUMENT when it is malformed or too large, with `line`
 * and `column` among its facts where they are known.
 */
export function parseYaml(text: string, fileName: string): YamlDocument {
  checkShape(text, fileName)
  const lines = new LineCounter()
  const position = (offset: number): YamlPosition => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const problem = document.errors[0] ?? document.warnings[0]
  const file = { name: fileName, position }
  if (problem !== undefined) throw invalidAt(file, problem.pos[0], firstLine(problem.message))
  return located(document, file)
}

interface PlacedFile {
  readonly name: string
  position(offset: number): YamlPosition
}

function located(document: Document, file: PlacedFile): YamlDocument {
  const values = new Map<string, number>()
  const keys = new Map<string, number>()

  const convert = (node: Node | null, pointer: string, offset: number, depth: number): YamlValue => {
    const start = node?.range?.[0] ?? offset
    values.set(pointer, start)
    if (depth > DEPTH_MAX) throw invalidAt(file, start, `nested deeper than ${DEPTH_MAX} levels`)
    if (node === null) return null
    if (isAlias(node)) throw invalidAt(file, start, `aliases (*${node.source}) are not allowed here`)
    if (isScalar(node)) {
      const { value } = node
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
      if (value === null) return null
      throw invalidAt(file, start, `a value of this kind is not allowed here`)
    }
    if (isSeq<Node | null>(node)) {
      return node.items.map((item, index) => convert(item, `${pointer}/${index}`, start, depth + 1))
    }
    if (!isMap<Node, Node | null>(node))
      throw invalidAt(file, start, `a value of this kind is not allowed here`)
    const result: Record<string, YamlValue> = Object.create(null)
    for (const { key, value } of node.items) {
      const keyStart = key.range?.[0] ?? start
      if (!isScalar(key) || typeof key.value !== 'string') {
        throw invalidAt(file, keyStart, `a key must be a plain word`)
      }
      const child = `${pointer}/${escapePointer(key.value)}`
      keys.set(child, keyStart)
      result[key.value] = convert(value, child, keyStart, depth + 1)
    }
    return result
  }

  const value = convert(document.contents as Node | null, '', 0, 1)
  const valueOffset = (pointer: string): number => values.get(pointer) ?? 0
  const keyOffset = (pointer: string): number => keys.get(pointer) ?? valueOffset(pointer)
  return {
    value,
    at: (pointer) => placeText(file, valueOffset(pointer)),
    atKey: (pointer) => placeText(file, keyOffset(pointer)),
    position: (pointer) => file.position(valueOffset(pointer)),
    keyPosition: (pointer) => file.position(keyOffset(pointer)),
  }
}

/** Bounds what the parser is given: its own cost rises faster than the length for deep and for very many nodes. */
function checkShape(text: string, fileName: string): void {
  if (text.length > YAML_BYTES_MAX) throw invalid(`${fileName}: larger than ${YAML_BYTES_MAX / 1024}KiB`)
  let line = 1
  let lineStart = 0
  let open = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x0a
    if (code === 0x5b || code === 0x7b) open++
    else if ((code === 0x5d || code === 0x7d) && open > 0) open--
    if (open > 4 * DEPTH_MAX)
      throw invalid(`${fileName}:${line}: nested deeper than ${DEPTH_MAX} levels`, { line })
    if (code !== 0x0a) continue
    if (i - lineStart > LINE_CHARACTERS_MAX) {
      throw invalid(`${fileName}:${line}: a line longer than ${LINE_CHARACTERS_MAX} characters`, { line })
    }
    lineStart = i + 1
    if (++line > LINES_MAX + 1) throw invalid(`${fileName}: more than ${LINES_MAX} lines`)
  }
}

/** A key as it stands in a JSON pointer (RFC 6901 §3). */
export const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

const firstLine = (message: string): string => printable(message.split('\n')[0] ?? '')

function placeText(file: PlacedFile, offset: number): string {
  const { line, column } = file.position(offset)
  return `${file.name}:${line}:${column}`
}

const invalidAt = (file: PlacedFile, offset: number, message: string): BlockError =>
  invalid(`${placeText(file, offset)}: ${message}`, { ...file.position(offset) })

const invalid = (message: string, facts: ErrorFacts = {}): BlockError =>
  new BlockError('INVALID_ARGUMENT', message, { facts })
