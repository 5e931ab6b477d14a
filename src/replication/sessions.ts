/**
 * A primary's sessions with its replicas: what is pinned for each, the lane of log entries, and, of a resync, the lane of
 * base blocks beside it. The engine says when a session begins and ends; here is what it holds meanwhile.
 *
 *     pin ─▶ pinned ─▶ (plan taken) ─▶ stream, copy ─▶ unpin ─▶ end          unpin and end come on every way out
 */
import { assert } from '../base/assert.ts'
import { isBlockError } from '../base/errors.ts'
import type { LatencySink } from '../base/latency-sink.ts'
import { type Lsn, lsn as toLsn } from '../base/units.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { PageSet } from '../blockvol/resync/page-set.ts'
import type { SessionCommand } from '../v2engine/effects.ts'
import type { Happening, SessionFailure } from '../v2engine/events.ts'
import { type ConnectionId, type ServerId, type SessionRef, sameSession } from '../v2engine/identity.ts'
import type { ReplicaMessage } from '../v2engine/messages.ts'
import type { PeerLink } from './peer-links.ts'
import type { ResyncSender, ResyncSenderOptions } from './resync/sender.ts'
import type { ResyncSlots } from './resync/slots.ts'
import { Shipper } from './shipper.ts'
import type { ResyncStatus } from './status.ts'
import { FRAME } from './wire/frame.ts'
import type { ResyncFrame } from './wire/resync.ts'
import { encodeSync } from './wire/sync.ts'
import { type Diverged, encodeTwin } from './wire/twin.ts'

/** What the base of a resync is sent with. */
export interface BaseOptions extends Pick<ResyncSenderOptions, 'session' | 'send' | 'events'> {
  readonly base: Lsn
  readonly target: Lsn
  /** Pages with blocks that the replica does not know. */
  readonly unknown: PageSet
}

export interface SessionsOptions {
  readonly storage: Pick<ReplicaVolume, 'readLog' | 'digestAt' | 'pin' | 'unpin'>
  /** Places for resyncs on this server; false when all are taken. */
  readonly slots: Pick<ResyncSlots, 'take' | 'release'>
  readonly windowBytes: number
  /** What storage has reported appended, and what is committed: nothing else is sent. */
  readonly appendedLsn: () => Lsn
  readonly commitLsn: () => Lsn
  readonly linkTo: (server: ServerId) => PeerLink | undefined
  /** Undefined: not from this target any more. */
  readonly openBase: (options: BaseOptions) => ResyncSender | undefined
  readonly submit: (happening: Happening) => void
  /** Of a replica; asked for when a session begins to send. */
  readonly acknowledged?: (server: ServerId) => LatencySink | undefined
  readonly nowMs: () => number
}

interface Pinned {
  readonly session: SessionRef
  readonly hasSlot: boolean
  /** The first entry that is kept for it; null for none. */
  logFrom: Lsn | null
  unknown: PageSet
}

/** Both lanes of a session that sends. */
interface Sending {
  readonly session: SessionRef
  readonly peer: PeerLink
  readonly from: Lsn
  /** Undefined until the replica was shown what it has to have. */
  shipper: Shipper | undefined
  base: ResyncSender | undefined
  /** The replica was asked to make durable what it has up to here. */
  syncAsked: number
}

/** Names what a session pins. */
const keyOf = ({ epoch, id }: SessionRef): string => `${epoch.number}.${id}`

export class PrimarySessions {
  readonly #o: SessionsOptions
  readonly #pinned = new Map<string, Pinned>()
  #sending: Sending[] = []
  /** Of sessions that are over. */
  #resyncedBytes = 0

  constructor(options: SessionsOptions) {
    this.#o = options
  }

  /** Keys of what is pinned: none when nobody is led. */
  get pins(): readonly string[] {
    return [...this.#pinned.keys()]
  }

  run(command: SessionCommand): void {
    switch (command.kind) {
      case 'pin':
        this.#pin(command)
        return
      case 'unpin':
        this.#unpin(keyOf(command.session))
        return
      case 'stream':
        this.#stream(command)
        return
      case 'copy':
        this.#copy(command)
        return
      case 'end':
        this.#end(command.session)
        return
    }
  }

  /** All or nothing: the log, and of a resync one of the places. */
  #pin({ session, pins }: Extract<SessionCommand, { kind: 'pin' }>): void {
    const { storage, slots, submit } = this.#o
    const key = keyOf(session)
    const hasSlot = pins.versionsAfter !== null && slots.take(key)
    const isHeld =
      (pins.versionsAfter === null || hasSlot) && (pins.logFrom === null || storage.pin(key, pins.logFrom))
    if (isHeld) this.#pinned.set(key, { session, hasSlot, logFrom: pins.logFrom, unknown: PageSet.NONE })
    else if (hasSlot) slots.release(key)
    submit({ kind: 'pinned', session, isHeld })
  }

  #unpin(key: string): void {
    const pinned = this.#pinned.get(key)
    if (pinned === undefined) return
    this.#pinned.delete(key)
    this.#o.storage.unpin(key)
    if (pinned.hasSlot) this.#o.slots.release(key)
  }

  /** The log could not be kept for these any longer. */
  pinsLost(keys: readonly string[]): void {
    for (const key of keys) {
      const pinned = this.#pinned.get(key)
      if (pinned !== undefined) this.#fail(pinned.session, 'log no longer retained')
    }
  }

  #fail(session: SessionRef, why: SessionFailure): void {
    this.#o.submit({ kind: 'sessionFailed', session, why })
  }

  #stream({ session, server, from }: Extract<SessionCommand, { kind: 'stream' }>): void {
    const peer = this.#o.linkTo(server)
    // the link is gone, and the engine is about to hear of it
    if (peer === undefined) return
    const sending: Sending = { session, peer, from, shipper: undefined, base: undefined, syncAsked: 0 }
    this.#sending.push(sending)
    void this.#compare(sending, toLsn(from - 1)).then(() => {
      if (!this.#sending.includes(sending)) return
      sending.shipper = this.#shipper(sending)
      sending.shipper.pump()
    })
  }

  #shipper({ session, peer, from }: Sending): Shipper {
    const { storage, windowBytes, appendedLsn, commitLsn, acknowledged, nowMs } = this.#o
    return new Shipper({
      session,
      from,
      windowBytes,
      log: {
        get appendedLsn() {
          return appendedLsn()
        },
        read: (first, through) => storage.readLog(first, through),
      },
      commitLsn,
      send: (kind, payload, written) => peer.link.send(kind, payload, written),
      onFailed: (why) => this.#fail(session, why),
      acknowledged: acknowledged?.(peer.server),
      nowMs,
    })
  }

  /** Shows the replica what the last entry is that it should have too, before what follows on it. */
  async #compare(sending: Sending, lsn: Lsn): Promise<void> {
    const { session, peer } = sending
    const digest = await this.#o.storage.digestAt(lsn).catch((error: unknown) => {
      // what is damaged here is found out when it is sent
      if (!isBlockError(error)) throw error
      return undefined
    })
    if (digest === undefined || !this.#sending.includes(sending)) return
    peer.link.send(FRAME.twin, [encodeTwin({ session, lsn, digest })])
  }

  /** The replica has something else there. */
  diverged({ session, lsn }: Diverged): void {
    const sending = this.#find(session)
    if (sending !== undefined) this.#o.submit({ kind: 'diverged', server: sending.peer.server, lsn })
  }

  #copy({ session, base, target }: Extract<SessionCommand, { kind: 'copy' }>): void {
    const sending = this.#find(session)
    if (sending === undefined) return
    const { submit, openBase } = this.#o
    const moved = (isCopied: boolean): void => submit({ kind: 'sessionMoved', session, isCopied })
    sending.base = openBase({
      session,
      base,
      target,
      unknown: this.#pinned.get(keyOf(session))?.unknown ?? PageSet.NONE,
      send: (kind, payload, written) => sending.peer.link.send(kind, payload, written),
      events: {
        moved: () => moved(false),
        copied: () => moved(true),
        failed: (why) => this.#fail(session, why),
      },
    })
    if (sending.base === undefined) this.#fail(session, 'restored meanwhile')
    else sending.base.start()
  }

  #find(session: SessionRef): Sending | undefined {
    return this.#sending.find((one) => sameSession(one.session, session))
  }

  #end(session: SessionRef): void {
    const sending = this.#find(session)
    if (sending === undefined) return
    this.#sending = this.#sending.filter((one) => one !== sending)
    this.#resyncedBytes += sending.base?.progress.sentBytes ?? 0
    sending.shipper?.end()
    sending.base?.end()
  }

  /** Entries were appended, or more is committed. */
  pump(): void {
    for (const { shipper } of this.#sending) shipper?.pump()
  }

  /** Hosts wait for everything up to `lsn` to be durable: replicas are not left to do it when they like. */
  sync(lsn: Lsn): void {
    for (const sending of this.#sending) {
      if (lsn <= sending.syncAsked) continue
      sending.syncAsked = lsn
      sending.peer.link.send(FRAME.sync, [encodeSync({ session: sending.session, lsn })])
    }
  }

  /** False: it acknowledges what it was not sent. */
  acknowledged(message: Extract<ReplicaMessage, { kind: 'ack' }>): boolean {
    const sending = this.#find(message.session)
    if (sending === undefined) return true
    const { shipper, from } = sending
    if (message.appended > (shipper?.sentLsn ?? from - 1)) return false
    shipper?.acknowledged(message.appended)
    this.#movePin(message)
    return true
  }

  /** What the replica has is kept for it no longer: else its pin is lost to hosts that write more than the log holds. */
  #movePin({ session, appended }: Extract<ReplicaMessage, { kind: 'ack' }>): void {
    const pinned = this.#pinned.get(keyOf(session))
    if (pinned?.logFrom == null || appended < pinned.logFrom) return
    pinned.logFrom = toLsn(appended + 1)
    this.#o.storage.pin(keyOf(session), pinned.logFrom)
  }

  /** The connection takes more. */
  drained(connection: ConnectionId): void {
    for (const { peer, shipper, base } of this.#sending) {
      if (peer.connection !== connection) continue
      shipper?.drained()
      base?.drained()
    }
  }

  /** A frame of a replica that is resynced; of a session that is over it is dropped. False when it makes no sense. */
  take(frame: ResyncFrame): boolean {
    if (frame.kind === 'want') return this.#find(frame.session)?.base?.take(frame) ?? true
    if (frame.kind !== 'unknown') return false
    const pinned = this.#pinned.get(keyOf(frame.session))
    if (pinned !== undefined && sameSession(pinned.session, frame.session)) pinned.unknown = frame.pages
    return true
  }

  /** Resyncs under way. */
  get resyncs(): readonly ResyncStatus[] {
    return this.#sending.flatMap(({ peer, base }) =>
      base === undefined || base.isOver ? [] : [{ server: peer.server, ...base.progress }],
    )
  }

  /** Content of blocks that all resyncs sent so far. */
  get resyncedBytes(): number {
    return this.#sending.reduce((sum, { base }) => sum + (base?.progress.sentBytes ?? 0), this.#resyncedBytes)
  }

  /** The engine does nothing any more: what sessions hold goes back. */
  endAll(): void {
    for (const { session } of [...this.#sending]) this.#end(session)
    for (const key of this.pins) this.#unpin(key)
    assert(this.#pinned.size === 0, 'nothing stays pinned')
  }
}
