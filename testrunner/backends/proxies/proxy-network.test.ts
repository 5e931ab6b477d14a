import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock, Timer } from '../../../src/base/ports/clock.ts'
import type { Random } from '../../../src/base/ports/random.ts'
import { ProxyNetwork } from './proxy-network.ts'

/** Goes on by hand, but lets waiting things of real sockets happen. */
class StillClock implements Clock {
  nowMs = 0
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>()

  monotonicMs = (): number => this.nowMs
  bootMs = (): number => this.nowMs
  wallMs = (): number => this.nowMs
  sleep = (delayMs: number): Promise<void> => new Promise((resolve) => void this.after(delayMs, resolve))
  yield = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.nowMs + delayMs, callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** The timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  advance(byMs: number): void {
    this.nowMs += byMs
    for (const timer of [...this.#timers]) {
      if (timer.dueMs > this.nowMs) continue
      this.#timers.delete(timer)
      timer.callback()
    }
  }
}

const RANDOM: Random = { bytes: (n) => new Uint8Array(n), u64: () => 1n, integer: (limit) => limit >> 1 }
const SOUND = { delayMs: 0, jitterMs: 0, lossPercent: 0, bytesPerSecond: null }

describe('a network of proxies', () => {
  let clock: StillClock
  let network: ProxyNetwork
  let target: Server
  /** As the machine s1 accepted them. */
  let accepted: Socket[]
  let caller: string | null
  let port: number
  const open: Socket[] = []

  beforeEach(async () => {
    clock = new StillClock()
    caller = 's2'
    accepted = []
    target = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(socket)
      open.push(socket)
      socket.on('error', () => undefined)
    })
    target.listen(0, '127.0.0.1')
    await once(target, 'listening')
    network = new ProxyNetwork({
      ...{ clock, random: RANDOM, host: '127.0.0.1', addressOf: () => '127.0.0.1' },
      caller: async () => caller,
    })
    const bound = target.address()
    const reached = await network.reach('s1', typeof bound === 'object' && bound !== null ? bound.port : 0)
    port = reached.port
  })

  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy()
    await network.close()
    target.close()
  })

  async function dial(): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    open.push(socket)
    await once(socket, 'connect')
    return socket
  }

  async function dialThrough(): Promise<{ readonly near: Socket; readonly far: Socket }> {
    const near = await dial()
    const far = await eventually(() => accepted[0])
    return { near, far }
  }

  /** Whatever real sockets have to do, they have done by then. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  const received = (socket: Socket): { readonly text: () => string } => {
    let all = ''
    socket.on('data', (bytes: Buffer) => {
      all += bytes.toString()
    })
    return { text: () => all }
  }

  it('passes bytes both ways, and a half-close alone', async () => {
    const { near, far } = await dialThrough()
    const [up, down] = [received(far), received(near)]
    near.end('question')
    await once(far, 'end')
    expect(up.text()).toBe('question')
    far.end('answer')
    await once(near, 'end')
    expect(down.text()).toBe('answer')
  })

  it('tells the same port again for the same port', async () => {
    const bound = target.address()
    const own = typeof bound === 'object' && bound !== null ? bound.port : 0
    expect((await network.reach('s1', own)).port).toBe(port)
    expect(network.portsOf('s1')).toEqual([port])
  })

  it('passes a reset on, and a refusal as one', async () => {
    const { near, far } = await dialThrough()
    far.resetAndDestroy()
    const [error] = await once(near, 'error')
    expect(error.code).toBe('ECONNRESET')
    target.close()
    const late = connect({ port, host: '127.0.0.1' })
    open.push(late)
    expect((await once(late, 'error'))[0].code).toBe('ECONNRESET')
  })

  it('resets who cannot be found', async () => {
    caller = null
    const near = connect({ port, host: '127.0.0.1' })
    open.push(near)
    expect((await once(near, 'error'))[0].code).toBe('ECONNRESET')
    expect(accepted).toEqual([])
  })

  it('holds what is in flight while cut, ends too, and gives it back in order', async () => {
    const { near, far } = await dialThrough()
    const seen = received(far)
    near.write('before ')
    await eventually(() => seen.text() === 'before ' || undefined)
    await network.cut('s1', 's2')
    near.end('during')
    await settle()
    expect(seen.text()).toBe('before ')
    await network.heal()
    await once(far, 'end')
    expect(seen.text()).toBe('before during')
  })

  it('cuts one direction alone', async () => {
    const { near, far } = await dialThrough()
    const [up, down] = [received(far), received(near)]
    await network.cut('s2', 's1', true)
    near.write('lost')
    far.write('heard')
    await eventually(() => down.text() === 'heard' || undefined)
    await settle()
    expect(up.text()).toBe('')
  })

  it('lets a new connection over a cut link hang, and come through when it is healed', async () => {
    await network.cut('s2', '*')
    const near = await dial()
    near.write('hello')
    await settle()
    expect(accepted).toEqual([])
    expect(near.destroyed).toBe(false)
    await network.heal('s2')
    const far = await eventually(() => accepted[0])
    const seen = received(far)
    await eventually(() => seen.text() === 'hello' || undefined)
  })

  it('does not cut others', async () => {
    await network.cut('s1', 's3')
    const { near, far } = await dialThrough()
    near.end('through')
    expect(await text(far)).toBe('through')
  })

  it('delays what passes, in order', async () => {
    const { near, far } = await dialThrough()
    await network.impair('s1', { ...SOUND, delayMs: 100 })
    const seen = received(far)
    near.write('late')
    await eventually(() => clock.waiting === 1 || undefined)
    clock.advance(99)
    await settle()
    expect(seen.text()).toBe('')
    await network.heal()
    near.write(' later')
    await settle()
    expect(seen.text()).toBe('')
    clock.advance(1)
    await eventually(() => seen.text() === 'late later' || undefined)
  })

  it('holds back a sender that is faster than the receiver, and loses nothing', async () => {
    const { near, far } = await dialThrough()
    const sent = Buffer.alloc(16 * 1024 * 1024, 'b')
    await network.cut('s1', 's2')
    near.end(sent)
    await settle()
    const heldBytes = near.bytesWritten - near.writableLength
    expect(near.writableLength).toBeGreaterThan(0)
    expect(heldBytes).toBeLessThan(sent.byteLength)
    await network.heal()
    expect((await buffer(far)).equals(sent)).toBe(true)
  })
})

/** Waits for real sockets. */
async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; ) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error('it does not come')
}
