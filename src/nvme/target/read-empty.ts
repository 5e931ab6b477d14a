/**
 * Reads the sockets of a standby path empty before it serves: a command that its host sent while the path was
 * inaccessible, and has repeated on another path since, must be refused, however late it is read here. A connection is
 * empty when, at the boundary of a PDU, everything that was ready had its turn and nothing came.
 */
import type { Clock } from '../../base/ports/clock.ts'

/** A connection as far as it can be waited for. */
export interface Readable {
  /** Chunks that came so far. */
  readonly chunks: number
  readonly isBetweenPdus: boolean
  readonly isEnded: boolean
  reset(reason: string): Promise<void>
}

/** Turns of the event loop that a connection has to be silent: one may end in the middle of what is ready. */
const SILENT_TURNS = 2

/** Resolves when each of `connections` has been read empty or, after `timeoutMs`, reset. */
export async function readEmpty(options: {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly connections: Iterable<Readable>
}): Promise<void> {
  const { clock, timeoutMs } = options
  const waiting = new Set(options.connections)
  const endMs = clock.monotonicMs() + timeoutMs
  while (waiting.size > 0 && clock.monotonicMs() < endMs) {
    const before = new Map([...waiting].map((connection) => [connection, connection.chunks]))
    for (let turn = 0; turn < SILENT_TURNS; turn++) await clock.yield()
    for (const [connection, chunks] of before) {
      const isEmpty = connection.chunks === chunks && connection.isBetweenPdus
      if (isEmpty || connection.isEnded) waiting.delete(connection)
    }
  }
  await Promise.all([...waiting].map((connection) => connection.reset('it could not be read empty')))
}
