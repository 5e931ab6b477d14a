/**
 * A server with one replica: carries the engine's effects out over model storage and network, serves model hosts, and
 * crashes between any two effects. This is what a shell has to do, in small.
 */
import { assert } from '../../src/base/assert.ts'
import type { Effects, Envelope } from '../../src/v2engine/effects.ts'
import type { Happening } from '../../src/v2engine/events.ts'
import { type ConnectionId, type Opening, opening, type ServerId } from '../../src/v2engine/identity.ts'
import { openReplica } from '../../src/v2engine/open.ts'
import type { ReplicaState } from '../../src/v2engine/state.ts'
import { step } from '../../src/v2engine/step.ts'
import { isReceiving, viewOf } from '../../src/v2engine/view.ts'
import type { Heartbeat } from './authority.ts'
import { Hosts } from './hosts.ts'
import { Shipping } from './shipping.ts'
import { type Entry, ModelStorage } from './storage.ts'
import { StorageQueue } from './storage-queue.ts'
import { count, type Frame, note, type Owner, show, type World } from './world.ts'

export class ModelNode implements Owner {
  readonly server: ServerId
  storage = new ModelStorage()
  readonly world: World
  readonly #rate: number
  state: ReplicaState | null = null
  #opening: Opening = opening(0)
  #life = 0
  isPausedUntilMs = 0
  #wakeAtMs: number | null = null
  readonly #queue = new StorageQueue(this, () => this.#opening)
  /** What came beside the message that is being handled. */
  #payload: readonly Entry[] = []
  readonly #links = new Map<ServerId, ConnectionId>()
  readonly #shipping = new Shipping(this)
  readonly #hosts = new Hosts(this)
  #deferred: (() => void)[] = []

  /** Made when the volume was there already. */
  isReplacement = false

  constructor(server: ServerId, world: World, rate: number) {
    this.server = server
    this.world = world
    this.#rate = rate
  }

  get isUp(): boolean {
    return this.state !== null
  }
  get isPowered(): boolean {
    return this.isUp || this.storage.stored?.bootId === this.storage.bootId
  }
  get pinCount(): number {
    return this.#shipping.pinCount
  }
  get pinnedFrom(): number {
    return this.#shipping.pinnedFrom
  }
  get wakeAtMs(): number | null {
    return this.#wakeAtMs
  }
  clock(): number {
    return Math.floor(this.world.timeline.nowMs * this.#rate) + 1000
  }

  open(): void {
    const { storage } = this
    assert(this.state === null, 'it is down')
    this.#life += 1
    this.#opening = opening(this.#opening + 1)
    storage.recover()
    storage.cut = 0
    const { state, effects } = openReplica({
      self: this.server,
      bounds: this.world.bounds,
      nowMs: this.clock(),
      opening: this.#opening,
      bootId: storage.bootId,
      stored: storage.stored,
      madeIn: this.isReplacement ? this.world.epoch() : null,
      wasClean: storage.wasClean,
      isDamaged: storage.isDamaged,
      local: storage.local(),
      committed: storage.local().checkpoint,
      history: storage.history,
    })
    storage.wasClean = false
    storage.isDamaged = false
    this.state = state
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
    this.#queue.clear()
    this.#links.clear()
    this.#hosts.reset()
    this.#shipping.clear()
    this.#deferred = []
    this.isPausedUntilMs = 0
    this.world.network.closeAll(this.server)
  }

  losePower(bootId: string): void {
    this.kill()
    const { random } = this.world
    const { durable, appended } = this.storage
    const kept = random.chance(0.4) ? durable + random.integer(appended - durable + 1) : durable
    this.storage.losePower(kept, bootId)
    this.#note(`power lost, log ${appended} -> ${this.storage.appended}`)
  }

  /** The disk is lost; another one takes its place. */
  loseDisk(): void {
    this.kill()
    this.storage = new ModelStorage()
    this.isReplacement = true
    this.#note('disk lost')
  }

  /** A host reads everything, and is told what the volume is in this epoch. */
  readAll(): void {
    const role = this.state?.role
    assert(role?.kind === 'primary', 'hosts read at the primary')
    this.#hosts.begin(role.epoch, role.acknowledged)
  }

  close(): void {
    this.event({ kind: 'close' })
    this.storage.sync()
    this.storage.wasClean = true
    this.kill()
  }

  event(happening: Happening): void {
    this.#whenRunning(() => this.#handle(happening))
  }

  /** A process that is paused does what came meanwhile when it goes on, in order. */
  #whenRunning(run: () => void): void {
    if (this.state === null) return
    const { timeline } = this.world
    if (this.isPausedUntilMs <= timeline.nowMs && this.#deferred.length === 0) {
      run()
      return
    }
    this.#deferred.push(run)
    if (this.#deferred.length === 1) this.#resumeLater()
  }

  #resumeLater(): void {
    this.later(this.isPausedUntilMs - this.world.timeline.nowMs, () => {
      if (this.isPausedUntilMs > this.world.timeline.nowMs) {
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
    if (standing === 'starting' && role === 'serving') count(this.world, 'started')
    this.#carryOut(effects)
  }

  #carryOut(effects: Effects): void {
    const life = this.#life
    const { random, isCalm } = this.world
    if (effects.halt !== null) this.#hosts.serve(null)
    for (const item of effects.persist) {
      if (item.kind !== 'marks') this.#queue.drainForCut()
      this.storage.persist(item)
      count(this.world, `persist ${item.kind}`)
      this.#trace(() => `persist ${show(item)}`)
      if (!isCalm && random.chance(0.002)) {
        count(this.world, 'crash after persist')
        this.#restartSoon()
        return
      }
    }
    const cutItems = effects.persist.filter((item) => item.kind === 'dropLog' || item.kind === 'restartLog')
    const { after } = effects
    if (after.serve !== null) {
      this.#hosts.serve(after.serve)
      this.#trace(() => `serve ${show(after.serve)}`)
    }
    for (const command of after.storage) this.#queue.add(command, this.#payload)
    for (const command of after.sessions) {
      this.#trace(() => `session ${show(command)}`)
      this.#shipping.run(command)
    }
    for (const envelope of after.send) {
      this.#send(envelope)
      if (!isCalm && random.chance(0.0005)) {
        count(this.world, 'crash while sending')
        this.#restartSoon()
        return
      }
    }
    for (const link of after.links) {
      if (link.kind === 'connect') this.#connect(link.server)
      else this.world.network.close([this.server, link.server], link.connection)
    }
    for (const reply of after.reply) {
      count(this.world, reply.kind)
      if (reply.kind === 'acknowledge') this.#hosts.acknowledged(reply.to)
      if (reply.kind === 'flushed') this.#hosts.flushed(reply.to)
    }
    for (const alarm of after.notes) {
      count(this.world, alarm.kind === 'planned' ? `alarm planned` : `alarm ${alarm.kind}`)
      this.#trace(() => `note ${show(alarm)}`)
    }
    this.#arm(effects.wakeAtMs)
    if (cutItems.length > 0 && life === this.#life) this.later(0, () => this.report())
  }

  #restartSoon(): void {
    this.kill()
    const { timeline, random } = this.world
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
    this.world.timeline.after(delayMs, () => {
      if (life !== this.#life || this.#wakeAtMs !== wakeAtMs) return
      this.#wakeAtMs = null
      this.event({ kind: 'tick' })
    })
  }

  later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.world.timeline.after(delayMs, () => {
      if (life === this.#life) run()
    })
  }

  report(): void {
    const { storage } = this
    const { lineage, cut } = storage
    if (lineage !== null && lineage.lsn === storage.appended && storage.log.length > 0) {
      this.world.checker.holds(storage.entry(storage.appended).epoch.number, lineage)
    }
    this.event({ kind: 'progress', cut, local: storage.local() })
    this.#shipping.pump()
  }

  /** Syncs, flushes and frees log at random, and serves hosts. */
  #background(life: number): void {
    const { random, timeline } = this.world
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
        if (!isCopying && this.world.isFreeingLog && random.chance(0.3)) this.#freeLog()
      }
      this.report()
      if (this.state === null) return
      this.#hosts.act(this.#queue.isEmpty)
    })
  }

  #freeLog(): void {
    const { storage } = this
    const { random } = this.world
    const isBudgetSpent = random.chance(0.1)
    const keepFrom = isBudgetSpent ? Number.POSITIVE_INFINITY : this.#shipping.pinnedFrom
    storage.trim(keepFrom)
  }

  #connect(server: ServerId): void {
    const { network, node, timeline } = this.world
    const other = node(server)
    const life = this.#life
    const up = (connection: ConnectionId): void => {
      if (life !== this.#life) {
        network.break(connection)
        return
      }
      this.#links.set(server, connection)
      this.event({ kind: 'linkUp', server, connection })
    }
    const isThere = other?.isUp === true && other.isPausedUntilMs <= timeline.nowMs
    const ends = { ...this.endOf(server), up }
    network.connect(this.server, server, ends, isThere ? other.endOf(this.server) : undefined)
  }

  /** This side of a connection with another server. */
  endOf(server: ServerId) {
    const life = this.#life
    return {
      up: () => undefined,
      down: (connection: ConnectionId | null) => {
        if (life === this.#life) this.event({ kind: 'linkDown', server, connection })
      },
      frame: (connection: ConnectionId, frame: Frame) => {
        if (life === this.#life) this.receive(server, connection, frame)
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
      if (isReceiving(state, frame.session)) this.#queue.incoming = frame.lineage
      return
    }
    const { message, data } = frame
    if (message.kind === 'taken' && data !== null) this.#shipping.gaveUp(server, data.unknown)
    this.#payload = data?.entries ?? []
    this.#handle({ kind: 'peer', server, connection, message })
    this.#payload = []
  }

  linkTo(server: ServerId): ConnectionId | undefined {
    return this.#links.get(server)
  }

  frame(server: ServerId, connection: ConnectionId, frame: Frame): void {
    this.world.network.send(this.server, server, connection, frame)
  }

  #send(envelope: Envelope): void {
    this.#trace(() => `send ${show(envelope)}`)
    if (envelope.to === 'authority') {
      this.world.toAuthority(this.server, envelope.message)
      return
    }
    const { message, server, connection } = envelope
    const data = message.kind === 'taken' ? { entries: [], unknown: [...this.storage.unknown] } : null
    this.frame(server, connection, { kind: 'message', message, data })
  }

  onBeat: (beat: Heartbeat) => void = () => undefined

  #beat(life: number): void {
    const { timeline, random } = this.world
    timeline.after(400 + random.integer(200), () => {
      if (life !== this.#life) return
      this.#beat(life)
      if (this.isPausedUntilMs > timeline.nowMs) return
      const role = this.state?.role
      const leads = role?.kind === 'primary' ? role.epoch : null
      this.onBeat({ opening: this.#opening, askedAtMs: this.clock(), leads })
    })
  }

  #trace(line: () => string): void {
    if (this.world.trace !== null) this.#note(line())
  }
  #note(line: string): void {
    note(this.world, `${this.server} ${line}`)
  }
}
