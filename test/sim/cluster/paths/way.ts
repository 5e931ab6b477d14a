/**
 * How a host finds the volume: by one session that begins at a fixed server and follows redirects, as open-iscsi keeps it, or
 * by a session to each server that has a path, as a multipath host keeps them. A session that is over is made anew between
 * the same two ports, so what was under way on it is over too.
 */

import type { HostPort } from '../../../../src/base/address.ts'
import { isBlockError } from '../../../../src/base/errors.ts'
import type { Initiator } from '../../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import type { SeededRandom } from '../../random.ts'

export interface WayOptions {
  readonly initiator: Initiator
  readonly random: SeededRandom
  readonly isid: number
  readonly iqn: string
  /** Portals of the volume's servers now, in one order. */
  readonly portals: () => readonly HostPort[]
  readonly count: (what: string) => void
}

/** A host's way to the volume. */
export interface Way {
  /** A session to try; undefined when none can be had now. */
  session(): Promise<InitiatorSession | undefined>
  /** A command on it ended with `code`. */
  failed(session: InitiatorSession, code: string): void
  close(): void
}

const COMMAND_MS = 20_000
const PING_MS = 1000

async function login(options: WayOptions, portal: HostPort): Promise<InitiatorSession | undefined> {
  const { initiator, iqn, isid, count } = options
  try {
    const session = await initiator.connect({
      portal,
      targetName: iqn,
      isid,
      commandTimeoutMs: COMMAND_MS,
      pingIntervalMs: PING_MS,
    })
    count('login ok')
    return session
  } catch (error) {
    if (!isBlockError(error)) throw error
    count(`login ${error.code}`)
    return undefined
  }
}

/** The session is over, or as good as that. */
const isOfSession = (code: string): boolean =>
  code === 'DISCONNECTED' ||
  code === 'PROTOCOL' ||
  code === 'TIMED_OUT' ||
  code === 'CLOSED' ||
  code === 'ABORTED'

/** One session that begins at one server, whoever leads. */
export class EntryWay implements Way {
  readonly #o: WayOptions
  readonly #entry: number
  #session: Promise<InitiatorSession | undefined> | undefined

  constructor(options: WayOptions) {
    this.#o = options
    this.#entry = options.random.integer(options.portals().length)
  }

  async session(): Promise<InitiatorSession | undefined> {
    this.#session ??= login(this.#o, this.#o.portals()[this.#entry]!)
    const asked = this.#session
    const session = await asked
    if (session === undefined && this.#session === asked) this.#session = undefined
    return session
  }

  failed(session: InitiatorSession, code: string): void {
    if (!isOfSession(code)) return
    session.close()
    this.#session = undefined
  }

  close(): void {
    void this.#session?.then((session) => session?.close())
    this.#session = undefined
  }
}

/** A session to each server; commands go by one of them until it refuses. */
export class MultipathWay implements Way {
  readonly #o: WayOptions
  readonly #sessions = new Map<number, Promise<InitiatorSession | undefined>>()
  #current = 0

  constructor(options: WayOptions) {
    this.#o = options
    this.#current = options.random.integer(options.portals().length)
  }

  async session(): Promise<InitiatorSession | undefined> {
    const index = this.#current
    let asked = this.#sessions.get(index)
    if (asked === undefined) {
      asked = login(this.#o, this.#o.portals()[index]!)
      this.#sessions.set(index, asked)
    }
    const session = await asked
    if (session === undefined) {
      if (this.#sessions.get(index) === asked) this.#sessions.delete(index)
      this.#next(index)
    }
    return session
  }

  /** A path that refuses is left for the next one; its session stays. */
  failed(session: InitiatorSession, code: string): void {
    for (const [index, asked] of this.#sessions) {
      void asked.then((one) => {
        if (one !== session) return
        if (isOfSession(code)) {
          session.close()
          if (this.#sessions.get(index) === asked) this.#sessions.delete(index)
        }
        if (isOfSession(code) || code === 'BUSY') this.#next(index)
      })
    }
  }

  close(): void {
    for (const asked of this.#sessions.values()) void asked.then((session) => session?.close())
    this.#sessions.clear()
  }

  #next(index: number): void {
    if (this.#current === index) this.#current = (index + 1) % this.#o.portals().length
  }
}
