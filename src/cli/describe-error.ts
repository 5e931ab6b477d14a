/** An error as people read it: one sentence. The stack is for those who ask for `--log-level debug`. */

import { isBlockError } from '../base/errors.ts'

const CAUSES_MAX = 3

/** The error's message, with the messages of its causes where they say more. */
export function describeError(error: unknown, options: { readonly stack: boolean }): string {
  if (!(error instanceof Error)) return String(error)
  if (options.stack) return stackOf(error)
  if (!isBlockError(error)) {
    return `internal error: ${oneLine(error.message)}; --log-level debug shows where`
  }
  let text = oneLine(error.message)
  let cause: unknown = error.cause
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth++) {
    const message = oneLine(cause.message)
    if (!text.includes(message)) text += ` (${message})`
    cause = cause.cause
  }
  return text
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ')
