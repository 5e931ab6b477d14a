/**
 * The logger port. A line is an event name plus facts, never prose to be parsed, never secrets. Event names
 * are `area.what` in the past tense, such as `volume.opened`.
 */
import type { ErrorFacts } from './errors.ts'

export interface Logger {
  debug(event: string, facts?: ErrorFacts): void
  info(event: string, facts?: ErrorFacts): void
  warn(event: string, facts?: ErrorFacts, error?: unknown): void
  error(event: string, facts?: ErrorFacts, error?: unknown): void
}

const nothing = (): void => undefined
/** Drops everything. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
