/**
 * What came of a job, for people. Each kind has fields of its own; all of them are numbers, words, or lists of things that
 * have such fields, and their names say what they are.
 */
import { formatSize } from '../../base/sizes.ts'
import { formatTime } from './times.ts'

type Facts = [name: string, value: string][]
type NameOf = (server: string) => string

/** Of a list; the rest is in `--json`. */
const LINES_MAX = 50

/** `nameOf` a server by its id. */
export const resultFacts = (result: unknown, nameOf: NameOf = (server) => server): Facts =>
  fieldsOf(result).flatMap(([name, value]): Facts => {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) {
      return isScalar(value)
        ? [[words(name), text(name, value, nameOf)]]
        : fieldsOf(value).flatMap(
            ([inner, one]): Facts =>
              isScalar(one) ? [[`${words(name)} ${words(inner)}`, text(inner, one, nameOf)]] : [],
          )
    }
    const lines = value.slice(0, LINES_MAX).map((item): [string, string] => [words(name), line(item, nameOf)])
    const more = value.length - lines.length
    return more > 0 ? [...lines, ['', `and ${more} more; --json has all of them`]] : lines
  })

/** `block 7, checksum, repaired yes` */
const line = (item: unknown, nameOf: NameOf): string =>
  isScalar(item)
    ? String(item)
    : fieldsOf(item)
        .filter(([, value]) => isScalar(value))
        .map(([name, value]) => `${words(name)} ${text(name, value, nameOf)}`)
        .join(', ')

const fieldsOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []

const isScalar = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)

const SIZE = /(?:_b|B)ytes$/
const TIME = /(?:_at|AtMs)$/
const TIME_MS_MAX = 8.64e15

/** `stored_bytes` is `stored`, `created_at` is `created`; of a target `storedBytes`, `createdAtMs`, and `isEncrypted` is `encrypted`. */
const words = (name: string): string =>
  name
    .replace(SIZE, '')
    .replace(TIME, '')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll('_', ' ')
    .replace(/^is /, '')

function text(name: string, value: unknown, nameOf: NameOf): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') {
    if (name === 'server') return nameOf(value)
    return TIME.test(name) && !Number.isNaN(Date.parse(value)) ? formatTime(value) : value
  }
  if (typeof value !== 'number') return String(value)
  if (TIME.test(name) && Math.abs(value) <= TIME_MS_MAX) return formatTime(new Date(value).toISOString())
  return SIZE.test(name) ? formatSize(value) : String(value)
}
