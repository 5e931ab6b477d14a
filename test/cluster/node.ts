/**
 * A server with one replica: carries the engine's effects out over model storage and network, serves model hosts, and
 * crashes between any two effects. This is what a shell has to do, in small.
 */
import { assert } from '../../src/base/assert.ts'
import { type Epoch, lsn } from '../../src/base/units.ts'
import type { Effects, Envelope, Serve, SessionCommand, StorageCommand } from '../../src/v2engine/effects.ts'
import type { Happening } from '../../src/v2engine/events.ts'
import {
  type ConnectionId,
  type Opening,
  opening,
  type ServerId,
  type SessionRef,
  sameSession,
} from '../../src/v2engine/identity.ts'
import type { PeerMessage, ToAuthority } from '../../src/v2engine/messages.ts'
import { openReplica } from '../../src/v2engine/open.ts'
import type { Bounds } from '../../src/v2engine/policy.ts'
import type { ReplicaState } from '../../src/v2engine/state.ts'
import { step } from '../../src/v2engine/step.ts'
import { isReceiving, viewOf } from '../../src/v2engine/view.ts'
import type { SeededRandom } from '../sim/random.ts'
import type { Heartbeat } from './authority.ts'
import type { Checker, Loss } from './checker.ts'
import type { Network } from './network.ts'
import { BLOCKS, type Entry, type Lineage, lineageAt, ModelStorage } from './storage.ts'
import type { Timeline } from './timeline.ts'

interface BlockCopy {
  readonly block: number
  readonly content: { readonly lsn: number; readonly value: number } | null
}

export type Frame =
  | { readonly kind: 'message'; readonly message: PeerMessage; readonly data: Data | null }
  | { readonly kind: 'blocks'; readonly session: SessionRef; readonly blocks: readonly BlockCopy[] }
  /** What the base is of, for the checkers: no real frame. */
  | { readonly kind: 'lineage'; readonly session: SessionRef; readonly lineage: Lineage | null }

/** What travels beside a message. */
interface Data {
  readonly entries: readonly Entry[]
  readonly unknown: readonly number[]
}

interface Queued {
  readonly command: StorageCommand
  readonly entries: readonly Entry[]
}

interface Shipper {
  readonly session: SessionRef
  readonly server: ServerId
  readonly connection: ConnectionId
  next: number
}

export interface World {
  readonly timeline: Timeline
  readonly network: Network<Frame>
  readonly random: SeededRandom
  readonly checker: Checker
  readonly bounds: Bounds
  readonly stats: Map<string, number>
  readonly trace: ((line: string) => void) | null
  readonly node: (server: string) => ModelNode | undefined
  readonly toAuthority: (from: ServerId, message: ToAuthority) => void
  /** A primary has come to serve, and with it what its promotion may have lost is lost. */
  readonly takeLoss: (epoch: Epoch) => Loss
  nextValue: number
  /** Hosts write. */
  isLoaded: boolean
  isCalm: boolean
}

export class ModelNode {
  readonly server: ServerId
  readonly storage = new ModelStorage()
  readonly #world: World
  readonly #rate: number
  state: ReplicaState | null = null
  #opening: Opening = opening(0)
  #life = 0
  isPausedUntilMs = 0
  #wakeAtMs: number | null = null
  #serve: Serve | null = null
  #queue: Queued[] = []
  /** What came beside the message that is being handled. */
  #payload: readonly Entry[] = []
  #isQueueRunning = false
  #writesQueued = 0
  readonly #links = new Map<ServerId, ConnectionId>()
  #shippers: Shipper[] = []
  readonly #pins = new Map<number, number>()
  readonly #unknownAt = new Map<ServerId, readonly number[]>()
  /** Base lineage that comes with a resync, until its barrier. */
  #incoming: Lineage | null = null
  #deferred: (() => void)[] = []

  constructor(server: ServerId, world: World, rate: number) {
    this.server = server
    this.#world = world
    this.#rate = rate
  }

  get isUp(): boolean {
    return this.state !== null
  }
  get isPowered(): boolean {
    return this.isUp || this.storage.stored?.bootId === this.storage.bootId
  }
  get pinCount(): number {
    return this.#pins.size
  }
  get wakeAtMs(): number | null {
    return this.#wakeAtMs
  }
  clock(): number {
    return Math.floor(this.#world.timeline.nowMs * this.#rate) + 1000
  }

  // life

  open(): void {
    const { storage } = this
    assert(this.state === null, 'it is down')
    this.#life += 1
    this.#opening = opening(this.#opening + 1)
    storage.recover()
    storage.cut = 0
    const { state, effects } = openReplica({
      self: this.server,
      bounds: this.#world.bounds,
      nowMs: this.clock(),
      opening: this.#opening,
      bootId: storage.bootId,
      stored: storage.stored,
      wasClean: storage.wasClean,
      isDamaged: storage.isDamaged,
      local: storage.local(),
      history: storage.history,
    })
    storage.wasClean = false
    storage.isDamaged = false
    this.state = state
    this.#serve = null
    this.#note(
      `open ${this.#opening} standing ${JSON.stringify(viewOf(state).standing)} log ${storage.appended}`,
    )
    this.#carryOut(effects)
    this.#beat(this.#life)
    this.#background(this.#life)
  }

  kill(): void {
    this.#note('killed')
    this.#life += 1
    this.state = null
    this.#wakeAtMs = null
    this.#queue = []
    this.#isQueueRunning = false
    this.#writesQueued = 0
    this.#links.clear()
    this.#shippers = []
    this.#pins.clear()
    this.#deferred = []
    this.isPausedUntilMs = 0
    this.#world.network.closeAll(this.server)
  }

  losePower(bootId: string): void {
    this.kill()
    const { random } = this.#world
    const { durable, appended } = this.storage
    const kept = random.chance(0.4) ? durable + random.integer(appended - durable + 1) : durable
    this.storage.losePower(kept, bootId)
    this.#note(`power lost, log ${appended} -> ${this.storage.appended}`)
  }

  close(): void {
    this.event({ kind: 'close' })
    this.storage.sync()
    this.storage.wasClean = true
    this.kill()
  }

  // events

  event(happening: Happening): void {
    this.#whenRunning(() => this.#handle(happening))
  }

  /** A process that is paused does what came meanwhile when it goes on, in order. */
  #whenRunning(run: () => void): void {
    if (this.state === null) return
    const { timeline } = this.#world
    if (this.isPausedUntilMs <= timeline.nowMs && this.#deferred.length === 0) {
      run()
      return
    }
    this.#deferred.push(run)
    if (this.#deferred.length === 1) this.#resumeLater()
  }

  #resumeLater(): void {
    this.#later(this.isPausedUntilMs - this.#world.timeline.nowMs, () => {
      if (this.isPausedUntilMs > this.#world.timeline.nowMs) {
        this.#resumeLater()
        return
      }
      const life = this.#life
      const deferred = this.#deferred
      this.#deferred = []
      for (const run of deferred) if (life === this.#life) run()
    })
  }

  #handle(happening: Happening): void {
    const { state } = this
    if (state === null) return
    const standing = viewOf(state).role
    const effects = step(state, { ...happening, nowMs: this.clock() })
    const role = viewOf(state).role
    if (standing !== role) this.#note(`${standing} -> ${role} in epoch ${viewOf(state).sealed.number}`)
    if (standing === 'starting' && role === 'serving') this.#started(state)
    this.#carryOut(effects)
  }

  #started(state: ReplicaState): void {
    const lineage = lineageAt(this.storage.lineage, state.commit)
    assert(lineage !== null, 'a primary has its history')
    this.#count('started')
    this.#world.checker.starts(lineage, this.#world.takeLoss(state.marks.sealed))
  }

  #carryOut(effects: Effects): void {
    const life = this.#life
    const { random, isCalm } = this.#world
    if (effects.halt !== null) this.#serve = null
    for (const item of effects.persist) {
      if (item.kind !== 'marks') this.#drainForCut()
      this.storage.persist(item)
      this.#count(`persist ${item.kind}`)
      this.#trace(() => `persist ${show(item)}`)
      if (!isCalm && random.chance(0.002)) {
        this.#count('crash after persist')
        this.#restartSoon()
        return
      }
    }
    const cutItems = effects.persist.filter((item) => item.kind === 'dropLog' || item.kind === 'restartLog')
    const { after } = effects
    if (after.serve !== null) {
      this.#serve = after.serve
      this.#trace(() => `serve ${show(after.serve)}`)
    }
    for (const command of after.storage) this.#enqueue(command)
    for (const command of after.sessions) this.#session(command)
    for (const envelope of after.send) {
      this.#send(envelope)
      if (!isCalm && random.chance(0.0005)) {
        this.#count('crash while sending')
        this.#restartSoon()
        return
      }
    }
    for (const link of after.links) {
      if (link.kind === 'connect') this.#connect(link.server)
      else this.#world.network.close([this.server, link.server], link.connection)
    }
    for (const reply of after.reply) {
      this.#count(reply.kind)
      if (reply.kind === 'acknowledge') this.#onAcknowledged(reply.to)
      if (reply.kind === 'flushed') this.#onFlushed(reply.to)
    }
    for (const alarm of after.alarms) {
      this.#count(alarm.kind === 'planned' ? `alarm planned` : `alarm ${alarm.kind}`)
      this.#trace(() => `note ${show(alarm)}`)
    }
    this.#arm(effects.wakeAtMs)
    if (cutItems.length > 0 && life === this.#life) this.#later(0, () => this.#report())
  }

  #restartSoon(): void {
    this.kill()
    const { timeline, random } = this.#world
    timeline.after(100 + random.integer(3000), () => {
      if (!this.isUp) this.open()
    })
  }

  #arm(wakeAtMs: number | null): void {
    if (wakeAtMs === this.#wakeAtMs) return
    this.#wakeAtMs = wakeAtMs
    if (wakeAtMs === null) return
    const life = this.#life
    const delayMs = Math.max(0, (wakeAtMs - this.clock()) / this.#rate) + 1
    this.#world.timeline.after(delayMs, () => {
      if (life !== this.#life || this.#wakeAtMs !== wakeAtMs) return
      this.#wakeAtMs = null
      this.event({ kind: 'tick' })
    })
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#world.timeline.after(delayMs, () => {
      if (life === this.#life) run()
    })
  }

  // storage

  #enqueue(command: StorageCommand): void {
    if (command.kind === 'commit') return
    this.#queue.push({ command, entries: this.#payload })
    if (!this.#isQueueRunning) this.#runQueue()
  }

  #runQueue(): void {
    this.#isQueueRunning = this.#queue.length > 0
    if (!this.#isQueueRunning) return
    this.#later(this.#world.random.integer(4), () => {
      const queued = this.#queue.shift()
      if (queued !== undefined) this.#store(queued, true)
      this.#runQueue()
    })
  }

  #store({ command, entries }: Queued, isReported: boolean): void {
    const { storage } = this
    switch (command.kind) {
      case 'startEpoch': {
        const at = storage.appended + 1
        this.#world.checker.writes(this.server, this.#opening, command.epoch)
        storage.append(at, { epoch: command.epoch, value: 0, block: null })
        const { cut } = storage
        if (isReported) this.event({ kind: 'epochStarted', cut, epoch: command.epoch, lsn: lsn(at) })
        break
      }
      case 'append': {
        for (const [i, entry] of entries.entries()) storage.append(command.first + i, entry)
        break
      }
      case 'settle':
        storage.sync()
        if (this.#incoming !== null) this.#finishResync()
        if (isReported) this.#report()
        if (isReported) this.event({ kind: 'settled', session: command.session, lsn: command.lsn })
        return
      case 'commit':
        return
    }
    if (isReported) this.#report()
  }

  /** What is on its way to the log gets there before a cut, and is not reported. */
  #drainForCut(): void {
    const queue = this.#queue
    this.#queue = []
    for (const queued of queue) {
      if (queued.command.kind !== 'settle') this.#store(queued, false)
    }
    this.#incoming = null
  }

  #finishResync(): void {
    const { storage } = this
    storage.unknown.clear()
    // the claim is checked against the blocks when the run ends
    const lineage = this.#incoming
    this.#incoming = null
    if (lineage === null || lineage.lsn !== storage.retainedFrom - 1) return
    storage.lineage = lineage
    const log = storage.log
    storage.log = []
    for (const entry of log) {
      const history = storage.history
      storage.append(storage.appended + 1, entry)
      storage.history = history
    }
  }

  #report(): void {
    const { storage } = this
    const { lineage, cut } = storage
    if (lineage !== null && lineage.lsn === storage.appended && storage.log.length > 0) {
      this.#world.checker.holds(storage.entry(storage.appended).epoch.number, lineage)
    }
    this.event({ kind: 'progress', cut, local: storage.local() })
    this.#pump()
  }

  /** Syncs, flushes and frees log at random, and serves hosts. */
  #background(life: number): void {
    const { random, timeline } = this.#world
    timeline.after(20 + random.integer(60), () => {
      if (life !== this.#life) return
      this.#background(life)
      if (this.isPausedUntilMs > timeline.nowMs) return
      const { storage, state } = this
      if (state === null) return
      if (random.chance(0.4)) storage.sync()
      const isCopying = state.marks.resync !== null
      if (random.chance(0.3)) {
        const through = Math.min(state.commit, storage.durable)
        storage.flush(through, random.chance(0.7))
        if (!isCopying && random.chance(0.3)) this.#freeLog()
      }
      this.#report()
      if (this.state === null) return
      this.#hosts()
    })
  }

  #freeLog(): void {
    const { storage } = this
    const { random } = this.#world
    const isBudgetSpent = random.chance(0.1)
    const keepFrom = isBudgetSpent
      ? Number.POSITIVE_INFINITY
      : Math.min(...this.#pins.values(), storage.checkpoint + 1)
    storage.trim(keepFrom)
  }

  // hosts

  #hosts(): void {
    const { state } = this
    const { random, isLoaded } = this.#world
    if (state === null || state.role.kind !== 'primary' || this.#serve === null) return
    if (this.#serve.kind === 'draining') {
      if (this.#queue.length === 0 && this.#writesQueued === 0) {
        this.event({ kind: 'quiet', lsn: lsn(this.storage.appended) })
      }
      return
    }
    if (this.clock() >= this.#serve.untilMs) return
    const epoch = state.role.epoch
    if (random.chance(0.5)) {
      const at = state.role.acknowledged
      this.#count('read')
      this.#world.checker.reads(epoch, lineageAt(this.storage.lineage, at))
    }
    if (!isLoaded) return
    if (random.chance(0.7)) this.#write(epoch)
    if (random.chance(0.2)) this.event({ kind: 'flushAsked', lsn: lsn(state.role.acknowledged) })
  }

  #write(epoch: Epoch): void {
    const count = 1 + this.#world.random.integer(3)
    this.#writesQueued += 1
    this.#later(this.#world.random.integer(4), () => {
      this.#writesQueued -= 1
      const role = this.state?.role
      // fenced where the LSN is given: the queue of an epoch that is over is refused
      if (role?.kind !== 'primary' || role.epoch.id !== epoch.id || role.startLsn === null) return
      for (let i = 0; i < count; i++) {
        const block = this.#world.random.integer(BLOCKS)
        this.storage.append(this.storage.appended + 1, { epoch, value: this.#world.nextValue++, block })
      }
      this.#report()
    })
  }

  #onAcknowledged(to: number): void {
    const role = this.state?.role
    if (role?.kind !== 'primary' || this.#serve === null) return
    if (this.clock() >= this.#serve.untilMs) return
    const lineage = lineageAt(this.storage.lineage, to)
    assert(lineage !== null && lineage.lsn === to, 'what is acknowledged is held')
    this.#world.checker.acknowledges(role.epoch, lineage)
  }

  #onFlushed(to: number): void {
    const role = this.state?.role
    if (role?.kind !== 'primary' || this.#serve === null) return
    if (this.clock() >= this.#serve.untilMs) return
    const lineage = lineageAt(this.storage.lineage, to)
    if (lineage !== null) this.#world.checker.flushes(role.epoch, lineage)
  }

  // sessions

  #session(command: SessionCommand): void {
    const { random } = this.#world
    this.#trace(() => `session ${show(command)}`)
    switch (command.kind) {
      case 'pin': {
        const { session, pins } = command
        const isHeld = this.#world.isCalm || random.chance(0.97)
        if (isHeld) this.#pins.set(session.id, pins.logFrom ?? Number.POSITIVE_INFINITY)
        this.#later(random.integer(3), () => {
          this.event({ kind: 'pinned', session, isHeld })
        })
        return
      }
      case 'unpin':
        this.#pins.delete(command.session.id)
        return
      case 'stream': {
        const connection = this.#links.get(command.server)
        if (connection === undefined) return
        const { session, server, from } = command
        this.#shippers.push({ session, server, connection, next: from })
        this.#later(0, () => this.#pump())
        return
      }
      case 'copy':
        this.#count('resync')
        this.#copy(command.session, command.server, command.base, command.target)
        return
      case 'end':
        this.#shippers = this.#shippers.filter((one) => !sameSession(one.session, command.session))
        this.#count(`end: ${command.why}`)
        return
    }
  }

  /** Sends what was reported appended, to every shipper. */
  #pump(): void {
    const { state, storage } = this
    if (state === null || state.role.kind !== 'primary') return
    for (const shipper of [...this.#shippers]) {
      if (shipper.next < storage.retainedFrom) {
        this.event({ kind: 'sessionFailed', session: shipper.session, why: 'log no longer retained' })
        continue
      }
      const head = state.local.appended
      while (shipper.next <= head) {
        const last = Math.min(head, shipper.next + this.#world.random.integer(4))
        const entries = storage.log.slice(
          shipper.next - storage.retainedFrom,
          last - storage.retainedFrom + 1,
        )
        const message: PeerMessage = {
          kind: 'entries',
          session: shipper.session,
          first: lsn(shipper.next),
          last: lsn(last),
          commit: state.commit,
        }
        const data = { entries, unknown: [] }
        this.#frame(shipper.server, shipper.connection, { kind: 'message', message, data })
        shipper.next = last + 1
      }
    }
  }

  #copy(session: SessionRef, server: ServerId, base: number, target: number): void {
    const connection = this.#links.get(server)
    if (connection === undefined) return
    const { storage } = this
    const next = (block: number): void => {
      this.#later(2 + this.#world.random.integer(20), () => {
        if (!this.#shippers.some((one) => sameSession(one.session, session))) return
        if (block === 0) {
          // the checkpoint passes the target first
          storage.sync()
          storage.flush(target, true)
          this.#report()
          if (storage.checkpoint < target) {
            next(0)
            return
          }
        }
        if (block === BLOCKS) {
          const lineage = lineageAt(storage.lineage, target)
          this.#frame(server, connection, { kind: 'lineage', session, lineage })
          this.event({ kind: 'sessionMoved', session, isCopied: true })
          return
        }
        const content = storage.image.get(block) ?? null
        const isUnknown = this.#unknownAt.get(server)?.includes(block) ?? false
        const isDelta = content !== null && content.lsn > base && content.lsn <= target
        if (isUnknown || isDelta) {
          this.#frame(server, connection, { kind: 'blocks', session, blocks: [{ block, content }] })
        }
        next(block + 1)
      })
    }
    next(0)
  }

  // network

  #connect(server: ServerId): void {
    const { network, node } = this.#world
    const other = node(server)
    const life = this.#life
    const mine = {
      up: (connection: ConnectionId) => {
        if (life !== this.#life) return network.break(connection)
        this.#links.set(server, connection)
        this.event({ kind: 'linkUp', server, connection })
      },
      down: (connection: ConnectionId | null) => {
        if (life === this.#life) this.event({ kind: 'linkDown', server, connection })
      },
      frame: (connection: ConnectionId, frame: Frame) => {
        if (life === this.#life) this.receive(server, connection, frame)
      },
    }
    const isThere = other?.isUp === true && other.isPausedUntilMs <= this.#world.timeline.nowMs
    network.connect(this.server, server, mine, isThere ? other.accept(this.server) : undefined)
  }

  /** This side of a connection that another server makes. */
  accept(from: ServerId) {
    const life = this.#life
    return {
      up: () => undefined,
      down: (connection: ConnectionId | null) => {
        if (life === this.#life) this.event({ kind: 'linkDown', server: from, connection })
      },
      frame: (connection: ConnectionId, frame: Frame) => {
        if (life === this.#life) this.receive(from, connection, frame)
      },
    }
  }

  receive(server: ServerId, connection: ConnectionId, frame: Frame): void {
    this.#whenRunning(() => this.#receive(server, connection, frame))
  }

  #receive(server: ServerId, connection: ConnectionId, frame: Frame): void {
    const { state } = this
    if (state === null) return
    if (frame.kind === 'blocks') {
      if (!isReceiving(state, frame.session)) return
      for (const { block, content } of frame.blocks) {
        if (content !== null) this.storage.put(block, content)
        this.storage.unknown.delete(block)
      }
      return
    }
    if (frame.kind === 'lineage') {
      if (isReceiving(state, frame.session)) this.#incoming = frame.lineage
      return
    }
    const { message, data } = frame
    if (message.kind === 'taken' && data !== null) this.#unknownAt.set(server, data.unknown)
    this.#payload = data?.entries ?? []
    this.#handle({ kind: 'peer', server, connection, message })
    this.#payload = []
  }

  #frame(server: ServerId, connection: ConnectionId, frame: Frame): void {
    this.#world.network.send(this.server, server, connection, frame)
  }

  #send(envelope: Envelope): void {
    this.#trace(() => `send ${show(envelope)}`)
    if (envelope.to === 'authority') {
      this.#world.toAuthority(this.server, envelope.message)
      return
    }
    const { message, server, connection } = envelope
    const data = message.kind === 'taken' ? { entries: [], unknown: [...this.storage.unknown] } : null
    this.#frame(server, connection, { kind: 'message', message, data })
  }

  // heartbeats

  onBeat: (beat: Heartbeat) => void = () => undefined

  #beat(life: number): void {
    const { timeline, random } = this.#world
    timeline.after(400 + random.integer(200), () => {
      if (life !== this.#life) return
      this.#beat(life)
      if (this.isPausedUntilMs > timeline.nowMs) return
      const role = this.state?.role
      const leads = role?.kind === 'primary' ? role.epoch : null
      this.onBeat({ opening: this.#opening, askedAtMs: this.clock(), leads })
    })
  }

  #count(what: string): void {
    const { stats } = this.#world
    stats.set(what, (stats.get(what) ?? 0) + 1)
  }
  #trace(line: () => string): void {
    if (this.#world.trace !== null) this.#note(line())
  }
  #note(line: string): void {
    const { trace, timeline } = this.#world
    trace?.(`${String(Math.floor(timeline.nowMs)).padStart(6)} ${this.server} ${line}`)
  }
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part % 1000n}` : part))
