/**
 * An iSCSI session to every portal, as multipathd would have them: which path leads is asked for by REPORT TARGET PORT GROUPS
 * over any of them, and a path on which a command is not ready is not used again before that was asked anew.
 */
import { parseHostPort } from '../../../src/base/address.ts'
import { viewOf } from '../../../src/base/binary.ts'
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { SENSE_KEY } from '../../../src/iscsi/scsi/sense.ts'
import { type IscsiNames, newInitiator, pingsOf } from './iscsi-redirected.ts'
import type { HostPorts, PathFinder, PathTimes } from './paths.ts'

const AGAIN_MS = 100
/** For an answer about groups, once there is a path that could be used. */
const ASK_MS = 1000
/** MAINTENANCE IN, REPORT TARGET PORT GROUPS (SPC-4 §6.37). */
const REPORT_GROUPS = { opcode: 0xa3, action: 0x0a, lengthBytes: 4096 } as const
const ACTIVE_OPTIMIZED = 0

export class GroupedPaths implements PathFinder<InitiatorSession> {
  readonly #paths: readonly Path[]
  readonly #clock: Clock

  constructor(ports: HostPorts, names: IscsiNames, portals: readonly string[], times: PathTimes) {
    const initiator = newInitiator(ports, names.initiatorName, times)
    this.#clock = ports.clock
    this.#paths = portals.map(
      (portal, i) =>
        new Path({ initiator, portal, times, clock: ports.clock, names: { ...names, isid: names.isid + i } }),
    )
  }

  async find(): Promise<InitiatorSession> {
    const live = this.#paths.flatMap(({ session }) => (session === undefined ? [] : [session]))
    if (live.length === 0) throw this.#whyNone()
    const answers = new Map<InitiatorSession, readonly number[]>()
    return await new Promise((resolve, reject) => {
      // a path that leads says so itself, and is not held up by one that is silent; what another one knows may be older
      for (const session of live) {
        void activePorts(session, this.#clock).then((ports) => {
          answers.set(session, ports)
          if (ports.includes(portOf(session))) resolve(session)
          if (answers.size < live.length) return
          const told = live.find((one) => [...answers.values()].some((all) => all.includes(portOf(one))))
          if (told !== undefined) resolve(told)
          else reject(new BlockError('BUSY', 'no path leads now'))
        }, reject)
      }
    })
  }

  lost(session: InitiatorSession, error: BlockError): boolean {
    if (error.code === 'BUSY') return error.facts.senseKey === SENSE_KEY.NOT_READY
    session.close()
    return true
  }

  drop(session: InitiatorSession): void {
    session.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close()))
  }

  /** A host that is let in nowhere is told so; anything else may pass. */
  #whyNone(): BlockError {
    const refusals = this.#paths.map(({ refusal }) => refusal).filter((one) => one?.code === 'ACCESS_DENIED')
    const [refusal] = refusals
    if (refusal !== undefined && refusals.length === this.#paths.length) return refusal
    return new BlockError('BUSY', 'there is no session now', { cause: this.#paths[0]?.refusal })
  }
}

/** A session at one portal, made anew whenever it ends. */
class Path {
  readonly #clock: Clock
  readonly #running: Promise<void>
  #session: InitiatorSession | undefined
  #refusal: BlockError | undefined
  #isOver = false

  constructor(options: {
    readonly initiator: Initiator
    readonly clock: Clock
    readonly names: IscsiNames
    readonly portal: string
    readonly times: PathTimes
  }) {
    const { initiator, clock, names, portal, times } = options
    this.#clock = clock
    const { iqn: targetName, lun, isid } = names
    const address = { portal: parseHostPort(portal, 'portal'), targetName, lun, isid, ...pingsOf(times) }
    this.#running = this.#run(() => initiator.connect(address), portal)
    // told by `close`
    this.#running.catch(() => undefined)
  }

  get session(): InitiatorSession | undefined {
    return this.#session
  }

  /** Why there was none at the last attempt. */
  get refusal(): BlockError | undefined {
    return this.#refusal
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#session?.logout()
    await this.#running
  }

  async #run(connect: () => Promise<InitiatorSession>, portal: string): Promise<void> {
    while (!this.#isOver) {
      try {
        const session = await connect()
        // sent to another server: that one has no path now
        if (this.#isOver || session.portal !== portal) session.close()
        else {
          this.#session = session
          await session.closed
        }
      } catch (error) {
        if (!isBlockError(error)) throw error
        this.#refusal = error
      }
      this.#session = undefined
      if (!this.#isOver) await this.#clock.sleep(AGAIN_MS)
    }
  }
}

/** The relative target port: on these volumes the portal group tag is the same number. */
const portOf = (session: InitiatorSession): number => Number(session.targetPortalGroupTag)

/** Relative target ports of the groups that are active, as the other end of `session` knows them; none when it does not answer. */
async function activePorts(session: InitiatorSession, clock: Clock): Promise<readonly number[]> {
  const cdb = new Uint8Array(16)
  cdb[0] = REPORT_GROUPS.opcode
  cdb[1] = REPORT_GROUPS.action
  viewOf(cdb).setUint32(6, REPORT_GROUPS.lengthBytes)
  const asked = session
    .execute({ cdb, dataInLengthBytes: REPORT_GROUPS.lengthBytes })
    .catch((error: unknown) => {
      if (!isBlockError(error)) throw error
      return undefined
    })
  const answer = await Promise.race([asked, clock.sleep(ASK_MS)])
  return answer === undefined || answer.status !== 0 ? [] : portsOf(answer.dataIn)
}

/** Descriptors of groups: 8 bytes (state in the low half of the first, count of ports in the last), then 4 for each port. */
export function portsOf(data: Uint8Array): readonly number[] {
  const view = viewOf(data)
  const end = data.byteLength < 4 ? 0 : Math.min(data.byteLength, 4 + view.getUint32(0))
  const ports: number[] = []
  for (let at = 4; at + 8 <= end; ) {
    const isActive = (data[at]! & 0x0f) === ACTIVE_OPTIMIZED
    const count = data[at + 7]!
    for (let i = 0; i < count && isActive && at + 12 + 4 * i <= end; i++) {
      ports.push(view.getUint16(at + 8 + 4 * i + 2))
    }
    at += 8 + 4 * count
  }
  return ports
}
