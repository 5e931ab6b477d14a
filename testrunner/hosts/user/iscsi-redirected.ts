/** One iSCSI session at a time: logs in at a portal that is told to it, and goes where the server sends it. */
import { parseHostPort } from '../../../src/base/address.ts'
import { BlockError } from '../../../src/base/errors.ts'
import { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import type { HostPorts, PathFinder, PathTimes } from './paths.ts'

export interface IscsiNames {
  readonly iqn: string
  readonly lun: number
  readonly initiatorName: string
  /** Names the initiator port, with the initiator's name; a host with several paths uses some more from this one on. */
  readonly isid: number
}

export const newInitiator = (ports: HostPorts, initiatorName: string, { loginMs }: PathTimes): Initiator =>
  new Initiator({ ...ports, initiatorName, connectTimeoutMs: loginMs, loginTimeoutMs: loginMs })

export const pingsOf = ({ pingMs, answerMs }: PathTimes) =>
  ({ pingIntervalMs: pingMs, controlTimeoutMs: answerMs }) as const

export class RedirectedPath implements PathFinder<InitiatorSession> {
  readonly #initiator: Initiator
  readonly #names: IscsiNames
  readonly #portals: readonly string[]
  readonly #times: PathTimes
  readonly #open = new Set<InitiatorSession>()
  #next = 0
  #isClosed = false

  /** `portals`: tried in turn, the first one first. */
  constructor(ports: HostPorts, names: IscsiNames, portals: readonly string[], times: PathTimes) {
    this.#initiator = newInitiator(ports, names.initiatorName, times)
    this.#names = names
    this.#portals = portals
    this.#times = times
  }

  async find(): Promise<InitiatorSession> {
    const { iqn, lun, isid } = this.#names
    const portal = parseHostPort(this.#portals[this.#next % this.#portals.length] ?? '', 'portal')
    try {
      const session = await this.#initiator.connect({
        ...{ portal, targetName: iqn, lun, isid },
        ...pingsOf(this.#times),
      })
      if (this.#isClosed) {
        session.close()
        throw new BlockError('CLOSED', 'the disk was detached')
      }
      this.#open.add(session)
      void session.closed.then(() => this.#open.delete(session))
      return session
    } catch (error) {
      this.#next++
      throw error
    }
  }

  lost(session: InitiatorSession, error: BlockError): boolean {
    // "not now" is an answer: the session is as good as before
    if (error.code === 'BUSY') return false
    session.close()
    return true
  }

  drop(session: InitiatorSession): void {
    session.close()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#open].map((session) => session.logout()))
  }
}
