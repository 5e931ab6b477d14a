/** What is wrong or doubtful about a request, collected instead of thrown: who asks sees all of it at once. */
import { printable } from '../../base/names.ts'
import type { Finding } from '../master-api.ts'

export class Findings {
  readonly errors: Finding[] = []
  readonly warnings: Finding[] = []

  /** `code` is stable; the message says what to do. */
  error(code: string, message: string): void {
    this.errors.push({ code, message })
  }

  warn(code: string, message: string): void {
    this.warnings.push({ code, message })
  }

  /** `value` if it is a whole number in [min, max]; else an error with this code, and null. */
  integer(
    value: unknown,
    { what, code, min, max }: { what: string; code: string; min: number; max: number },
  ): number | null {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    this.error(code, `${what}: ${shown(value)} is not a whole number from ${min} to ${max}`)
    return null
  }

  /** `value` if it is one of the words; else an error with this code, and null. */
  word<Word extends string | number>(
    value: unknown,
    { what, code, words }: { what: string; code: string; words: readonly Word[] },
  ): Word | null {
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    this.error(
      code,
      `${what}: ${shown(value)} is unknown; use ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    )
    return null
  }
}

/** A value from outside in a message: bounded, and without what a terminal would act on. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${printable(value)}'`
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}
