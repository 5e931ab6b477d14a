/** How a host of this process finds the server that leads a volume, whichever protocol it speaks. */
import type { BlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import type { Random } from '../../../src/base/ports/random.ts'

export interface HostPorts {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
}

/** In ms. */
export interface PathTimes {
  /** For a connection, and then for the login over it: a server that is stopped takes connections and says nothing. */
  readonly loginMs: number
  /** Silence after which the other end is asked whether it is there. */
  readonly pingMs: number
  /** For its answer; then the path is given up. */
  readonly answerMs: number
}

export const PATH_TIMES: PathTimes = { loginMs: 2000, pingMs: 1000, answerMs: 2000 }

/** `P`: a session or a controller. */
export interface PathFinder<P> {
  /** One over which commands can be given. Rejects with DISCONNECTED, BUSY or NOT_FOUND when there is none now. */
  find(): Promise<P>
  /** A command over `path` ended with `error`, of which nobody is told. Whether another path is to be looked for. */
  lost(path: P, error: BlockError): boolean
  /** Ends `path` at once: what is under way over it fails. */
  drop(path: P): void
  /** Never rejects. */
  close(): Promise<void>
}
