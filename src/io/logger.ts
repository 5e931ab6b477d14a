/**
 * The `Logger` port over pino: one JSON object a line on stderr, with level, time, pid and event before the facts.
 *
 * Lines are written without waiting, so that a reader of stderr that hangs does not stop the data path; what
 * piles up behind it is bounded, and beyond the bound lines are dropped. A process that exits writes what is
 * left first.
 */
import { type DestinationStream, destination, type Logger as Pino, pino, stdSerializers } from 'pino'
import type { ErrorFacts } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { MIB } from '../base/units.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const STDERR = 2
const PENDING_BYTES_MAX = 4 * MIB

export class PinoLogger implements Logger {
  readonly #pino: Pino

  /** Writes to stderr, or to `stream`. */
  constructor(options: { level: LogLevel; stream?: DestinationStream }) {
    this.#pino = pino(
      {
        level: options.level,
        base: { pid: process.pid },
        messageKey: 'event',
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }), log: exactNumbers },
        serializers: { err: stdSerializers.errWithCause },
      },
      options.stream ?? destination({ fd: STDERR, sync: false, maxLength: PENDING_BYTES_MAX }),
    )
  }

  /** Takes effect with the next line. */
  setLevel(level: LogLevel): void {
    this.#pino.level = level
  }

  debug(event: string, facts?: ErrorFacts): void {
    this.#pino.debug(facts ?? {}, event)
  }

  info(event: string, facts?: ErrorFacts): void {
    this.#pino.info(facts ?? {}, event)
  }

  warn(event: string, facts?: ErrorFacts, error?: unknown): void {
    this.#pino.warn(error === undefined ? (facts ?? {}) : { ...facts, err: error }, event)
  }

  error(event: string, facts?: ErrorFacts, error?: unknown): void {
    this.#pino.error(error === undefined ? (facts ?? {}) : { ...facts, err: error }, event)
  }
}

/** A 64-bit id as a JSON number would be rounded by most readers; as a string it is exact. */
function exactNumbers(facts: Record<string, unknown>): Record<string, unknown> {
  let exact: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(facts)) {
    if (typeof value !== 'bigint') continue
    exact ??= { ...facts }
    exact[key] = String(value)
  }
  return exact ?? facts
}
