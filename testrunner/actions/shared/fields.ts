/** A place within an answer: `replicas.0.in_sync`. */
import { isValueMap, type Value } from '../../model/value.ts'

/** Undefined when there is nothing. `length` of a list is its length. */
export function fieldOf(value: Value, path: string): Value | undefined {
  let here: Value | undefined = value
  for (const name of path.split('.').filter((part) => part !== '')) {
    if (Array.isArray(here)) here = name === 'length' ? here.length : (here as readonly Value[])[Number(name)]
    else here = isValueMap(here) && Object.hasOwn(here, name) ? here[name] : undefined
  }
  return here
}
