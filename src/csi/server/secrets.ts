/**
 * What a request's secrets are, so that nothing of them leaves the driver in a log line or an answer, whatever sentence a
 * tool on the host or a bug of ours made of them.
 */
import { inspect } from 'node:util'
import type { ErrorFacts } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'

const HIDDEN = '(hidden)'
/** Shorter ones are part of ordinary words; CHAP secrets have at least 12 characters, keys of DH-HMAC-CHAP 40. */
const LENGTH_MIN = 6
const TEXT_CHARS_MAX = 4096

export class RequestSecrets {
  readonly #values: readonly string[]

  /** Of any request of CSI: its field `secrets`, when it has one. */
  constructor(request: unknown) {
    const secrets = (request as { readonly secrets?: unknown } | null)?.secrets
    const values = typeof secrets === 'object' && secrets !== null ? Object.values(secrets) : []
    this.#values = values
      .filter((value): value is string => typeof value === 'string' && value.length >= LENGTH_MIN)
      // one may be the beginning of another
      .sort((a, b) => b.length - a.length)
  }

  /** `text` with every secret in it replaced. */
  hide(text: string): string {
    return this.#values.reduce((hidden, value) => hidden.replaceAll(value, HIDDEN), text)
  }

  /** An error with its stack and causes, in one text without secrets. */
  describe(error: unknown): string {
    return this.hide(inspect(error)).slice(0, TEXT_CHARS_MAX)
  }

  /** `log` with `facts` on every line, and nothing secret in any. */
  guard(log: Logger, facts: ErrorFacts): Logger {
    const clean = (more: ErrorFacts | undefined, error?: unknown): ErrorFacts => {
      const merged = { ...more, ...facts, ...(error === undefined ? {} : { error: this.describe(error) }) }
      return Object.fromEntries(
        Object.entries(merged).map(([name, value]) => [
          name,
          typeof value === 'string' ? this.hide(value) : value,
        ]),
      )
    }
    return {
      debug: (event, more) => log.debug(event, clean(more)),
      info: (event, more) => log.info(event, clean(more)),
      warn: (event, more, error) => log.warn(event, clean(more, error)),
      error: (event, more, error) => log.error(event, clean(more, error)),
    }
  }
}
