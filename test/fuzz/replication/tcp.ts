/** Hostile streams against the replication ports of real servers, beside a volume that is written all the time. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseHostPort } from '../../../src/base/address.ts'
import { epochNumber } from '../../../src/base/units.ts'
import { parseUuid } from '../../../src/base/uuid.ts'
import { FORMAT_LEVEL } from '../../../src/blockvol/state-keeper.ts'
import { FrameStream } from '../../../src/replication/wire/frame-stream.ts'
import type { Policy } from '../../../src/v2engine/policy.ts'
import {
  CLUSTER_ID,
  CLUSTER_KEY,
  Cluster,
  type ClusterVolume,
  type ServerProcess,
} from '../../e2e/replication/fixture/cluster.ts'
import { Host } from '../../e2e/replication/fixture/host.ts'
import { Witness } from '../../e2e/replication/fixture/witness.ts'
import { SeededRandom } from '../../sim/random.ts'
import { type Facts, HostilePeer } from './stream.ts'

const MIB = 1 << 20
const POLICY: Policy = { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } }
/** What a silent peer is given before a server ends it, and time for a loaded machine. */
const PATIENCE_MS = 25_000
const GROWTH_BYTES_MAX = 96 * MIB
/** The longest that the volume beside may stand still. */
const WITNESS_WAIT_MS_MAX = 2000
/** Lines of log about refusals, however many there are: one for each reason and stranger. */
const LINES_MAX = 150

export class ReplicationFuzz {
  readonly totals = { streams: 0, known: 0, slowestMs: 0 }
  readonly #cluster: Cluster
  readonly #volume: ClusterVolume
  readonly #witness: Witness
  readonly #host: Host
  readonly #facts: readonly (Facts & { readonly server: ServerProcess })[]
  #warmBytes: readonly number[] = []

  private constructor(
    cluster: Cluster,
    parts: {
      volume: ClusterVolume
      witness: Witness
      host: Host
      facts: readonly (Facts & { readonly server: ServerProcess })[]
    },
  ) {
    this.#cluster = cluster
    this.#volume = parts.volume
    this.#witness = parts.witness
    this.#host = parts.host
    this.#facts = parts.facts
  }

  static async start(directory: string): Promise<ReplicationFuzz> {
    const cluster = await Cluster.start(directory, 2)
    const volume = await cluster.makeVolume({ name: 'fuzzed', sizeBytes: 64 * MIB, policy: POLICY })
    // an epoch before it, of which strangers can speak
    await volume.serving()
    await volume.inSync()
    await volume.move(cluster.servers[1]!)
    const host = new Host(volume)
    const witness = new Witness(host, { blocks: 2048, workers: 2, paceMs: 2 })
    witness.start()
    await witness.progress(50)
    witness.takeSlowest()
    const { registry } = await volume.registry()
    const clusterId = parseUuid(CLUSTER_ID)
    const volumeUuid = parseUuid(volume.uuid)
    if (clusterId === undefined || volumeUuid === undefined) throw new Error('UUIDs are none')
    const facts = cluster.servers.map((server) => ({
      server,
      clusterId,
      clusterKey: Buffer.from(CLUSTER_KEY),
      volume: {
        volumeUuid,
        epoch: { number: epochNumber(registry.epoch.number), id: 1n },
        formatLevel: FORMAT_LEVEL,
        levelMax: FORMAT_LEVEL,
      },
      wanted: server.id,
    }))
    return new ReplicationFuzz(cluster, { volume, witness, host, facts })
  }

  /** One stream, until the connection is gone. */
  async run(seed: number): Promise<void> {
    const random = new SeededRandom(seed)
    const facts = random.pick(this.#facts)
    const peer = new HostilePeer(random, facts)
    const { socket, closed } = await this.#connect(facts.server)
    const isKnown = await shakeHands(peer, socket, closed)
    if (isKnown) this.totals.known++
    for (const bytes of peer.rest()) for (const piece of peer.cut(bytes)) socket.write(piece)
    if (peer.ending === 'silence') await within(closed, 'a server waits for ever for a silent peer')
    else if (peer.ending === 'close') {
      socket.end()
      await within(closed, 'a server keeps a connection whose peer has closed it')
    } else {
      await Promise.race([closed, delay(random.integer(4))])
      socket.destroy()
    }
    socket.destroy()
    await closed
    this.totals.streams++
  }

  /** Many connections at once that never get to be known: each is ended by the server. */
  async flood(count: number, speech: 'nothing' | 'a byte at a time'): Promise<void> {
    const { server } = this.#facts[0]!
    const gone = Array.from({ length: count }, async () => {
      const { socket, closed } = await this.#connect(server)
      const dribble =
        speech === 'nothing' ? undefined : setInterval(() => socket.write(Uint8Array.of(0x42)), 50)
      await within(closed, `a connection that says ${speech} is kept`)
      clearInterval(dribble)
    })
    await Promise.all(gone)
  }

  /** From here on memory may not grow. */
  warm(): void {
    this.#warmBytes = this.#cluster.servers.map(residentBytes)
  }

  /** Bytes that the servers have grown by since `warm`, the greatest of them. */
  checkMemory(): number {
    const grown = this.#cluster.servers.map((server, i) => residentBytes(server) - (this.#warmBytes[i] ?? 0))
    const most = Math.max(...grown)
    if (most > GROWTH_BYTES_MAX) throw new Error(`a server has grown by ${Math.round(most / MIB)} MiB`)
    return most
  }

  /** Each reason is said once, not for each of the streams. */
  checkLogs(): number {
    const counts = this.#cluster.servers.map(
      (server) => server.log().filter((line) => line.includes('replication.')).length,
    )
    const most = Math.max(...counts)
    if (most > LINES_MAX) throw new Error(`a server wrote ${most} lines about refusals`)
    return most
  }

  /** The volume beside went on as if nothing were. */
  async close(): Promise<void> {
    const before = (await this.#volume.registry()).registry
    await this.#witness.progress(200)
    this.totals.slowestMs = Math.round(this.#witness.takeSlowest())
    await this.#witness.stop()
    await this.#witness.verify()
    await this.#volume.inSync(1000)
    const { errors } = this.#witness.totals
    await this.#host.close()
    for (const server of this.#cluster.servers) {
      const code = await server.stop()
      if (code !== 0) throw new Error(`${server.name} ended with ${code}`)
    }
    const { number } = before.epoch
    if (number !== this.#facts[0]?.volume.epoch.number) throw new Error(`the volume is in epoch ${number}`)
    if (before.set.members.length !== 2) throw new Error('a member has left')
    if (errors > 0) throw new Error(`hosts got ${errors} errors`)
    if (this.totals.slowestMs > WITNESS_WAIT_MS_MAX)
      throw new Error(`hosts waited ${this.totals.slowestMs} ms`)
  }

  destroy(): Promise<void> {
    return this.#cluster.destroy()
  }

  async #connect(server: ServerProcess): Promise<{ socket: Socket; closed: Promise<void> }> {
    const address = parseHostPort(server.ready.replication, 'replication')
    const socket = connect(address)
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
    })
    socket.on('error', () => undefined)
    await Promise.race([new Promise<void>((resolve) => socket.once('connect', () => resolve())), closed])
    return { socket, closed }
  }
}

/** As far as the peer wants to go; true when it is known to the server afterwards. */
async function shakeHands(peer: HostilePeer, socket: Socket, closed: Promise<void>): Promise<boolean> {
  const handshake = peer.handshake()
  if (handshake === undefined) {
    for (const piece of peer.cut(peer.first())) socket.write(piece)
    socket.resume()
    return false
  }
  const over = Promise.withResolvers<boolean>()
  const stream = new FrameStream({
    isPeerKnown: false,
    buffer: (_, lengthBytes) => new Uint8Array(lengthBytes),
    frame: (kind, payload) => {
      if (handshake.isOver) return
      const { send, outcome } = handshake.take(kind, payload)
      for (const frame of send) socket.write(peer.ordered(frame.kind, frame.payload))
      if (outcome !== undefined) over.resolve(outcome.kind === 'known')
    },
    fault: () => over.resolve(false),
  })
  socket.on('data', (chunk: Buffer) => {
    if (!handshake.isOver) stream.push(chunk)
  })
  for (const frame of handshake.start().send) socket.write(peer.ordered(frame.kind, frame.payload))
  return Promise.race([over.promise, closed.then(() => false)])
}

async function within(event: Promise<void>, otherwise: string): Promise<void> {
  const over = new AbortController()
  try {
    await Promise.race([
      event,
      delay(PATIENCE_MS, undefined, { signal: over.signal }).then(() => {
        throw new Error(`${otherwise}: not within ${PATIENCE_MS} ms`)
      }),
    ])
  } finally {
    over.abort()
  }
}

/** Memory of the process that is not on disk (proc(5), VmRSS). */
function residentBytes(server: ServerProcess): number {
  const status = readFileSync(`/proc/${server.ready.pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
