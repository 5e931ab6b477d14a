/**
 * What came of a job, for people. Each kind has fields of its own; all of them are numbers, words, or lists of things that
 * have such fields, and their names say what they are.
 */
import { formatSize } from '../../base/sizes.ts'

type Facts = [name: string, value: string][]

/** Of a list; the rest is in `--json`. */
const LINES_MAX = 50

export const resultFacts = (result: unknown): Facts =>
  fieldsOf(result).flatMap(([name, value]): Facts => {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) {
      return isScalar(value)
        ? [[words(name), text(name, value)]]
        : fieldsOf(value).flatMap(
            ([inner, one]): Facts => (isScalar(one) ? [[words(inner), text(inner, one)]] : []),
          )
    }
    const lines = value.slice(0, LINES_MAX).map((item): [string, string] => [words(name), line(item)])
    const more = value.length - lines.length
    return more > 0 ? [...lines, ['', `and ${more} more; --json has all of them`]] : lines
  })

/** `block 7, checksum, repaired yes` */
const line = (item: unknown): string =>
  isScalar(item)
    ? String(item)
    : fieldsOf(item)
        .filter(([, value]) => isScalar(value))
        .map(([name, value]) => `${words(name)} ${text(name, value)}`)
        .join(', ')

const fieldsOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []

const isScalar = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)

const SIZE = /(?:_b|B)ytes$/

/** `stored_bytes` and `storedBytes` are `stored`. */
const words = (name: string): string =>
  name
    .replace(SIZE, '')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll('_', ' ')

function text(name: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'number' && SIZE.test(name) ? formatSize(value) : String(value)
}
