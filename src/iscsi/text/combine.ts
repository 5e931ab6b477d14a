/**
 * The result functions of negotiated keys (RFC 7143 §6.2.1 lists, §6.2.2 simple values): how a responder's value
 * follows from both sides', and which answers an originator may accept.
 */
import type { BooleanKey, KeySpec, ListKey, NumberKey } from './keys.ts'
import { parseBoolean, parseList, parseNumber } from './values.ts'

/** A value of a key; of a list key the whole list when it is what a side wishes, one item when it is agreed. */
export type Value = string | number | boolean | readonly string[]
type Scalar = string | number | boolean

type Negotiable = ListKey | NumberKey | BooleanKey

/** One value of `spec` from its text; undefined when it is malformed, unknown or out of the key's range. */
export function parseValue(spec: KeySpec, text: string): Scalar | undefined {
  switch (spec.kind) {
    case 'list':
      return spec.values.includes(text) ? text : undefined
    case 'number': {
      const value = parseNumber(text)
      return value !== undefined && value >= spec.min && value <= spec.max ? value : undefined
    }
    case 'boolean':
      return parseBoolean(text)
    case 'text':
    case 'obsolete':
      return undefined
  }
}

/**
 * The responder's answer, and with it the result: `ours` joined with what the other side offers. Undefined when
 * the offer is not admissible, or no value of an offered list is among ours.
 */
export function combine(spec: Negotiable, ours: Value, offer: string): Scalar | undefined {
  if (spec.kind === 'list') {
    const accepted = ours as readonly string[]
    return parseList(offer)?.find((value) => accepted.includes(value))
  }
  const theirs = parseValue(spec, offer)
  if (theirs === undefined) return undefined
  if (spec.kind === 'boolean') {
    return spec.result === 'and'
      ? (ours as boolean) && (theirs as boolean)
      : (ours as boolean) || (theirs as boolean)
  }
  return spec.result === 'maximum'
    ? Math.max(ours as number, theirs as number)
    : Math.min(ours as number, theirs as number)
}

/** Whether `answer` is a possible result of this side's offer `ours`. */
export function satisfies(spec: KeySpec, ours: Value, answer: Scalar): boolean {
  switch (spec.kind) {
    case 'list':
      return (ours as readonly string[]).includes(answer as string)
    case 'number':
      return spec.result === 'maximum'
        ? Number(answer) >= (ours as number)
        : Number(answer) <= (ours as number)
    case 'boolean':
      return spec.result === 'and' ? ours === true || answer === false : ours === false || answer === true
    case 'text':
    case 'obsolete':
      return false
  }
}
