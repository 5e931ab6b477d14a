/** Sizes as people write them: bytes, or KiB, MiB, GiB, TiB. Decimal units are refused with a hint. */
import { BlockError } from './errors.ts'
import { GIB, KIB, MIB, TIB } from './units.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kib: KIB, mib: MIB, gib: GIB, tib: TIB }

/** Parses `text` to bytes. `what` names the flag or key in the error. Fractions are allowed if the result is whole. */
export function parseSize(text: string, what: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text)
  const unit = match?.[2]?.toLowerCase() ?? ''
  if (match && /^[kmgt]b?$/.test(unit)) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${text.trim()}' is ambiguous; write ${match[1]}${unit[0]?.toUpperCase()}iB (powers of 1024)`,
    )
  }
  const factor = UNITS[unit]
  const size = match && factor !== undefined ? Number(match[1]) * factor : Number.NaN
  if (size > Number.MAX_SAFE_INTEGER) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${text.trim().slice(0, 80)}' is more than any volume can be`,
    )
  }
  if (!Number.isSafeInteger(size)) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${text.trim()}' is not a size; write bytes or KiB, MiB, GiB, TiB, for example 10GiB`,
    )
  }
  return size
}

/** `bytes` in the greatest unit that shows it with at most two digits after the point, for people. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['TiB', TIB],
    ['GiB', GIB],
    ['MiB', MIB],
    ['KiB', KIB],
  ] as const) {
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(2))}${unit}`
  }
  return `${bytes}B`
}
