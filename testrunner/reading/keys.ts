/** The keys that a group of keys may have, and those with plain values. */
import { printable } from '../../src/base/names.ts'
import { suggest } from '../../src/config/suggest.ts'
import type { Parameter } from '../model/parameter.ts'
import {
  childOf,
  entriesOf,
  isListNode,
  isMapNode,
  itemsOf,
  keyPosition,
  kindOf,
  type Node,
  positionOf,
} from './node.ts'
import type { Problems } from './problems.ts'
import { parseKnown, readKnown, type Substitution } from './scope.ts'

/** Whether `node` is a group of keys, else a problem. `what` is what it should be, e.g. `a phase`. */
export function isGroup(node: Node, what: string, problems: Problems): boolean {
  if (isMapNode(node)) return true
  problems.add(positionOf(node), `${what} is a group of keys, not ${kindOf(node)}`)
  return false
}

/** The same; keys that are not `known` are problems too. */
export function checkKeys(node: Node, known: readonly string[], what: string, problems: Problems): boolean {
  if (!isGroup(node, what, problems)) return false
  for (const [key] of entriesOf(node)) {
    if (!known.includes(key)) {
      problems.add(keyPosition(node, key), `${what} has no key '${printable(key)}'`, () =>
        nearest(key, known),
      )
    }
  }
  return true
}

/** What was probably meant, or what there is. */
export function nearest(word: string, known: readonly string[]): string {
  const near = suggest(word.slice(0, 80), known)
  if (near !== undefined) return `did you mean '${near}'?`
  return known.length === 0 ? 'there are none' : `there are ${known.slice(0, 40).join(', ')}`
}

/** The items of a list at `key`; none when it is not there, or no list, which is a problem. `empty`: as is none of them. */
export function listAt(node: Node, key: string, problems: Problems, empty?: string): readonly Node[] {
  const list = childOf(node, key)
  if (empty !== undefined && (list === undefined || (isListNode(list) && itemsOf(list).length === 0))) {
    problems.add(positionOf(node), empty)
  }
  if (list === undefined) return []
  if (!isListNode(list)) problems.add(positionOf(list), `${key} is a list, not ${kindOf(list)}`)
  return itemsOf(list)
}

/** Names and values of the group of keys at `key`; the same. */
export function groupAt(node: Node, key: string, problems: Problems): readonly (readonly [string, Node])[] {
  const group = childOf(node, key)
  if (group === undefined) return []
  isGroup(group, key, problems)
  return entriesOf(group)
}

/** What `node` has at `key`, known before the run; `otherwise` when it has nothing or what it has is a problem. */
export function valueAt<T, D>(
  node: Node,
  key: string,
  parameter: Parameter<T>,
  otherwise: D,
  context: Substitution,
): T | D {
  const child = childOf(node, key)
  return child === undefined ? otherwise : (readKnown(child, parameter, key, context) ?? otherwise)
}

/** The same where templates are not read, for what has to be known before variables are. */
export function plainAt<T, D>(
  node: Node,
  key: string,
  parameter: Parameter<T>,
  otherwise: D,
  problems: Problems,
): T | D {
  const child = childOf(node, key)
  return child === undefined ? otherwise : (plain(child, parameter, key, problems) ?? otherwise)
}

export function plain<T>(
  node: Node,
  parameter: Parameter<T>,
  what: string,
  problems: Problems,
): T | undefined {
  if (typeof node.value === 'string' && node.value.includes('{{')) {
    problems.add(positionOf(node), `${what}: templates are not read here`)
    return undefined
  }
  return parseKnown(node.value, parameter, { what, position: positionOf(node), problems })
}
