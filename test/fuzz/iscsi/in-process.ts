/**
 * Hostile connections against the whole target in one process: portals, logins, sessions and the logical unit, over a
 * network and a clock of the test's own. After each: the connection is over, by the target when the peer says no
 * more; what it said was by the book; memory and places are given back; and somebody else's data is right.
 */
import { BufferPool } from '../../../src/base/buffer-pool.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { MIB } from '../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { Secret } from '../../../src/frontend/secret.ts'
import type { FrontendVolume } from '../../../src/frontend/volume.ts'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { IscsiTarget } from '../../../src/iscsi/target/iscsi-target.ts'
import { volumeOver } from '../../e2e/iscsi/fixture.ts'
import { ManualClock } from '../../e2e/iscsi/manual-clock.ts'
import { MemoryDevice } from '../../e2e/iscsi/memory-device.ts'
import { SeededRandom } from '../../sim/random.ts'
import { MemoryNet } from '../../support/memory-net.ts'
import { Witness } from '../support/witness.ts'
import { StrictListener } from './listener.ts'
import { wire } from './mutate.ts'
import { solicitedDraft } from './pdus.ts'
import { type HostileStream, hostileStream } from './stream.ts'

const FUZZED = 'iqn.2026-11.io.basalt:fuzz'
const CLOSED = 'iqn.2026-11.io.basalt:closed'
const OTHERS = 'iqn.2026-11.io.basalt:others'
const ALICE = { user: 'alice', secret: Secret.fromText('nobody tells them') }
/** Longer than every wait of the limits together: login, ping, owed data, an idle discovery session. */
const PATIENCE_SECONDS = 130
const TURNS_MAX = 1000
/** Without these, the limit on logins of one address would answer all. */
const NO_LOGIN_LIMITS = { burst: 1e9, perSecond: 1e9, failureCost: 0, addressesMax: 16 }

export interface FuzzTotals {
  streams: number
  bytes: number
  /** What the target said, of those streams whose answers can be read. */
  answers: number
  rejects: number
  /** Connections that the target ended while the peer was still there. */
  endedByTarget: number
  /** Reads and writes of the session beside. */
  verified: number
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class InProcessFuzz {
  readonly totals: FuzzTotals = {
    streams: 0,
    bytes: 0,
    answers: 0,
    rejects: 0,
    endedByTarget: 0,
    verified: 0,
  }
  readonly #net = new MemoryNet()
  readonly #clock = new ManualClock()
  readonly #pool = new BufferPool()
  readonly #target: IscsiTarget
  readonly #volumes: FrontendVolume[] = []
  /** What the hostile ones write to; small, for its content is memory that this test counts. */
  readonly #device = new MemoryDevice({ sizeBytes: 8 * MIB })
  #session: InitiatorSession | undefined
  #witness: Witness | undefined

  private constructor(seed: number) {
    this.#target = new IscsiTarget({
      ...{ net: this.#net, clock: this.#clock, logger: silentLogger, pool: this.#pool },
      random: new SeededRandom(seed, 1),
      loginLimits: NO_LOGIN_LIMITS,
      limits: { bytesMax: 4 * MIB, sessionBytesMax: MIB },
    })
    for (const iqn of [FUZZED, CLOSED, OTHERS]) {
      const device = iqn === FUZZED ? this.#device : new MemoryDevice({ sizeBytes: 64 * MIB })
      const volume = volumeOver(device, iqn === CLOSED ? { ...OPEN_ACCESS, chap: [ALICE] } : OPEN_ACCESS)
      this.#target.addVolume({ iqn, volume })
      this.#volumes.push(volume)
    }
  }

  static async start(seed: number): Promise<InProcessFuzz> {
    const fuzz = new InProcessFuzz(seed)
    await fuzz.#target.listen({ host: '10.0.0.2', port: 3260 })
    const initiator = new Initiator({
      ...{ net: fuzz.#net, clock: fuzz.#clock, random: new SeededRandom(seed, 2) },
      initiatorName: 'iqn.2026-11.org.example:witness',
    })
    fuzz.#session = await initiator.connect({ portal: { host: '10.0.0.2', port: 3260 }, targetName: OTHERS })
    const client = new BlockClient(fuzz.#session)
    await client.testUnitReady()
    fuzz.#witness = new Witness(client, new SeededRandom(seed, 3))
    return fuzz
  }

  /** Runs streams beside each other, to their end. Throws what was not by the book. */
  async run(...seeds: number[]): Promise<void> {
    await this.replay(...seeds.map((seed) => hostileStream(seed, { open: FUZZED, closed: CLOSED })))
  }

  /** As `run`, with streams that were drawn or recorded before. */
  async replay(...streams: HostileStream[]): Promise<void> {
    const witness = this.#witness!
    const beside = bounded(witness.step(), 'the session beside hangs')
    const attacks = await Promise.allSettled(streams.map((stream) => this.#attack(stream)))
    const failed = attacks.find((attack) => attack.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    await beside
    await this.#settled()
    this.totals.streams += streams.length
    this.totals.verified = witness.operations
  }

  async close(): Promise<void> {
    await this.#session?.logout()
    await this.#target.close()
    for (const volume of this.#volumes) volume.close()
    if (this.#pool.lentBytes !== 0)
      throw new Error(`${this.#pool.lentBytes} bytes of buffers were not given back`)
  }

  async #attack({ seed, chunks, ending, readable, holds, solicitedShare }: HostileStream): Promise<void> {
    const connection = this.#net.open()
    const random = new SeededRandom(seed, 1)
    const listener =
      readable &&
      new StrictListener(readable, (r2t) => {
        if (random.chance(solicitedShare)) connection.write([wire(solicitedDraft(random, r2t), readable)])
      })
    let complaint: unknown
    connection.start({
      data: (chunk) => {
        try {
          listener?.push(chunk)
        } catch (error) {
          complaint ??= error
        }
      },
      drain: () => undefined,
      closed: () => undefined,
    })
    if (holds) this.#device.hold()
    for (const part of chunks) {
      for (const chunk of part) {
        if (connection.isClosed) break
        this.totals.bytes += chunk.byteLength
        connection.write([chunk])
      }
      await turn()
    }
    if (holds && ending === 'silent') this.#device.letGo()
    for (let second = 0; ending === 'silent' && !connection.isClosed; second++) {
      if (second > PATIENCE_SECONDS) throw new Error('the target waits for ever for a silent peer')
      this.#clock.advance(1000)
      await turn()
    }
    if (connection.isClosed) this.totals.endedByTarget++
    connection.destroy()
    if (holds) this.#device.letGo()
    this.totals.answers += listener?.pdus ?? 0
    this.totals.rejects += listener?.rejects ?? 0
    if (complaint !== undefined) throw complaint
  }

  /** Waits until only the session beside is left, with nothing lent but what it needs itself. */
  async #settled(): Promise<void> {
    const left = (): string => {
      const { bytesInFlight } = this.#target
      return `${this.#target.sessions().length} sessions, ${this.#pool.lentBytes} bytes lent, ${bytesInFlight} reserved`
    }
    for (let turns = 0; left() !== '1 sessions, 0 bytes lent, 0 reserved'; turns++) {
      if (turns > TURNS_MAX) throw new Error(`not all was given back: ${left()}`)
      await turn()
    }
  }
}

/** Rejects when `work` takes more turns of the event loop than anything may. */
async function bounded(work: Promise<void>, otherwise: string): Promise<void> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  const guard = async (): Promise<void> => {
    for (let turns = 0; !isOver; turns++) {
      if (turns > TURNS_MAX * PATIENCE_SECONDS) throw new Error(otherwise)
      await turn()
    }
  }
  await Promise.race([over, guard()])
}
