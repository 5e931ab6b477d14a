/** A primary's sessions: what is pinned for them, entries in order, the base of a resync block by block. */
import { lsn } from '../../src/base/units.ts'
import type { SessionCommand } from '../../src/v2engine/effects.ts'
import {
  type ConnectionId,
  type ServerId,
  type SessionRef,
  sameSession,
} from '../../src/v2engine/identity.ts'
import type { PeerMessage } from '../../src/v2engine/messages.ts'
import { BLOCKS, lineageAt } from './storage.ts'
import { count, type Owner } from './world.ts'

interface Shipper {
  readonly session: SessionRef
  readonly server: ServerId
  readonly connection: ConnectionId
  next: number
}

export class Shipping {
  readonly #owner: Owner
  #shippers: Shipper[] = []
  readonly #pins = new Map<number, number>()
  /** What each replica said that it gave up. */
  readonly #unknownAt = new Map<ServerId, readonly number[]>()

  constructor(owner: Owner) {
    this.#owner = owner
  }

  get pinCount(): number {
    return this.#pins.size
  }
  /** The log is kept from here on. */
  get pinnedFrom(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#pins.values())
  }

  gaveUp(server: ServerId, blocks: readonly number[]): void {
    this.#unknownAt.set(server, blocks)
  }

  clear(): void {
    this.#shippers = []
    this.#pins.clear()
  }

  run(command: SessionCommand): void {
    const { random } = this.#owner.world
    switch (command.kind) {
      case 'pin': {
        const { session, pins } = command
        const isHeld = this.#owner.world.isCalm || random.chance(0.97)
        if (isHeld) this.#pins.set(session.id, pins.logFrom ?? Number.POSITIVE_INFINITY)
        this.#owner.later(random.integer(3), () => {
          this.#owner.event({ kind: 'pinned', session, isHeld })
        })
        return
      }
      case 'unpin':
        this.#pins.delete(command.session.id)
        return
      case 'stream': {
        const connection = this.#owner.linkTo(command.server)
        if (connection === undefined) return
        const { session, server, from } = command
        this.#shippers.push({ session, server, connection, next: from })
        this.#owner.later(0, () => this.pump())
        return
      }
      case 'copy':
        count(this.#owner.world, 'resync')
        this.#copy(command.session, command.server, command.base, command.target)
        return
      case 'end':
        this.#shippers = this.#shippers.filter((one) => !sameSession(one.session, command.session))
        count(this.#owner.world, `end: ${command.why}`)
        return
    }
  }

  /** Sends what was reported appended, to every shipper. */
  pump(): void {
    const { state, storage } = this.#owner
    if (state === null || state.role.kind !== 'primary') return
    for (const shipper of [...this.#shippers]) {
      if (shipper.next < storage.retainedFrom) {
        this.#owner.event({ kind: 'sessionFailed', session: shipper.session, why: 'log no longer retained' })
        continue
      }
      const head = state.local.appended
      while (shipper.next <= head) {
        const last = Math.min(head, shipper.next + this.#owner.world.random.integer(4))
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
        this.#owner.frame(shipper.server, shipper.connection, { kind: 'message', message, data })
        shipper.next = last + 1
      }
    }
  }

  #copy(session: SessionRef, server: ServerId, base: number, target: number): void {
    const connection = this.#owner.linkTo(server)
    if (connection === undefined) return
    const { storage } = this.#owner
    const next = (block: number): void => {
      this.#owner.later(2 + this.#owner.world.random.integer(20), () => {
        if (!this.#shippers.some((one) => sameSession(one.session, session))) return
        if (block === 0) {
          // the checkpoint passes the target first
          storage.sync()
          storage.flush(target, true)
          this.#owner.report()
          if (storage.checkpoint < target) {
            next(0)
            return
          }
        }
        if (block === BLOCKS) {
          const lineage = lineageAt(storage.lineage, target)
          this.#owner.frame(server, connection, { kind: 'lineage', session, lineage })
          this.#owner.event({ kind: 'sessionMoved', session, isCopied: true })
          return
        }
        const content = storage.image.get(block) ?? null
        const isUnknown = this.#unknownAt.get(server)?.includes(block) ?? false
        const isDelta = content !== null && content.lsn > base && content.lsn <= target
        if (isUnknown || isDelta) {
          this.#owner.frame(server, connection, { kind: 'blocks', session, blocks: [{ block, content }] })
        }
        next(block + 1)
      })
    }
    next(0)
  }
}
