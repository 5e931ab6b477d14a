import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../test/sim/clock.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import { MemoryConnection } from '../../test/support/memory-net.ts'
import { BufferPool } from '../base/buffer-pool.ts'
import { epochNumber } from '../base/units.ts'
import type { HandshakeOptions } from './handshake.ts'
import { type LinkEnd, ReplicationLink } from './link.ts'
import { encodeFrameHeader, FRAME, type FrameKind } from './wire/frame.ts'
import { NONCE_BYTES } from './wire/hello.ts'

const volume = {
  volumeUuid: new Uint8Array(16).fill(2),
  epoch: { number: epochNumber(7), id: 9n },
  formatLevel: 1,
  levelMax: 2,
}
const HANDSHAKE_MS = 5_000
const SILENCE_MS = 3_000

/** One end of a link, and what it was told. */
class End {
  readonly seen: string[] = []
  readonly releases: (() => void)[] = []
  why: LinkEnd | undefined
  readonly link: ReplicationLink

  constructor(connection: MemoryConnection, handshake: HandshakeOptions, pool: BufferPool, clock: SimClock) {
    this.link = new ReplicationLink({
      connection,
      handshake,
      pool,
      clock,
      handshakeMs: HANDSHAKE_MS,
      silenceMs: SILENCE_MS,
      handlers: {
        known: (peer, version) => this.seen.push(`known ${peer.server} ${version}`),
        frame: (kind, payload, release) => {
          this.seen.push(`${kind} ${payload.byteLength} ${payload[0]}`)
          this.releases.push(release)
        },
        drain: () => this.seen.push('drain'),
        ended: (why) => {
          this.why = why
        },
      },
    })
  }
}

describe('a link between two servers', () => {
  let scheduler: Scheduler
  let clock: SimClock
  let pool: BufferPool
  beforeEach(() => {
    scheduler = new Scheduler(1)
    clock = new SimClock(scheduler, new Life())
    pool = new BufferPool()
  })
  afterEach(() => expect(pool.lentBytes).toBe(0))

  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const options = (server: string, changes: Partial<HandshakeOptions> = {}): HandshakeOptions => ({
    clusterId: new Uint8Array(16).fill(1),
    clusterKey: Buffer.from('key'),
    server,
    nonce: new Uint8Array(NONCE_BYTES).fill(server.charCodeAt(0)),
    accept: () => volume,
    ...changes,
  })

  async function connect(changes: Partial<HandshakeOptions> = {}): Promise<[End, End, MemoryConnection]> {
    const [near, far] = MemoryConnection.pair('10.0.0.1:1', '10.0.0.2:7460')
    const b = new End(far, options('b', changes), pool, clock)
    const a = new End(near, options('a', { connect: { volume, wanted: 'b' } }), pool, clock)
    await settled()
    return [a, b, near]
  }

  it('carries frames both ways once both sides are known to each other', async () => {
    const [a, b] = await connect()
    a.link.send(FRAME.append, [Buffer.from('ab'), Buffer.alloc(100_000, 7)])
    b.link.send(FRAME.ack, [Buffer.from('x')])
    a.link.send(FRAME.release, [])
    await settled()
    expect(b.seen).toEqual(['known a 2', `${FRAME.append} 100002 97`, `${FRAME.release} 0 undefined`])
    expect(a.seen).toEqual(['known b 2', `${FRAME.ack} 1 120`])
    expect(pool.lentBytes).toBeGreaterThan(0)
    for (const release of [...a.releases, ...b.releases]) release()
    a.link.close()
    await settled()
    expect([a.why, b.why]).toEqual([
      { kind: 'closed', error: undefined },
      { kind: 'closed', error: undefined },
    ])
  })

  it('tells both sides why it was refused', async () => {
    const refused = { refusal: 'staleEpoch', text: 'epoch 8 is sealed here' } as const
    const [a, b] = await connect({ accept: () => refused })
    expect(a.why).toEqual({ kind: 'refused', by: 'peer', refused })
    expect(b.why).toEqual({ kind: 'refused', by: 'us', refused })
    const [c, d] = await connect({ clusterKey: Buffer.from('another') })
    expect(c.why).toMatchObject({ by: 'us', refused: { refusal: 'notAuthentic' } })
    expect(d.why).toMatchObject({ by: 'peer', refused: { refusal: 'notAuthentic' } })
  })

  it('does not wait for a peer that does not say who it is, however slowly it talks', async () => {
    const [near, far] = MemoryConnection.pair('10.0.0.1:1', '10.0.0.2:7460')
    const b = new End(far, options('b'), pool, clock)
    const header = encodeFrameHeader(FRAME.hello, 0, [new Uint8Array(100)])
    for (let i = 0; i < 20 && b.why === undefined; i++) {
      near.write([header.subarray(i, i + 1)])
      await settled()
      await scheduler.pass(HANDSHAKE_MS / 10)
    }
    await settled()
    expect(b.why).toEqual({ kind: 'silent' })
    expect(near.isClosed).toBe(true)
  })

  it('ends when a known peer falls silent, and not before', async () => {
    const [a, b] = await connect()
    for (let i = 0; i < 5; i++) {
      await scheduler.pass(SILENCE_MS - 100)
      a.link.send(FRAME.release, [])
      b.link.send(FRAME.ack, [])
      await settled()
    }
    expect([a.why, b.why]).toEqual([undefined, undefined])
    await scheduler.pass(SILENCE_MS)
    await settled()
    expect([a.why?.kind, b.why?.kind]).toContain('silent')
  })

  it('gives back the buffer of a frame that is cut off', async () => {
    const [a, b, near] = await connect()
    const payload = new Uint8Array(50_000)
    near.write([encodeFrameHeader(FRAME.blocks, 2, [payload]), payload.subarray(0, 20_000)])
    await settled()
    expect(pool.lentBytes).toBeGreaterThan(0)
    near.destroy()
    await settled()
    expect(b.why).toEqual({ kind: 'closed', error: undefined })
    expect(a.why?.kind).toBe('closed')
  })

  it('ends on a handshake frame after the handshake', async () => {
    const [a, b] = await connect()
    a.link.send(FRAME.proof, [new Uint8Array(32)])
    await settled()
    expect(b.why).toEqual({ kind: 'fault', fault: 'handshake frame' })
  })

  it('ends by itself, and with nothing else, whatever a stranger or a known peer sends', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(...Object.values(FRAME)), fc.nat(4), fc.uint8Array({ maxLength: 80 }))
        .map(([kind, sequence, payload]) =>
          Buffer.concat([encodeFrameHeader(kind as FrameKind, sequence, [payload]), payload]),
        ),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, isKnown) => {
        let end: End
        let near: MemoryConnection
        if (isKnown) {
          const [, b, connection] = await connect()
          ;[end, near] = [b, connection]
        } else {
          const [c, far] = MemoryConnection.pair('10.0.0.1:1', '10.0.0.2:7460')
          ;[end, near] = [new End(far, options('b'), pool, clock), c]
        }
        for (const bytes of pieces) near.write([bytes])
        await settled()
        near.destroy()
        await settled()
        for (const release of end.releases) release()
        expect(end.why).toBeDefined()
        if (!isKnown) expect(end.seen).toEqual([])
        expect(pool.lentBytes).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
