import { once } from 'node:events'
import nodeNet from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import type { Connection, Listener } from '../base/ports/net.ts'
import { KIB, MIB } from '../base/units.ts'
import { formatAddress } from './connection.ts'
import { RealNet } from './net.ts'
import { plainSyscalls } from './syscalls.ts'
import { native, nativeExcept } from './test-support.ts'

const HOST = '127.0.0.1'

/** Reads what a connection delivers and notes every event. */
class Reader {
  readonly connection: Connection
  readonly events: string[] = []
  readonly chunks: Buffer[] = []
  /** Memory that the chunks were lent from. */
  readonly memory = new Set<ArrayBufferLike>()
  lengthBytes = 0
  error: Error | undefined
  closedCount = 0
  #waiting: { until: () => boolean; resolve: () => void }[] = []

  constructor(connection: Connection, options: { keep: boolean } = { keep: true }) {
    this.connection = connection
    connection.start({
      data: (chunk) => {
        if (options.keep) this.chunks.push(Buffer.from(chunk))
        this.memory.add(chunk.buffer)
        this.lengthBytes += chunk.byteLength
        this.note('data')
      },
      drain: () => this.note('drain'),
      closed: (error) => {
        this.error = error
        this.closedCount++
        this.note('closed')
      },
    })
  }

  note(event: string): void {
    this.events.push(event)
    this.#waiting = this.#waiting.filter(({ until, resolve }) => {
      if (until()) resolve()
      return !until()
    })
  }

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push({ until: condition, resolve })
    })
  }

  bytes(lengthBytes: number): Promise<void> {
    return this.until(() => this.lengthBytes >= lengthBytes)
  }

  closed(): Promise<void> {
    return this.until(() => this.closedCount > 0)
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A kernel that takes no more than 1000 bytes of the first buffer. */
const reluctant = nativeExcept({
  sendNow: (fd, [first]) => (first === undefined ? 0 : native.sendNow(fd, [first.subarray(0, 1000)])),
})
const WAYS = [
  { name: 'through node:net', syscalls: plainSyscalls },
  { name: 'sending by system call', syscalls: native },
  { name: 'sending by system call and the rest through node:net', syscalls: reluctant },
]

describe.each(WAYS)('RealNet $name', ({ syscalls }) => {
  const net = new RealNet({ syscalls })
  /** Does not wait long for a peer when it closes. */
  const hasty = new RealNet({ syscalls, lingerMs: 100 })
  const connections: Connection[] = []
  const listeners: Listener[] = []

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy()
    for (const listener of listeners.splice(0)) await listener.close()
  })

  async function listen(port = 0): Promise<{ listener: Listener; next: () => Promise<Connection> }> {
    const accepted: Connection[] = []
    const waiting: ((connection: Connection) => void)[] = []
    const listener = await net.listen({ host: HOST, port }, (connection) => {
      connections.push(connection)
      const taker = waiting.shift()
      if (taker === undefined) accepted.push(connection)
      else taker(connection)
    })
    listeners.push(listener)
    const next = (): Promise<Connection> => {
      const there = accepted.shift()
      return there === undefined
        ? new Promise((resolve) => {
            waiting.push(resolve)
          })
        : Promise.resolve(there)
    }
    return { listener, next }
  }

  async function connect(listener: { host: string; port: number }, from = net): Promise<Connection> {
    const connection = await from.connect({ host: listener.host, port: listener.port, timeoutMs: 5000 })
    connections.push(connection)
    return connection
  }

  async function pair(from = net): Promise<{ client: Connection; server: Connection }> {
    const { listener, next } = await listen()
    const [client, server] = await Promise.all([connect(listener, from), next()])
    return { client, server }
  }

  describe('connecting', () => {
    it('gives both sides the addresses of both sides', async () => {
      const { client, server } = await pair()
      expect(client.localAddress).toBe(server.remoteAddress)
      expect(client.remoteAddress).toBe(server.localAddress)
      expect(client.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/)
    })

    it('shows IPv6 hosts in brackets and mapped IPv4 hosts plainly', () => {
      expect(formatAddress('::1', 3260)).toBe('[::1]:3260')
      expect(formatAddress('::ffff:10.0.2.2', 3260)).toBe('10.0.2.2:3260')
    })

    it('is refused where nobody listens', async () => {
      const { listener } = await listen()
      await listener.close()
      const error = await connect(listener).catch((caught) => caught)
      expect(error).toBeInstanceOf(BlockError)
      expect(error).toMatchObject({
        code: 'DISCONNECTED',
        facts: { host: HOST, port: listener.port, errno: 'ECONNREFUSED' },
      })
    })

    it('gives up after the given time', async () => {
      // An address for documentation (RFC 5737): unreachable at once, or silent until the time is over.
      const error = await net.connect({ host: '192.0.2.1', port: 9, timeoutMs: 50 }).catch((caught) => caught)
      expect(error).toMatchObject({ code: 'DISCONNECTED' })
    })

    it('refuses a name that nobody knows', async () => {
      const error = await net.connect({ host: 'nowhere.invalid', port: 9, timeoutMs: 5000 }).catch((e) => e)
      expect(error).toMatchObject({ code: 'DISCONNECTED' })
    })
  })

  describe('listening', () => {
    it('names an address that is in use', async () => {
      const { listener } = await listen()
      const error = await listen(listener.port).catch((caught) => caught)
      expect(error).toMatchObject({ code: 'IN_USE', facts: { host: HOST, port: listener.port } })
      expect(error.message).toContain(`${HOST}:${listener.port}`)
    })

    it('refuses an address of another machine', async () => {
      const error = await net.listen({ host: '192.0.2.1', port: 0 }, () => undefined).catch((e) => e)
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', facts: { errno: 'EADDRNOTAVAIL' } })
    })

    it('frees its port at once and leaves its connections alone', async () => {
      const { listener, next } = await listen()
      const [client, server] = await Promise.all([connect(listener), next()])
      await listener.close()
      await listen(listener.port)
      const reader = new Reader(server)
      client.write([Buffer.from('still here')])
      await reader.bytes(10)
    })
  })

  describe('data', () => {
    it('arrives in order, through buffers that the connections share', async () => {
      const one = await pair()
      const two = await pair()
      const readers = [one.client, one.server, two.client, two.server].map((c) => new Reader(c))
      const sent = Buffer.from(Array.from({ length: MIB }, (_, i) => (i * 7 + (i >>> 8)) & 0xff))
      for (const { connection } of readers) {
        for (let at = 0; at < sent.byteLength; at += 9999) connection.write([sent.subarray(at, at + 9999)])
      }
      await Promise.all(readers.map((reader) => reader.bytes(sent.byteLength)))
      for (const reader of readers) expect(reader.content.equals(sent)).toBe(true)
      const memory = new Set(readers.flatMap((reader) => [...reader.memory]))
      expect(memory.size).toBe(1)
    })

    it('of one turn leaves together', async () => {
      const { client, server } = await pair()
      const reader = new Reader(server)
      client.write([Buffer.from('a'), Buffer.from('b')])
      process.nextTick(() => client.write([Buffer.from('c')]))
      queueMicrotask(() => client.write([Buffer.from('d')]))
      await reader.bytes(4)
      expect(reader.chunks.length).toBe(1)
      expect([...String(reader.content)].sort().join('')).toBe('abcd')
    })

    it('of 100,000 small writes in one turn arrives in order, each reported once', async () => {
      const { client, server } = await pair()
      const count = 100_000
      const reader = new Reader(server)
      const sender = new Reader(client)
      const reported: number[] = []
      for (let i = 0; i < count; i++) {
        const data = Buffer.alloc(8)
        data.writeDoubleLE(i)
        client.write([data.subarray(0, 3), data.subarray(3)], () => {
          reported.push(i)
          if (i === count - 1) sender.note('all written')
        })
      }
      await Promise.all([reader.bytes(count * 8), sender.until(() => reported.length === count)])
      const content = reader.content
      for (let i = 0; i < count; i++) {
        if (content.readDoubleLE(i * 8) !== i) throw new Error(`out of order at ${i}`)
        if (reported[i] !== i) throw new Error(`reported out of order at ${i}`)
      }
      expect(client.queuedBytes).toBe(0)
    })

    it('of a write without bytes is nothing, and is reported after what came before', async () => {
      const { client, server } = await pair()
      const reader = new Reader(server)
      const reported: string[] = []
      const done = new Promise<void>((resolve) => {
        client.write([Buffer.from('x')], () => reported.push('x'))
        client.write([], () => {
          reported.push('nothing')
          resolve()
        })
        client.write([])
      })
      await Promise.all([done, reader.bytes(1)])
      expect(reported).toEqual(['x', 'nothing'])
    })

    it('waits in the kernel until the connection is started, and while it is paused', async () => {
      const { client, server } = await pair()
      client.write([Buffer.from('early')])
      await turn()
      await turn()
      const reader = new Reader(server)
      await reader.bytes(5)
      server.pause()
      const written = new Promise<void>((resolve) => {
        client.write([Buffer.from('later')], resolve)
      })
      await written
      for (let i = 0; i < 10; i++) await turn()
      expect(reader.lengthBytes).toBe(5)
      server.resume()
      await reader.bytes(10)
      expect(String(reader.content)).toBe('earlylater')
    })

    it('stops within the call that pauses', async () => {
      const { client, server } = await pair()
      let deliveries = 0
      let proceed: () => void = () => undefined
      const delivered = new Promise<void>((resolve) => {
        proceed = resolve
      })
      server.start({
        data: () => {
          deliveries++
          server.pause()
          proceed()
        },
        drain: () => undefined,
        closed: () => undefined,
      })
      client.write([Buffer.alloc(4 * MIB)])
      await delivered
      for (let i = 0; i < 10; i++) await turn()
      expect(deliveries).toBe(1)
    })
  })

  describe('backpressure', () => {
    it('says stop when the peer does not read, and drain when it does', async () => {
      const { client, server } = await pair()
      const sender = new Reader(client)
      const piece = Buffer.alloc(64 * KIB, 1)
      let sentBytes = 0
      let open = true
      // The kernel's own buffers take several megabytes before anything stays here.
      while (open || client.queuedBytes === 0) {
        open = client.write([piece])
        sentBytes += piece.byteLength
        await turn()
        if (sentBytes > 256 * MIB) throw new Error('no backpressure')
      }
      expect(client.queuedBytes).toBeGreaterThanOrEqual(256 * KIB)
      expect(sender.events).not.toContain('closed')
      const drained = sender.until(() => client.queuedBytes === 0)
      const reader = new Reader(server, { keep: false })
      await reader.bytes(sentBytes)
      await drained
      expect(sender.events.at(-1)).toBe('drain')
      expect(client.write([piece])).toBe(true)
    })
  })

  describe('the end', () => {
    it('comes after everything queued, on both sides, without an error', async () => {
      const { client, server } = await pair()
      const [sender, reader] = [new Reader(client), new Reader(server)]
      let written = 0
      const data = Buffer.alloc(8 * MIB, 7)
      client.write([data], () => {
        written++
      })
      client.end()
      client.end()
      await Promise.all([sender.closed(), reader.closed()])
      expect(reader.lengthBytes).toBe(data.byteLength)
      expect([sender.error, reader.error, written]).toEqual([undefined, undefined, 1])
    })

    it('takes no more writes, delivers no more data, and still reports each write', async () => {
      const { client, server } = await pair()
      const [sender, reader] = [new Reader(client), new Reader(server)]
      client.end()
      let written = 0
      const late = new Promise<void>((resolve) => {
        expect(
          client.write([Buffer.from('late')], () => {
            written++
            resolve()
          }),
        ).toBe(false)
      })
      server.write([Buffer.from('answer')])
      await Promise.all([late, sender.closed(), reader.closed()])
      expect(reader.lengthBytes).toBe(0)
      expect(sender.events).toEqual(['closed'])
      expect(written).toBe(1)
    })

    it('is forced on a peer that reads nothing', async () => {
      const { client } = await pair(hasty)
      const sender = new Reader(client)
      let written = 0
      for (let i = 0; i < 64; i++) {
        client.write([Buffer.alloc(MIB)], () => {
          written++
        })
      }
      client.end()
      await sender.closed()
      expect(sender.error).toMatchObject({ code: 'DISCONNECTED' })
      expect(written).toBe(64)
    })

    it('is forced on a peer that does not close its side', async () => {
      const server = nodeNet.createServer({ allowHalfOpen: true }, (socket) => socket.resume())
      server.listen(0, HOST)
      await once(server, 'listening')
      const { port } = server.address() as nodeNet.AddressInfo
      const client = await connect({ host: HOST, port }, hasty)
      const sender = new Reader(client)
      client.end()
      await sender.closed()
      expect(sender.closedCount).toBe(1)
      server.close()
    })

    it('by the peer is seen when nothing is being written', async () => {
      const { client, server } = await pair()
      const [sender, reader] = [new Reader(client), new Reader(server)]
      server.end()
      await Promise.all([sender.closed(), reader.closed()])
      expect([sender.error, reader.error]).toEqual([undefined, undefined])
    })

    it('by the peer does not wait for ever for writes that the peer does not read', async () => {
      const server = nodeNet.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        socket.on('error', () => undefined)
        socket.end()
      })
      server.listen(0, HOST)
      await once(server, 'listening')
      const { port } = server.address() as nodeNet.AddressInfo
      const client = await connect({ host: HOST, port }, hasty)
      let written = 0
      client.write([Buffer.alloc(64 * MIB)], () => {
        written++
      })
      const sender = new Reader(client)
      await sender.closed()
      expect([sender.closedCount, written]).toEqual([1, 1])
      server.close()
    })
  })

  describe('destroy', () => {
    it('resets: the peer hears an error, this side none; every write is reported, then closed, once', async () => {
      const { client, server } = await pair()
      const [sender, reader] = [new Reader(client), new Reader(server, { keep: false })]
      for (let i = 0; i < 100; i++) client.write([Buffer.alloc(256 * KIB)], () => sender.note('written'))
      await reader.bytes(1)
      for (let i = 0; i < 100; i++) client.write([Buffer.alloc(10)], () => sender.note('written'))
      client.destroy()
      client.destroy()
      await Promise.all([sender.closed(), reader.closed()])
      for (let i = 0; i < 10; i++) await turn()
      const events = sender.events.filter((event) => event !== 'drain')
      expect(events.length).toBe(201)
      expect(events.at(-1)).toBe('closed')
      expect(sender.error).toBeUndefined()
      expect(reader.error).toMatchObject({ code: 'DISCONNECTED', facts: { errno: 'ECONNRESET' } })
      expect([sender.closedCount, reader.closedCount]).toEqual([1, 1])
    })

    it('by the peer reports every write that was waiting, before closed', async () => {
      const { client, server } = await pair()
      const sender = new Reader(client)
      for (let i = 0; i < 64; i++) client.write([Buffer.alloc(MIB)], () => sender.note('written'))
      await turn()
      await turn()
      server.destroy()
      await sender.closed()
      for (let i = 0; i < 10; i++) await turn()
      expect(sender.events.filter((event) => event === 'written').length).toBe(64)
      expect(sender.events.at(-1)).toBe('closed')
      expect(sender.error).toBeInstanceOf(BlockError)
    })

    it('works from inside a delivery, and after end', async () => {
      const { client, server } = await pair()
      const sender = new Reader(client)
      const closed = new Promise<Error | undefined>((resolve) => {
        server.start({ data: () => server.destroy(), drain: () => undefined, closed: resolve })
      })
      client.write([Buffer.from('x')])
      expect(await closed).toBeUndefined()
      await sender.closed()

      const other = await pair()
      const [ending, peer] = [new Reader(other.client), new Reader(other.server)]
      other.client.write([Buffer.alloc(32 * MIB)])
      other.client.end()
      other.client.destroy()
      await Promise.all([ending.closed(), peer.closed()])
      expect(ending.error).toBeUndefined()
    })

    it('before start is told by start', async () => {
      const { client, server } = await pair()
      client.destroy()
      server.destroy()
      for (let i = 0; i < 20; i++) await turn()
      const reader = new Reader(server)
      await reader.closed()
      expect(reader.closedCount).toBe(1)
    })
  })
})
