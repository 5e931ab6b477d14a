/** A value of a YAML file with the place where it stands. */
import { escapePointer, type YamlValue } from '../../src/config/yaml-document.ts'
import type { Position } from '../model/position.ts'
import type { SourceDocument } from './source-files.ts'

export interface Node {
  readonly value: YamlValue
  readonly document: SourceDocument
  /** JSON pointer. */
  readonly pointer: string
}

export const rootOf = (document: SourceDocument): Node => ({
  ...{ document, pointer: '', value: document.yaml.value },
})

export const positionOf = ({ document, pointer }: Node): Position => ({
  file: document.path,
  ...document.yaml.position(pointer),
})

export const keyPosition = ({ document, pointer }: Node, key: string): Position => ({
  file: document.path,
  ...document.yaml.keyPosition(`${pointer}/${escapePointer(key)}`),
})

/** What a map has at `key`; undefined for nothing, also for a key with nothing behind it. */
export function childOf(node: Node, key: string): Node | undefined {
  const value = Object.hasOwn(mapOf(node) ?? {}, key) ? mapOf(node)?.[key] : undefined
  if (value === undefined || value === null) return undefined
  return { value, document: node.document, pointer: `${node.pointer}/${escapePointer(key)}` }
}

/** Keys and values of a map, those without a value too. */
export const entriesOf = (node: Node): readonly (readonly [key: string, value: Node])[] =>
  Object.entries(mapOf(node) ?? {}).map(([key, value]) => [
    key,
    { value, document: node.document, pointer: `${node.pointer}/${escapePointer(key)}` },
  ])

export const itemsOf = (node: Node): readonly Node[] =>
  isList(node.value)
    ? node.value.map((value, index) => ({
        ...{ value, document: node.document, pointer: `${node.pointer}/${index}` },
      }))
    : []

export const isMapNode = (node: Node): boolean => mapOf(node) !== undefined
export const isListNode = (node: Node): boolean => isList(node.value)

const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value)

function mapOf({ value }: Node): { readonly [key: string]: YamlValue } | undefined {
  if (typeof value !== 'object' || value === null || isList(value)) return undefined
  return value as { readonly [key: string]: YamlValue }
}

/** What a value is, for people. */
export function kindOf({ value }: Node): string {
  if (value === null) return 'nothing'
  if (isList(value)) return 'a list'
  if (typeof value === 'object') return 'a group of keys'
  return typeof value === 'string' ? 'text' : value === true || value === false ? `${value}` : 'a number'
}
