/**
 * A server's side of its stream to the master: hello, full and partial beats as the block server makes them, and what the
 * master says. A stream that lost something breaks, a moment later at each end; then the next one is opened.
 */
import type { ReplicaBeat, ServerBeat, ServerHello, ToServer } from '../../../../src/master/links.ts'
import { Beats } from '../../../../src/server/cluster/beats.ts'
import type { AuthorityLink, ReplicaReport } from '../../../../src/server/replica/authority-link.ts'
import type { ToAuthority } from '../../../../src/v2engine/messages.ts'
import type { SeededRandom } from '../../random.ts'
import { toldPortalOf } from '../paths/front-ends.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'
import { show } from '../timeline.ts'
import { CLUSTER_ID, VOLUME_ID } from './names.ts'
import type { MasterWorld, MemberLink } from './sim-master.ts'

const BEAT_MS = 500
const NEWS_MS = 2
const WELCOME_WAIT_MS = 5000
const PAUSE_MS_MAX = 400
const CAPACITY_BYTES = 10 ** 12

/** What a server keeps for the master beside its replica; gone with the disk. */
export interface MemberState {
  seen: ServerHello['registrySeen']
  tag: number
  keep: string | null
}
export const freshMember = (): MemberState => ({ seen: null, tag: 0, keep: null })

/** The way of a stream to the master. */
export interface StreamEnd {
  hello(hello: ServerHello, number: number): void
  beat(beat: ServerBeat): void
  /** The server is done with it. */
  end(): void
}

export interface MemberStreamOptions {
  readonly world: MasterWorld
  readonly server: SimServer
  readonly running: Running
  readonly process: string
  readonly random: SeededRandom
  readonly connect: (member: MemberStream) => StreamEnd
}

export class MemberStream implements MemberLink {
  readonly #o: MemberStreamOptions
  readonly #beats: Beats
  readonly #link: AuthorityLink
  #stream: StreamEnd | undefined
  #isWelcome = false
  /** Since the hello that is on its way. */
  #hasMoved = false
  #isClosed = false
  #hellos = 0
  #dueMs = 0
  #timer: ReturnType<MasterWorld['scheduler']['schedule']> | undefined

  constructor(options: MemberStreamOptions) {
    this.#o = options
    const { running } = options
    const space = { freeBytes: CAPACITY_BYTES, capacityBytes: CAPACITY_BYTES }
    this.#beats = new Beats(running.process.clock, () => space)
    this.#beats.onNews(() => this.#beatWithin(NEWS_MS))
    this.#link = this.#beats.link({
      volume: VOLUME_ID,
      authority: () => undefined,
      heartbeat: () => running.replica?.heartbeat(),
      report: () => this.#report(),
      deliver: (message) => running.replica?.fromAuthority(message),
    })
    this.#link.start()
    running.process.life.onEnd(() => this.close())
    this.#connectSoon()
  }

  get server(): SimServer {
    return this.#o.server
  }

  opened(): void {
    this.#link.hurry()
  }

  send(message: ToAuthority): void {
    this.#o.world.log.trace(this.server.name, () => `to master: ${show(message)}`)
    this.#link.send(message)
  }

  moved(): void {
    if (this.#isWelcome) this.#hello()
    else this.#hasMoved = true
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stream?.end()
  }

  // ---- the stream

  #connectSoon(): void {
    const { random } = this.#o
    this.#later(1 + random.integer(PAUSE_MS_MAX), () => this.#connect())
  }

  #connect(): void {
    this.#isWelcome = false
    const stream = this.#o.connect(this)
    this.#stream = stream
    this.#hello()
    this.#later(WELCOME_WAIT_MS, () => {
      if (this.#stream === stream && !this.#isWelcome) stream.end()
    })
  }

  #hello(): void {
    const { server, process } = this.#o
    const hello: ServerHello = {
      id: server.server,
      name: `server-${server.name}`,
      clusterId: CLUSTER_ID,
      addresses: {
        grpc: `${server.address}:7461`,
        replication: server.endpoint,
        http: '',
        iscsi: [toldPortalOf(server)],
        nvme: [],
      },
      zone: null,
      rack: null,
      diskType: 'ssd',
      process,
      registrySeen: server.member.seen,
    }
    this.#hasMoved = false
    this.#stream?.hello(hello, ++this.#hellos)
  }

  /** That stream is over, as it shows at this end. */
  ended(stream: StreamEnd): void {
    if (this.#stream !== stream) return
    this.#stream = undefined
    this.#isWelcome = false
    this.#o.running.table.interrupted()
    this.#connectSoon()
  }

  welcomed(stream: StreamEnd): void {
    if (this.#stream !== stream || this.#isWelcome) return
    this.#isWelcome = true
    if (this.#hasMoved) this.#hello()
    this.#beats.wantFull()
  }

  heard(stream: StreamEnd, message: ToServer): void {
    const { world, server, running } = this.#o
    running.process.life.deliver(() => {
      if (this.#stream !== stream || this.#isClosed) return
      switch (message.kind) {
        case 'registry': {
          const { seen } = server.member
          if (seen?.id === message.id && seen.seq >= message.seq) return
          server.member.seen = { id: message.id, seq: message.seq }
          return
        }
        case 'tellAll':
          this.#beats.wantFull()
          return
        case 'settings':
          server.member.tag = message.tag
          server.member.keep = message.keep
          return
        case 'replica':
          world.delivered(server.server, message.message)
          running.replica?.fromAuthority(message.message)
          return
        case 'paths':
          running.table.apply(message)
          return
      }
    })
  }

  // ---- beats

  #beatWithin(delayMs: number): void {
    if (!this.#isWelcome) return
    const { scheduler } = this.#o.world
    const dueMs = scheduler.nowMs + delayMs
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return
    if (this.#timer !== undefined) scheduler.cancel(this.#timer)
    this.#dueMs = dueMs
    this.#timer = this.#later(delayMs, () => {
      this.#timer = undefined
      this.#beat()
      this.#beatWithin(BEAT_MS)
    })
  }

  #beat(): void {
    const { world, server, running } = this.#o
    if (this.#stream === undefined || !this.#isWelcome) return
    const heartbeat = running.replica?.heartbeat()
    if (heartbeat !== undefined) server.tells(heartbeat)
    const beat = this.#beats.next(false)
    if (!beat.isFull) world.log.count('partial beats')
    this.#stream.beat(beat)
  }

  #report(): ReplicaReport {
    const { world, server, running } = this.#o
    const { member } = server
    const { replica, process } = running
    const common = {
      volume: VOLUME_ID,
      name: 'v',
      outage: null,
      usedBytes: 0,
      settingsTag: member.tag,
      kept: member.keep,
      led: null,
    }
    const { sizeBytes } = world.profile.shape
    if (replica === undefined) return { ...common, state: 'opening', sizeBytes, open: null }
    const { servedUntilMs, sizeBytes: ownBytes, ...said } = replica.progress()
    const isAlive = servedUntilMs !== null && process.clock.bootMs() < servedUntilMs
    const isServing = isAlive && world.isServedAt(server.name)
    const open: ReplicaBeat['open'] = { ...replica.heartbeat(), ...said, isServing, sessions: 0 }
    return { ...common, state: 'open', sizeBytes: ownBytes, open }
  }

  #later(delayMs: number, run: () => void): ReturnType<MasterWorld['scheduler']['schedule']> {
    const { world, server, running } = this.#o
    return world.scheduler.schedule('member', server.name, delayMs, () => {
      if (!this.#isClosed && !running.process.life.ended) running.process.life.deliver(run)
    })
  }
}
