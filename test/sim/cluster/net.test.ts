import { beforeEach, describe, expect, it } from 'vitest'
import type { Connection } from '../../../src/base/ports/net.ts'
import { Life } from '../clock.ts'
import { SeededRandom } from '../random.ts'
import { Scheduler } from '../scheduler.ts'
import { type NetMachine, type NetRates, SimNetwork } from './net.ts'

const QUIET: NetRates = { delay: 0, dribble: 0, reset: 0, corrupt: 0, duplicate: 0 }

/** One end of a connection, and what became of it. */
class End {
  readonly got: number[] = []
  closed: 'no' | 'closed' | 'broken' = 'no'
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
    connection.start({
      data: (chunk) => this.got.push(...chunk),
      drain: () => undefined,
      closed: (error) => {
        this.closed = error === undefined ? 'closed' : 'broken'
      },
    })
  }
}

class Machine implements NetMachine {
  isPowered = true
  readonly life = new Life()
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

describe('a simulated network', () => {
  let scheduler: Scheduler
  let network: SimNetwork
  let a: Machine
  let b: Machine

  beforeEach(() => {
    scheduler = new Scheduler(5)
    network = new SimNetwork(scheduler, new SeededRandom(5))
    a = new Machine('a')
    b = new Machine('b')
  })

  async function connected(port = 7460): Promise<[End, End]> {
    const accepted: End[] = []
    const address = { host: 'b.net', port }
    await network.netOf(b, b.life).listen(address, (connection) => accepted.push(new End(connection)))
    const connecting = network.netOf(a, a.life).connect({ ...address, timeoutMs: 2000 })
    const near = new End(await scheduler.until(connecting, { what: 'a connection' }))
    await scheduler.pass(5)
    return [near, accepted[0]!]
  }

  const send = ({ connection }: End, ...bytes: number[]): void => {
    connection.write([Uint8Array.from(bytes)])
  }

  it('delivers bytes in order, both ways', async () => {
    const [near, far] = await connected()
    for (let i = 0; i < 20; i++) send(near, i)
    send(far, 99)
    await scheduler.pass(20)
    expect(far.got).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(near.got).toEqual([99])
  })

  it('sees a buffer that changes while it is lent', async () => {
    const [near] = await connected()
    const buffer = Uint8Array.from([1, 2, 3])
    near.connection.write([buffer])
    buffer[1] = 9
    await expect(scheduler.pass(5)).rejects.toThrow('changed while it was lent')
  })

  it('keeps what is sent into a cut until it is over, and makes no connection meanwhile', async () => {
    const [near, far] = await connected()
    network.cut('a', 'b', 1000)
    send(near, 1)
    send(far, 2)
    await scheduler.pass(500)
    expect(far.got).toEqual([])
    expect(near.got).toEqual([2])
    const refused = network.netOf(a, a.life).connect({ host: 'b.net', port: 7460, timeoutMs: 300 })
    await expect(scheduler.until(refused, { what: 'a connection' })).rejects.toThrow('no connection within')
    await scheduler.pass(1500)
    expect(far.got).toEqual([1])
  })

  it('resets the connections of a process that dies, and not those of a machine that lost power', async () => {
    const [near] = await connected()
    b.life.end()
    await scheduler.pass(10)
    expect(near.closed).toBe('broken')
    b = new Machine('b')
    const [other] = await connected(7461)
    b.isPowered = false
    b.life.end()
    send(other, 1)
    await scheduler.pass(3000)
    expect(other.closed).toBe('no')
    b.isPowered = true
    await scheduler.pass(1000)
    expect(other.closed).toBe('broken')
  })

  it('delivers nothing behind bytes that a reset took', async () => {
    for (let round = 0; round < 40; round++) {
      const [near, far] = await connected(8000 + round)
      network.rates = { ...network.rates, reset: 0.3 }
      for (let i = 0; i < 20; i++) {
        send(near, 3 * i, 3 * i + 1, 3 * i + 2)
        await scheduler.pass(0.3)
      }
      await scheduler.pass(20)
      network.rates = { ...network.rates, reset: 0 }
      expect(far.got).toEqual(far.got.map((_, i) => i))
    }
  })

  it('ends both ends of a connection that one ends, after what was sent', async () => {
    const [near, far] = await connected()
    send(near, 7)
    near.connection.end()
    await scheduler.pass(10)
    expect(far.got).toEqual([7])
    expect([near.closed, far.closed]).toEqual(['closed', 'closed'])
  })

  it('delivers nothing to a process that is stopped, and everything in order when it goes on', async () => {
    const [near, far] = await connected()
    b.life.stop()
    for (let i = 0; i < 5; i++) {
      send(near, i)
      await scheduler.pass(3)
    }
    expect(far.got).toEqual([])
    b.life.resume(scheduler)
    await scheduler.pass(5)
    expect(far.got).toEqual([0, 1, 2, 3, 4])
  })

  it('breaks a connection in the middle of what was sent', async () => {
    const [near, far] = await connected()
    network.rates = { ...QUIET, reset: 1 }
    near.connection.write([new Uint8Array(1000)])
    await scheduler.pass(20)
    expect(far.got.length).toBeLessThan(1000)
    expect([near.closed, far.closed]).toEqual(['broken', 'broken'])
  })

  it.each(['corrupt', 'duplicate'] as const)(
    'changes bytes (%s) only where there are checksums',
    async (kind) => {
      network.rates = { ...QUIET, [kind]: 1 }
      network.isChecked = (port) => port === 7460
      const [near, far] = await connected(3260)
      send(near, 1, 2, 3, 4)
      await scheduler.pass(10)
      expect(far.got).toEqual([1, 2, 3, 4])
      const [checked, other] = await connected()
      send(checked, 1, 2, 3, 4)
      await scheduler.pass(10)
      expect(other.got).not.toEqual([1, 2, 3, 4])
    },
  )

  it('dribbles and delays without changing anything', async () => {
    const [near, far] = await connected()
    network.rates = { ...QUIET, dribble: 0.5, delay: 0.5 }
    const bytes = Array.from({ length: 3000 }, (_, i) => i % 251)
    for (let i = 0; i < 10; i++) send(near, ...bytes.slice(i * 300, (i + 1) * 300))
    await scheduler.pass(10_000)
    expect(far.got).toEqual(bytes)
  })
})
