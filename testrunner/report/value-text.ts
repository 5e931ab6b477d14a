/** Evidence and results for people: as YAML would write them, bounded. */
import { isValueMap, type Value } from '../model/value.ts'

const DEPTH_MAX = 12

/** Lines of at most `charsMax` characters together; says how much was left out. */
export function valueText(value: Value, charsMax: number): string {
  const text = linesOf(value, '', 0).join('\n')
  if (text.length <= charsMax) return text
  return `${text.slice(0, charsMax)}\n… ${text.length - charsMax} more characters`
}

/** On one line. */
export function shortText(value: Value, charsMax: number): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const line = text.replace(/\s+/g, ' ')
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1)}…`
}

function linesOf(value: Value, indent: string, depth: number): readonly string[] {
  if (depth > DEPTH_MAX) return [`${indent}${JSON.stringify(value)}`]
  if (isValueMap(value)) {
    const entries = Object.entries(value)
    return entries.length === 0
      ? [`${indent}{}`]
      : entries.flatMap(([key, one]) => entry(`${key}:`, one, indent, depth))
  }
  if (Array.isArray(value)) {
    const list = value as readonly Value[]
    return list.length === 0 ? [`${indent}[]`] : list.flatMap((one) => entry('-', one, indent, depth))
  }
  return scalarLines(value).map((line) => indent + line)
}

function entry(head: string, value: Value, indent: string, depth: number): readonly string[] {
  const lines = linesOf(value, `${indent}  `, depth + 1)
  const isInline = lines.length === 1 && (typeof value !== 'object' || value === null || isEmpty(value))
  return isInline ? [`${indent}${head} ${lines[0]!.trimStart()}`] : [`${indent}${head}`, ...lines]
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0

const scalarLines = (value: Value): readonly string[] =>
  typeof value === 'string' ? value.replace(/\n+$/, '').split('\n') : [JSON.stringify(value)]
