import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Machines } from '../../test/replication/net.ts'
import { Life, SimClock } from '../../test/sim/clock.ts'
import { SeededRandom } from '../../test/sim/random.ts'
import { Scheduler } from '../../test/sim/scheduler.ts'
import { BufferPool } from '../base/buffer-pool.ts'
import type { Listener } from '../base/ports/net.ts'
import { epochNumber, lsn } from '../base/units.ts'
import { ENTRY_KIND } from '../blockvol/format/log-group.ts'
import { connectionId, opening, type ServerId, serverId, sessionId } from '../v2engine/identity.ts'
import type { PeerMessage } from '../v2engine/messages.ts'
import { ReplicationLink } from './link.ts'
import { type LinkReceiver, type PeerLink, PeerLinks } from './peer-links.ts'
import { encodeEntries } from './wire/entries.ts'
import { FRAME } from './wire/frame.ts'
import { encodeMessage } from './wire/messages.ts'

const CONNECT_MS = 2000
const epoch = { number: epochNumber(3), id: 3n }
const volume = { volumeUuid: new Uint8Array(16).fill(2), epoch, formatLevel: 1, levelMax: 2 }
const session = { id: sessionId(1), epoch, primaryOpening: opening(1), replicaOpening: opening(2) }
const A = serverId('a')
const B = serverId('b')
const LEAD: PeerMessage = { kind: 'lead', epoch, opening: opening(1) }
const FENCE: PeerMessage = { kind: 'fence', epoch }

/** A server with one replica's connections, and what it was told of them. */
class Side {
  readonly told: string[] = []
  readonly peers: PeerLink[] = []
  readonly releases: (() => void)[] = []
  readonly pool = new BufferPool()
  readonly links: PeerLinks
  readonly #listening: Promise<Listener>

  constructor(server: ServerId, machines: Machines, clock: SimClock, key = 'key') {
    const net = machines.of(server)
    const random = new SeededRandom(server.charCodeAt(0))
    const identity = { server, clusterId: new Uint8Array(16).fill(1), clusterKey: Buffer.from(key) }
    const { pool } = this
    this.links = new PeerLinks({
      net,
      clock,
      random,
      pool,
      ...identity,
      identity: () => volume,
      connectMs: CONNECT_MS,
      handshakeMs: CONNECT_MS,
      silenceMs: 10_000,
      handlers: {
        up: (peer) => {
          this.peers.push(peer)
          this.told.push(`up ${peer.server} ${peer.connection}`)
        },
        down: (peer, connection) => this.told.push(`down ${peer} ${connection}`),
        message: (peer, message, attached) => {
          const count = attached === undefined ? '' : ` with ${attached.entries.length}`
          this.told.push(`${message.kind} on ${peer.connection}${count}`)
          if (attached !== undefined) this.releases.push(attached.release)
        },
        frame: (_, kind, __, release) => {
          release()
          this.told.push(`frame ${kind}`)
          return kind !== FRAME.copied
        },
        drained: () => undefined,
        fault: (peer, why) =>
          this.told.push(`fault ${peer} ${why.kind === 'refused' ? why.refused.refusal : why.kind}`),
      },
    })
    this.#listening = net.listen({ host: server, port: 7460 }, (connection) => {
      let receiver: LinkReceiver | undefined
      const link = new ReplicationLink({
        connection,
        handshake: { ...identity, nonce: random.bytes(32), accept: () => volume },
        pool,
        clock,
        handshakeMs: CONNECT_MS,
        silenceMs: 10_000,
        handlers: {
          known: (peer) => {
            receiver = this.links.accept(link, serverId(peer.server))
          },
          frame: (kind, payload, release) => receiver?.frame(kind, payload, release),
          drain: () => receiver?.drain(),
          ended: (why) => receiver?.ended(why),
        },
      })
    })
  }

  listening(): Promise<Listener> {
    return this.#listening
  }
}

describe('connections between replicas', () => {
  let scheduler: Scheduler
  let machines: Machines
  let a: Side
  let b: Side

  const clockOf = (): SimClock => new SimClock(scheduler, new Life())
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const connect = async (): Promise<void> => {
    a.links.connect(B, 'b:7460')
    await settled()
  }

  beforeEach(async () => {
    scheduler = new Scheduler(1)
    machines = new Machines()
    a = new Side(A, machines, clockOf())
    b = new Side(B, machines, clockOf())
    await a.listening()
    await b.listening()
  })
  afterEach(() => {
    for (const side of [a, b]) {
      for (const release of side.releases) release()
      expect(side.pool.lentBytes).toBe(0)
    }
  })

  it('carries what a primary says one way, and what a replica says the other', async () => {
    await connect()
    expect(a.told).toEqual(['up b 1'])
    a.links.send(connectionId(1), LEAD)
    await settled()
    b.links.send(connectionId(1), FENCE)
    b.links.send(connectionId(9), FENCE)
    await settled()
    expect(b.told).toEqual(['lead on 1'])
    expect(a.told).toEqual(['up b 1', 'fence on 1'])
  })

  it('ends the connection of a peer that says what it may not on its side', async () => {
    await connect()
    a.links.send(connectionId(1), FENCE)
    await settled()
    expect(b.told).toEqual(['fault a protocol', 'down a 1'])
    expect(a.told).toEqual(['up b 1', 'fault b protocol', 'down b 1'])
  })

  it('ends the connection of a frame that makes no sense', async () => {
    await connect()
    a.peers[0]!.link.send(FRAME.state, [new Uint8Array(3)])
    a.peers[0]!.link.send(FRAME.copied, [])
    await settled()
    expect(b.told).toEqual(['frame 24', 'frame 26', 'fault a protocol', 'down a 1'])
  })

  it('hands entries on when they are what their checksums say, and ends the connection when not', async () => {
    await connect()
    const first = lsn(5)
    const { kind, payload } = encodeMessage({ kind: 'entries', session, first, last: first, commit: lsn(1) })
    const entry = {
      lsn: 5,
      kind: ENTRY_KIND.write,
      block: 0,
      blocks: 1,
      argument: 0,
      checksums: [],
      data: new Uint8Array(0),
    }
    const whole = encodeEntries(epoch, [entry])
    a.peers[0]!.link.send(kind, [payload, ...whole])
    await settled()
    expect(b.told).toEqual(['entries on 1 with 1'])
    const bad = { ...entry, checksums: [77], data: new Uint8Array(4096) }
    a.peers[0]!.link.send(kind, [payload, ...encodeEntries(epoch, [bad])])
    await settled()
    expect(b.told.slice(1)).toEqual(['fault a protocol', 'down a 1'])
  })

  it('lets a second connection of a peer take the place of the first, on both sides', async () => {
    await connect()
    await connect()
    expect(a.told).toEqual(['up b 1', 'down b 1', 'up b 2'])
    expect(b.told).toEqual(['down a 1'])
    expect(a.links.outgoing(B)?.connection).toBe(2)
    a.links.send(connectionId(2), LEAD)
    await settled()
    expect(b.told).toEqual(['down a 1', 'lead on 2'])
  })

  it('keeps what a peer connected here when what goes there is closed', async () => {
    await connect()
    b.links.connect(A, 'a:7460')
    await settled()
    a.links.disconnect(B, null)
    await settled()
    expect(a.links.outgoing(B)).toBeUndefined()
    expect(b.links.outgoing(A)).toBeDefined()
    b.links.send(b.links.outgoing(A)!.connection, LEAD)
    await settled()
    expect(a.told.at(-1)).toBe('lead on 2')
  })

  it('tells of an attempt that comes to nothing: nobody there, no address, another key', async () => {
    a.links.connect(B, 'b:1')
    await settled()
    a.links.connect(B, 'nowhere')
    await settled()
    const c = new Side(serverId('c'), machines, clockOf(), 'another key')
    await c.listening()
    a.links.connect(serverId('c'), 'c:7460')
    await settled()
    expect(a.told).toEqual([
      'fault b closed',
      'down b null',
      'fault b closed',
      'down b null',
      'fault c notAuthentic',
      'down c null',
    ])
  })

  it('gives up a peer that says nothing, within a bound', async () => {
    await machines.of('d').listen({ host: 'd', port: 7460 }, (connection) => {
      connection.start({ data: () => undefined, drain: () => undefined, closed: () => undefined })
    })
    a.links.connect(serverId('d'), 'd:7460')
    await scheduler.pass(CONNECT_MS + 1)
    await settled()
    expect(a.told).toEqual(['fault d silent', 'down d null'])
  })

  it('connects to nobody and takes nobody once it is closed', async () => {
    await connect()
    a.links.closeAll()
    a.links.connect(B, 'b:7460')
    b.links.connect(A, 'a:7460')
    await settled()
    expect(a.links.outgoing(B)).toBeUndefined()
    expect(b.links.outgoing(A)).toBeUndefined()
    expect(b.told).toContain('down a 1')
  })
})
