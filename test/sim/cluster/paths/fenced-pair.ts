/**
 * Two hosts that take the same blocks from each other by persistent reservations, as the nodes of a cluster file system do:
 * from the moment on at which a PREEMPT is answered, nothing that the other one wrote may appear any more, however long it
 * has been on its way, and whichever server answers (the reservation that counts is the one at the write's LSN).
 */
import { isBlockError } from '../../../../src/base/errors.ts'
import { BlockClient } from '../../../../src/iscsi/initiator/block-client.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'
import { fail } from '../../../cluster/checker.ts'
import { fillSectors, identifyAll, SECTOR_BYTES } from '../../content.ts'
import type { SeededRandom } from '../../random.ts'
import { type Answer, type ReserveAction, readHolder, reserve } from './persistent-reserve.ts'
import type { RegisterBlocks } from './register.ts'
import type { ReservationRule } from './reservation-rule.ts'
import type { Way } from './way.ts'

const KEYS = [0xa1n, 0xb2n] as const
const TRY_MS = 250
const BURST = 12
const TURN_MS_MAX = 1500

export interface FencedPairOptions {
  readonly ways: readonly [Way, Way]
  readonly random: SeededRandom
  readonly registers: RegisterBlocks
  readonly reservations: ReservationRule
  /** Logical blocks that they share; several of them may be in one block of the engine, and wait for each other there. */
  readonly cells: { readonly first: number; readonly count: number }
  readonly logicalBlockBytes: 512 | 4096
  readonly thinkMs: readonly number[]
  readonly nextValue: () => number
  readonly sleep: (forMs: number) => Promise<void>
  readonly count: (what: string) => void
  readonly ended: (isOk: boolean) => void
}

type Member = 0 | 1

export class FencedPair {
  readonly #o: FencedPairOptions
  #owner: Member | undefined
  /** Who is about to take over, and writes nothing meanwhile. */
  #next: Member = 0
  readonly #writing = [0, 0]
  /** Blocks with a command of their owner under way: one at a time. */
  readonly #busy: readonly [Set<number>, Set<number>] = [new Set(), new Set()]
  #isStopped = false
  readonly #bursts: Promise<unknown>[] = []
  takeovers = 0

  constructor(options: FencedPairOptions) {
    this.#o = options
  }

  async run(): Promise<void> {
    const lanes = [0, 1, 2].flatMap(() => [this.#write(0), this.#write(1)])
    await Promise.all([this.#takeTurns(), ...lanes])
    await Promise.all(this.#bursts)
    for (const way of this.#o.ways) way.close()
  }

  stop(): void {
    this.#isStopped = true
  }

  // ---- who owns the blocks

  async #takeTurns(): Promise<void> {
    const { random, sleep } = this.#o
    while (!this.#isStopped) {
      const next = this.#next
      while (this.#writing[next]! > 0 && !this.#isStopped) await sleep(TRY_MS)
      if (!(await this.#take(next))) return
      this.takeovers += 1
      this.#o.registers.handOver()
      this.#owner = next
      await sleep(random.integer(TURN_MS_MAX))
      this.#next = next === 0 ? 1 : 0
    }
  }

  /** False when the run ended before. */
  async #take(member: Member): Promise<boolean> {
    const [key, victim] = [KEYS[member], KEYS[member === 0 ? 1 : 0]]
    const isAborting = this.#o.random.chance(0.5)
    while (!this.#isStopped) {
      const registered = await this.#reserve(member, { kind: 'register', key })
      if (registered !== 'ok') continue
      const owner = this.#owner
      const action: ReserveAction =
        owner === undefined ? { kind: 'reserve', key } : { kind: 'preempt', key, victim, isAborting }
      if (owner !== undefined) this.#burst(owner)
      const taken = await this.#reserve(member, action)
      if (taken === 'ok') return true
      // an answer may have been lost: then there is nobody to preempt any more
      if (taken === 'RESERVATION_CONFLICT' && (await this.#holder(member)) === key) return true
    }
    return false
  }

  async #reserve(member: Member, action: ReserveAction): Promise<Answer> {
    const code = await this.#with(member, (session) => reserve(session, action))
    this.#o.count(`${action.kind} ${code ?? 'no session'}`)
    if (code !== 'ok') await this.#o.sleep(TRY_MS)
    return code ?? 'BUSY'
  }

  async #holder(member: Member): Promise<bigint | undefined> {
    let holder: bigint | undefined
    await this.#with(member, async (session) => {
      const answer = await readHolder(session)
      if (typeof answer === 'bigint') holder = answer
      return typeof answer === 'string' ? answer : 'ok'
    })
    return holder
  }

  /** Runs a command on the member's session; undefined when there is none now. */
  async #with(
    member: Member,
    run: (session: InitiatorSession) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const way = this.#o.ways[member]
    const session = await way.session()
    if (session === undefined) return undefined
    const code = await run(session)
    if (code !== 'ok') way.failed(session, code)
    return code
  }

  // ---- what they do with them

  /** The owner writes a lot just when it is preempted: commands that wait for each other in the engine. */
  #burst(owner: Member): void {
    for (let i = 0; i < BURST; i++) this.#bursts.push(this.#once(owner, this.#cell()))
  }

  async #write(member: Member): Promise<void> {
    const { random, sleep, thinkMs } = this.#o
    while (!this.#isStopped) {
      const mayWrite = this.#owner !== undefined && (this.#owner === member || this.#next !== member)
      if (!mayWrite) {
        await sleep(TRY_MS)
        continue
      }
      const code = await this.#once(member, this.#cell())
      await sleep(code === undefined ? TRY_MS : random.pick(thinkMs) * random.fraction())
    }
  }

  async #once(member: Member, cell: number): Promise<Answer | undefined> {
    const { count, ended } = this.#o
    this.#writing[member]! += 1
    const code = await this.#with(member, (session) =>
      this.#owner === member ? this.#use(member, session, cell) : this.#trespass(session, cell),
    )
    this.#writing[member]! -= 1
    if (code !== undefined) {
      count(`write or read ${code}`)
      ended(code === 'ok')
    }
    return code
  }

  #cell(): number {
    const { random, cells } = this.#o
    return cells.first + random.integer(cells.count)
  }

  async #use(member: Member, session: InitiatorSession, cell: number): Promise<Answer> {
    const busy = this.#busy[member]
    if (busy.has(cell)) return 'ok'
    busy.add(cell)
    const { registers, reservations, random, nextValue, logicalBlockBytes } = this.#o
    const client = new BlockClient(session)
    const firstSector = (cell * logicalBlockBytes) / SECTOR_BYTES
    try {
      if (random.chance(0.5)) {
        const data = new Uint8Array(logicalBlockBytes)
        const code = await answerOf(client.read(cell, 1, data))
        // what was read while the blocks changed hands may be older than what is known by now
        if (code === 'ok' && this.#owner === member) {
          for (const value of identifyAll(data, firstSector, logicalBlockBytes)) registers.read(cell, value)
        }
        return code
      }
      const value = nextValue()
      reservations.writes(value, KEYS[member])
      const end = registers.write(cell, value)
      const data = fillSectors(new Uint8Array(logicalBlockBytes), firstSector, value)
      const code = await answerOf(client.write(cell, 1, data))
      end(code === 'ok' ? 'acknowledged' : 'unknown')
      return code
    } finally {
      busy.delete(cell)
    }
  }

  /** Begun after the other's PREEMPT was answered: it must not succeed, nor ever be read. */
  async #trespass(session: InitiatorSession, cell: number): Promise<Answer> {
    const { nextValue, logicalBlockBytes } = this.#o
    const owner = this.#owner
    const firstSector = (cell * logicalBlockBytes) / SECTOR_BYTES
    const data = fillSectors(new Uint8Array(logicalBlockBytes), firstSector, nextValue())
    const code = await answerOf(new BlockClient(session).write(cell, 1, data))
    if (code === 'ok' && this.#owner === owner) fail(`a host that was fenced off wrote block ${cell}`)
    return code
  }
}

async function answerOf(command: Promise<unknown>): Promise<Answer> {
  try {
    await command
    return 'ok'
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}
