/**
 * Fields of gRPC messages, checked: what comes from the other side is believed only within its bounds. Every function
 * throws PROTOCOL with the name of the field. 64-bit values arrive as decimal strings, so that none is rounded.
 */
import { parseHostPort } from '../base/address.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import { printable } from '../base/names.ts'
import { type Epoch, epochNumber, type Lsn, lsn } from '../base/units.ts'
import { parseUuid } from '../base/uuid.ts'
import type { Epoch as EpochIn, Epoch__Output as EpochOut } from '../gen/basalt/master/v1/Epoch.ts'
import { type Opening, opening, type ServerId, serverId } from '../v2engine/identity.ts'

const SERVER_ID_LENGTH_MAX = 64
const ID_END = 1n << 64n

export const malformed = (field: string, why: string): BlockError =>
  new BlockError('PROTOCOL', `${field}: ${why}`, { facts: { field } })

/** `value`, which the message must have. */
export function present<T>(value: T | null | undefined, field: string): T {
  if (value == null) throw malformed(field, 'it is missing')
  return value
}

/** An unsigned 64-bit value that is exact as a double. */
export function natural(value: string, field: string): number {
  const number = Number(value)
  if (value !== '' && Number.isSafeInteger(number) && number >= 0) return number
  throw malformed(field, `${printable(value)} is above ${Number.MAX_SAFE_INTEGER}`)
}

/** An integer in [least, most]. */
export function within(value: number, least: number, most: number, field: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw malformed(field, `${value} is not in ${least} to ${most}`)
}

/** Milliseconds, with a fraction; at most 2^53. */
export function milliseconds(value: number, field: string): number {
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value
  throw malformed(field, `${value} is no time`)
}

/** Text of 1 to `lengthMax` characters, none of them a control character. */
export function text(value: string, lengthMax: number, field: string): string {
  if (value.length >= 1 && value.length <= lengthMax && !/\p{Cc}/u.test(value)) return value
  throw malformed(field, `'${printable(value)}' is not 1 to ${lengthMax} printable characters`)
}

/** A UUID in the form that `formatUuid` writes. */
export function uuid(value: string, field: string): string {
  if (parseUuid(value) !== undefined) return value
  throw malformed(field, `'${printable(value)}' is not a UUID`)
}

/** `HOST:PORT`. */
export function hostPort(value: string, field: string): string {
  try {
    parseHostPort(value, field)
    return value
  } catch (cause) {
    if (!isBlockError(cause, 'INVALID_ARGUMENT')) throw cause
    throw malformed(field, `'${printable(value)}' is not HOST:PORT`)
  }
}

/** At most `most` items. */
export function atMost<T>(items: readonly T[], most: number, field: string): readonly T[] {
  if (items.length <= most) return items
  throw malformed(field, `${items.length} items; at most ${most} are possible`)
}

export const server = (value: string, field: string): ServerId =>
  serverId(text(value, SERVER_ID_LENGTH_MAX, field))

export const openingOf = (value: string, field: string): Opening => opening(natural(value, field))

export const lsnOf = (value: string, field: string): Lsn => lsn(natural(value, field))

/** The meaning of an enumeration's value; what this program does not know is refused. */
export function meaning<T>(table: Readonly<Record<string, T | undefined>>, value: string, field: string): T {
  const known = Object.hasOwn(table, value) ? table[value] : undefined
  if (known !== undefined) return known
  throw malformed(field, `'${printable(String(value))}' is not known`)
}

export const epochIn = ({ number, id }: Epoch): EpochIn => ({ number, id: String(id) })

export function epochOf(value: EpochOut | null | undefined, field: string): Epoch {
  const { number, id } = present(value, field)
  const exact = BigInt(id)
  if (exact < 0n || exact >= ID_END) throw malformed(`${field}.id`, 'it has more than 64 bits')
  return { number: epochNumber(natural(number, `${field}.number`)), id: exact }
}

export const epochOrNull = (value: EpochOut | null | undefined, field: string): Epoch | null =>
  value == null ? null : epochOf(value, field)
