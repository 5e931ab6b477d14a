/**
 * The master's refusals as the specification has them. Its codes are coarser than its reasons: CONFLICT is "taken by another" for
 * one, and "wait a little" for another, and a sidecar acts on the difference.
 */
import { isBlockError } from '../../base/errors.ts'
import { type CsiCode, CsiError } from '../server/csi-error.ts'
import type { Handler } from '../server/handlers.ts'

const CODE_OF_REASON: Readonly<Record<string, CsiCode>> = {
  // something is under way that ends by itself
  being_made: 'ABORTED',
  being_deleted: 'ABORTED',
  clone_filling: 'ABORTED',
  not_ready: 'ABORTED',
  policy_changing: 'ABORTED',
  unpublished: 'ABORTED',
  // an operator has to say that the registry is right
  locked: 'UNAVAILABLE',
  exists: 'ALREADY_EXISTS',
  exists_otherwise: 'ALREADY_EXISTS',
  published_differently: 'ALREADY_EXISTS',
  published_elsewhere: 'FAILED_PRECONDITION',
  secrets_mixed: 'FAILED_PRECONDITION',
  published: 'FAILED_PRECONDITION',
  has_snapshots: 'FAILED_PRECONDITION',
  in_use: 'FAILED_PRECONDITION',
  exposed: 'FAILED_PRECONDITION',
  access_too_long: 'RESOURCE_EXHAUSTED',
  rf_not_satisfiable: 'RESOURCE_EXHAUSTED',
  no_viable_primary: 'RESOURCE_EXHAUSTED',
  size_too_large: 'OUT_OF_RANGE',
  size_too_small: 'OUT_OF_RANGE',
  shrink_refused: 'OUT_OF_RANGE',
}

/** The master's reason of a refusal; undefined: it is none. */
export function reasonOf(error: unknown): string | undefined {
  if (!isBlockError(error)) return undefined
  const { reason } = error.facts
  return typeof reason === 'string' ? reason : undefined
}

/** `handle`, with refusals of the master by their reason; every other error as it is. */
export function withReasons<Request, Response>(
  handle: Handler<Request, Response>,
): Handler<Request, Response> {
  return async (request, call) => {
    try {
      return await handle(request, call)
    } catch (error) {
      const reason = reasonOf(error)
      const code = reason === undefined ? undefined : CODE_OF_REASON[reason]
      if (code === undefined || !isBlockError(error)) throw error
      throw new CsiError(code, error.message, { cause: error })
    }
  }
}

/** The field, or INVALID_ARGUMENT when it is empty. */
export function needed(text: string, field: string): string {
  if (text !== '') return text
  throw new CsiError('INVALID_ARGUMENT', `${field}: it is needed`)
}

/** A snapshot that cannot go yet: a clone is filled from it, or the server that reads it is about to hear that none is. */
export const isBeingRead = (error: unknown): boolean =>
  isBlockError(error, 'CONFLICT') && [undefined, 'in_use'].includes(reasonOf(error))
