import { afterEach, describe, expect, it } from 'vitest'
import type { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { RealNet } from '../../io/net.ts'
import { RealRandom } from '../../io/random.ts'
import { LoginStatus } from '../pdu/opcodes.ts'
import { Initiator } from './initiator.ts'
import { type Script, ScriptedPortal } from './scripted-portal.ts'
import { Outcome } from './scripted-target.ts'
import type { InitiatorSession } from './session.ts'

const net = new RealNet()
const TARGET = 'iqn.2026-11.io.basalt:volume'
const CDB = new Uint8Array(16)
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A clock whose time is what the test says. */
class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<{ dueMs: number; callback: () => void }>()

  monotonicMs = (): number => this.#nowMs
  bootMs = (): number => this.#nowMs
  wallMs = (): number => this.#nowMs
  sleep = (delayMs: number): Promise<void> => new Promise((resolve) => this.after(delayMs, resolve))
  yield = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  after(delayMs: number, callback: () => void): { cancel: () => void } {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  get timers(): number {
    return this.#timers.size
  }

  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (;;) {
      const due = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined || due.dueMs > endMs) break
      this.#timers.delete(due)
      this.#nowMs = due.dueMs
      due.callback()
    }
    this.#nowMs = endMs
  }
}

async function portal(script: Script = {}): Promise<ScriptedPortal> {
  const opened = await ScriptedPortal.open(net, script)
  closing.push(() => opened.close())
  return opened
}

const initiator = (clock: Clock): Initiator =>
  new Initiator({ net, clock, random: new RealRandom(), initiatorName: 'iqn.2026-11.io.basalt:test' })

async function connect(at: ScriptedPortal, clock: Clock = new ManualClock()): Promise<InitiatorSession> {
  const session = await initiator(clock).connect({ portal: at.address, targetName: TARGET })
  closing.push(async () => session.close())
  return session
}

describe('InitiatorSession', () => {
  it('logs in, runs commands, and logs out', async () => {
    const clock = new ManualClock()
    const server = await portal({ command: ({ cdb }) => ({ dataIn: cdb.slice(0, 8) }) })
    const session = await connect(server, clock)
    const cdb = Uint8Array.from({ length: 16 }, (_, i) => i)
    const dataIn = new Uint8Array(16)
    const result = await session.execute({ cdb, dataIn })
    expect(result).toMatchObject({ status: 0, dataInBytes: 8, underflowBytes: 8 })
    expect(result.dataIn).toEqual(cdb.slice(0, 8))
    expect(result.dataIn.buffer).toBe(dataIn.buffer)
    expect(Buffer.from(await session.nopOut(Buffer.from('are you there'))).toString()).toBe('are you there')
    await session.logout()
    expect(await session.closed).toBeUndefined()
    await session.logout()
    expect(clock.timers).toBe(0)
    await expect(session.execute({ cdb })).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })

  it('sends the commands of one turn in one write', async () => {
    const server = await portal({ command: () => ({}) })
    const session = await connect(server)
    server.pdusPerChunk.length = 0
    await Promise.all(Array.from({ length: 32 }, () => session.execute({ cdb: CDB })))
    expect(server.pdusPerChunk).toEqual([32])
  })

  it('fails everything outstanding when the connection is lost', async () => {
    const server = await portal()
    const session = await connect(server)
    const outcome = new Outcome()
    session.submit({ cdb: CDB }, outcome)
    const waiting = session.execute({ cdb: CDB })
    server.drop()
    await expect(waiting).rejects.toMatchObject({ code: 'DISCONNECTED' })
    expect(outcome).toMatchObject({ calls: 1, error: { code: 'DISCONNECTED' } })
    expect((await session.closed)?.code).toBe('DISCONNECTED')
  })

  it('fails a command that takes too long, and the session with it when nothing answers the abort', async () => {
    const clock = new ManualClock()
    const session = await connect(await portal(), clock)
    const late = session.execute({ cdb: CDB, timeoutMs: 1000 })
    clock.advance(1100)
    expect(session.outstanding).toBe(2)
    clock.advance(5100)
    await expect(late).rejects.toMatchObject({ code: 'DISCONNECTED' })
    expect((await session.closed)?.message).toBe('the target does not answer')
  })

  it('follows a redirect, and not for ever', async () => {
    const clock = new ManualClock()
    const here = await portal({ command: () => ({}) })
    const pairs = { TargetAddress: `127.0.0.1:${here.address.port},1` }
    const moved = await portal({ login: () => ({ status: LoginStatus.targetMovedTemporarily, pairs }) })
    const session = await connect(moved, clock)
    await expect(session.execute({ cdb: CDB })).resolves.toMatchObject({ status: 0 })

    const circle: ScriptedPortal = await portal({
      login: () => ({
        status: LoginStatus.targetMovedTemporarily,
        pairs: { TargetAddress: `127.0.0.1:${circle.address.port},1` },
      }),
    })
    await expect(connect(circle, clock)).rejects.toMatchObject({ code: 'PROTOCOL' })
    expect(circle.logins).toBe(5)
  })

  it('gives up a login that takes too long', async () => {
    const clock = new ManualClock()
    const asked = Promise.withResolvers<void>()
    const silent = await portal({
      login: () => {
        asked.resolve()
        return undefined
      },
    })
    const session = connect(silent, clock)
    await asked.promise
    clock.advance(10_000)
    await expect(session).rejects.toMatchObject({ code: 'DISCONNECTED', message: 'the login took too long' })
  })

  it('says why a login was refused', async () => {
    const server = await portal({ login: () => ({ status: LoginStatus.notFound, pairs: {} }) })
    const refusal = await connect(server).catch((error: BlockError) => error)
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', facts: { statusClass: 2, statusDetail: 3 } })
  })

  it('discovers targets', async () => {
    const server = await portal({
      login: () => ({
        pairs: {
          HeaderDigest: 'None',
          DataDigest: 'None',
          DefaultTime2Wait: '2',
          DefaultTime2Retain: '0',
          ErrorRecoveryLevel: '0',
        },
      }),
      text: [
        { key: 'TargetName', value: TARGET },
        { key: 'TargetAddress', value: '10.0.0.1:3260,1' },
      ],
    })
    await expect(initiator(new ManualClock()).discover(server.address)).resolves.toEqual([
      { targetName: TARGET, portals: [{ address: { host: '10.0.0.1', port: 3260 }, portalGroupTag: 1 }] },
    ])
  })

  it('needs to know a portal and a name', async () => {
    await expect(initiator(new ManualClock()).connect({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
