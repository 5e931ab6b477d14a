/**
 * The same hostile streams over TCP, several at a time, and then peers in numbers: floods of logins, connections that
 * say nothing, and such that say a byte now and then. The limits are those of the product with shorter waits.
 */
import { MIB } from '../../../src/base/units.ts'
import type { FrontendVolume } from '../../../src/frontend/volume.ts'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { IQN, LoopbackTarget, net, rawLogin, volumeOver } from '../../e2e/iscsi/fixture.ts'
import { MemoryDevice } from '../../e2e/iscsi/memory-device.ts'
import { SeededRandom } from '../../sim/random.ts'
import { Witness } from '../support/witness.ts'
import { StrictListener } from './listener.ts'
import { hostileStream } from './stream.ts'

const OTHERS = 'iqn.2026-11.io.basalt:others'
const LIMITS = {
  ...{ loginsMax: 64, loginTimeoutMs: 1500, bytesMax: 16 * MIB },
  ...{ pingAfterSeconds: 1, pingTimeoutSeconds: 1, dataOutTimeoutSeconds: 2, discoveryIdleSeconds: 2 },
}
/** What the limits add up to, and time for a loaded machine. */
const PATIENCE_MS = 20_000
const NO_LOGIN_LIMITS = { burst: 1e9, perSecond: 1e9, failureCost: 0, addressesMax: 16 }

const DISCOVERIES_AT_ONCE = 20

/** The longest that the session beside may wait for one write and read while others misbehave. */
const WITNESS_WAIT_MS_MAX = 2_000

export class TcpFuzz {
  readonly totals = { streams: 0, answers: 0, rejects: 0, endedByTarget: 0, verified: 0, slowestMs: 0 }
  readonly #setup: LoopbackTarget
  readonly #volume: FrontendVolume
  readonly #witnessing: Promise<void>
  #session: InitiatorSession
  #isOver = false

  private constructor(
    setup: LoopbackTarget,
    parts: { volume: FrontendVolume; session: InitiatorSession; witness: Witness },
  ) {
    this.#setup = setup
    this.#volume = parts.volume
    this.#session = parts.session
    this.#witnessing = this.#watch(parts.witness)
    // Looked at by `close`.
    this.#witnessing.catch(() => undefined)
  }

  static async start(seed: number): Promise<TcpFuzz> {
    const setup = await LoopbackTarget.start({ limits: LIMITS, loginLimits: NO_LOGIN_LIMITS })
    const device = new MemoryDevice({ sizeBytes: 64 * MIB })
    const volume = volumeOver(device)
    setup.target.addVolume({ iqn: OTHERS, volume })
    const session = await setup.connect({ targetName: OTHERS, isid: 99 })
    const client = new BlockClient(session)
    await client.testUnitReady()
    return new TcpFuzz(setup, { volume, session, witness: new Witness(client, new SeededRandom(seed, 3)) })
  }

  /** One stream, until the connection is gone. */
  async run(seed: number): Promise<void> {
    const { chunks, ending, readable } = hostileStream(seed, {
      open: IQN,
      closed: 'iqn.2026-11.io.basalt:closed',
    })
    const [login, rest] = chunks
    const connection = await net.connect({ ...this.#setup.portal, timeoutMs: PATIENCE_MS })
    const listener = readable === undefined ? undefined : new StrictListener(readable)
    const answered = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    let isClosed = false
    let complaint: unknown
    connection.start({
      data: (chunk) => {
        answered.resolve()
        try {
          listener?.push(chunk)
        } catch (error) {
          complaint ??= error
        }
      },
      drain: () => undefined,
      closed: () => {
        isClosed = true
        answered.resolve()
        closed.resolve()
      },
    })
    for (const chunk of login) connection.write([chunk])
    if (readable !== undefined && login.length > 0) await within(answered.promise, 'no answer to a login')
    for (const chunk of rest) connection.write([chunk])
    if (ending === 'silent') await within(closed.promise, 'the target waits for ever for a silent peer')
    else for (let turns = 0; turns < 4 && !isClosed; turns++) await turn()
    if (isClosed) this.totals.endedByTarget++
    connection.destroy()
    await closed.promise
    this.totals.streams++
    this.totals.answers += listener?.pdus ?? 0
    this.totals.rejects += listener?.rejects ?? 0
    if (complaint !== undefined) throw complaint
  }

  /** Many connections at once that never log in, each of which the target has to end by itself. */
  async flood(count: number, speech: 'nothing' | 'a byte at a time'): Promise<void> {
    const gone = Array.from({ length: count }, async () => {
      const connection = await net.connect({ ...this.#setup.portal, timeoutMs: PATIENCE_MS })
      const closed = Promise.withResolvers<void>()
      connection.start({ data: () => undefined, drain: () => undefined, closed: () => closed.resolve() })
      const dribble =
        speech === 'nothing' ? undefined : setInterval(() => connection.write([Uint8Array.of(0x43)]), 50)
      await within(
        closed.promise,
        `a connection that says ${speech} is there after ${LIMITS.loginTimeoutMs} ms`,
      )
      clearInterval(dribble)
    })
    await Promise.all(gone)
  }

  /** Logins, as fast as they go, all of one port: each replaces the one before. */
  async loginFlood(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const raw = await this.#setup.raw()
      await raw.login(rawLogin())
      if (i % 2 === 0) raw.close()
    }
  }

  /** Discovery sessions, several at a time, each with its question. */
  async discoveryFlood(count: number): Promise<void> {
    const portal = this.#setup.portal
    const ask = async (): Promise<void> => {
      for (let i = 0; i < count / DISCOVERIES_AT_ONCE; i++) {
        const found = await this.#setup.initiator().discover(portal)
        if (found.length !== 2) throw new Error(`discovery lists ${found.length} targets`)
      }
    }
    await Promise.all(Array.from({ length: DISCOVERIES_AT_ONCE }, ask))
  }

  /** Ends all; throws when the session beside noticed anything, or something is left. */
  async close(): Promise<void> {
    await this.#sessionsGone()
    this.#isOver = true
    await this.#witnessing
    await this.#session.logout()
    await this.#setup[Symbol.asyncDispose]()
    this.#volume.close()
    if (this.totals.slowestMs > WITNESS_WAIT_MS_MAX) {
      throw new Error(`the session beside waited ${this.totals.slowestMs.toFixed(0)} ms`)
    }
  }

  async #sessionsGone(): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS
    while (this.#setup.target.sessions().length > 1) {
      if (performance.now() > endMs) throw new Error('sessions of hostile peers are left')
      await turn()
    }
  }

  async #watch(witness: Witness): Promise<void> {
    while (!this.#isOver) {
      const startMs = performance.now()
      await witness.step()
      this.totals.slowestMs = Math.max(this.totals.slowestMs, performance.now() - startMs)
      this.totals.verified = witness.operations
      await turn()
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function within(event: Promise<void>, otherwise: string): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(otherwise)), PATIENCE_MS)
  try {
    await Promise.race([event, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
