/**
 * One iSCSI target: a name, the logical unit behind its LUN 0, and the sessions that use it. Either the volume is served
 * here, or this is a standby path of a multipath volume, whose unit has no device; a standby path may turn active and
 * keep its sessions. When the volume's opening is lost every connection is reset at once; when its access rules change,
 * the sessions that they no longer allow are.
 *
 *     standby ──activate──▶ serving ──▶ closed         back from serving leads only over the end of all connections
 *        └─────────────────────────────▲
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { mayConnect } from '../../frontend/access.ts'
import type { ReservationPort } from '../../frontend/reservations/port.ts'
import type { FrontendVolume, VolumeEvent } from '../../frontend/volume.ts'
import type { EstablishedLogin } from '../login/target-login.ts'
import { LogicalUnit, type ProductIdentity } from '../scsi/lun.ts'
import type { TargetPort } from '../scsi/nexus.ts'
import { type PathState, singlePath } from '../scsi/path-state.ts'
import type { Session } from '../session/session.ts'
import type { CommandObserver } from '../session/session-types.ts'
import type { TargetAddress } from './elsewhere.ts'
import { servingView, standbyView } from './path-views.ts'
import type { StandbyDevice } from './standby-device.ts'

/** A session as its target sees it. */
export interface AttachedSession {
  readonly session: Session
  /** Cuts the connection; resolves when nothing of the session is under way any more. */
  reset(reason: string): Promise<void>
}

/** What is there for as long as the target is, whether it serves or not. */
export interface TargetNodeOptions {
  /** iSCSI name, normal form. */
  readonly iqn: string
  /** Relative port and portal group tag of the first portal; the next ones count on. */
  readonly firstPort: number
  /** Indices of the portals that there are by now. */
  readonly portals: () => readonly number[]
  /** The target port group that `path` knows this port's group by. */
  readonly groupId: number
  readonly path: PathState | undefined
  readonly alias: string | undefined
  readonly identity: ProductIdentity | undefined
  /** Portals of the volume's other paths. */
  readonly otherPortals: (() => readonly TargetAddress[]) | undefined
}

/** What answers: the volume, or in its place one over a `StandbyDevice` and the reservations elsewhere. */
export type Backing =
  | {
      readonly role: 'serving'
      readonly volume: FrontendVolume
      readonly observer: CommandObserver | undefined
    }
  | {
      readonly role: 'standby'
      readonly volume: FrontendVolume
      readonly device: StandbyDevice
      readonly reservations: ReservationPort
    }

export interface TargetNodeContext {
  readonly pool: BufferPool
  readonly logger: Logger
  readonly clock: Clock
}

/** Pairs of ports that are remembered because their last session was lost. */
const LOST_PORTS_MAX = 1024
/** What a session has to answer a NOP-In when its path turns active. */
const READ_EMPTY_MS = 1000

export class TargetNode {
  readonly iqn: string
  readonly alias: string | undefined
  readonly otherPortals: (() => readonly TargetAddress[]) | undefined
  readonly sessions = new Set<AttachedSession>()
  readonly #options: TargetNodeOptions
  readonly #context: TargetNodeContext
  readonly #lostPorts = new Set<string>()
  /** Of sessions that the rules ended. */
  readonly #endings = new Set<Promise<void>>()
  #backing: Backing
  #unit: LogicalUnit
  #unsubscribe: () => void

  constructor(options: TargetNodeOptions, backing: Backing, context: TargetNodeContext) {
    this.iqn = options.iqn
    this.alias = options.alias
    this.otherPortals = options.otherPortals
    this.#options = options
    this.#context = context
    this.#backing = backing
    this.#unit = this.#makeUnit(backing)
    this.#unsubscribe = backing.volume.subscribe((event) => this.#onVolume(event))
  }

  get role(): Backing['role'] {
    return this.#backing.role
  }

  /** Of a standby path: only its access rules mean something. */
  get volume(): FrontendVolume {
    return this.#backing.volume
  }

  /** What new sessions use. */
  get unit(): LogicalUnit {
    return this.#unit
  }

  get observer(): CommandObserver | undefined {
    return this.#backing.role === 'serving' ? this.#backing.observer : undefined
  }

  /** The device of a standby path, for what is learned of the volume's size. */
  get standbyDevice(): StandbyDevice | undefined {
    return this.#backing.role === 'standby' ? this.#backing.device : undefined
  }

  /** The SCSI target port that the portal with this index makes up. Its tag and its relative port are one number. */
  port(portalIndex: number): TargetPort {
    const relativePort = this.#options.firstPort + portalIndex
    return {
      targetName: this.iqn,
      portalGroupTag: relativePort,
      relativePort,
      groupId: this.#options.groupId,
    }
  }

  /** Whether a login that was let in when it began may have its session now: rules and ports may be others by then. */
  admits(login: EstablishedLogin, portalIndex: number): boolean {
    return (
      !this.volume.lost &&
      login.portalGroupTag === this.port(portalIndex).portalGroupTag &&
      this.#isAllowed(login)
    )
  }

  /** Whether the last session of these two ports ended without logout. */
  wasLost(nexus: string): boolean {
    return this.#lostPorts.has(nexus)
  }

  /** A session of these two ports has ended. */
  remember(nexus: string, end: 'lost' | 'logout'): void {
    this.#lostPorts.delete(nexus)
    if (end === 'logout') return
    if (this.#lostPorts.size >= LOST_PORTS_MAX) {
      for (const oldest of this.#lostPorts) {
        this.#lostPorts.delete(oldest)
        break
      }
    }
    this.#lostPorts.add(nexus)
  }

  /**
   * The standby path turns active. New sessions are served at once; each old one when it has shown, by answering a
   * NOP-In, that everything it sent before was read, and thereby refused. One that does not within a second is reset.
   * Resolves when no session is left that could not be served. CONFLICT when it serves already.
   */
  async activate(backing: Extract<Backing, { role: 'serving' }>): Promise<void> {
    const before = this.#backing
    if (before.role === 'serving') throw new BlockError('CONFLICT', `${this.iqn} is served already`)
    before.reservations.caughtUp?.(backing.volume.reservations.state)
    const standby = this.#unit
    const unit = this.#makeUnit(backing, standby)
    this.#unsubscribe()
    this.#backing = backing
    this.#unit = unit
    this.#unsubscribe = backing.volume.subscribe((event) => this.#onVolume(event))
    this.#resetStrangers()
    if (backing.volume.lost) void this.reset('the volume was lost')
    await Promise.all([...this.sessions].map((attached) => this.#move(attached, unit)))
    standby.close()
    before.volume.close()
  }

  async #move(attached: AttachedSession, unit: LogicalUnit): Promise<void> {
    const { observer } = this
    const timer = this.#context.clock.after(READ_EMPTY_MS, () => {
      void attached.reset('it did not show in time that it was read empty')
    })
    await attached.session.moveTo(unit, observer)
    timer.cancel()
  }

  /** Cuts all connections; resolves when nothing of them is under way. */
  async reset(reason: string): Promise<void> {
    await Promise.all([...this.sessions].map((attached) => attached.reset(reason)))
  }

  /** Resolves when nothing is under way of the sessions that the rules have ended by now. */
  async settled(): Promise<void> {
    await Promise.all(this.#endings)
  }

  /** As `reset`, and ends the target. The volume stays open. */
  async close(reason: string): Promise<void> {
    this.#unsubscribe()
    await this.reset(reason)
    this.#unit.close()
    if (this.#backing.role === 'standby') this.#backing.volume.close()
  }

  #makeUnit(backing: Backing, before?: LogicalUnit): LogicalUnit {
    const { identity } = this.#options
    const { pool, logger } = this.#context
    return new LogicalUnit({
      volume: backing.volume,
      pool,
      logger,
      path: this.#pathOf(backing),
      ...(identity !== undefined && { identity }),
      ...(backing.role === 'standby' && { reservations: backing.reservations }),
      ...(before !== undefined && { before }),
    })
  }

  #pathOf({ role, volume }: Backing): PathState {
    const { path, groupId, portals } = this.#options
    if (path !== undefined)
      return role === 'serving' ? servingView(path, groupId, volume.device) : standbyView(path, groupId)
    return singlePath({
      groupId,
      relativePorts: () => portals().map((index) => this.port(index).relativePort),
    })
  }

  #onVolume(event: VolumeEvent): void {
    switch (event.kind) {
      case 'lost':
        void this.reset(`the volume was lost: ${event.reason}`)
        break
      case 'access':
        this.#resetStrangers()
        break
    }
  }

  #resetStrangers(): void {
    for (const attached of [...this.sessions]) {
      if (this.#isAllowed(attached.session.login)) continue
      const over = attached.reset('the access rules have changed')
      this.#endings.add(over)
      void over.then(() => this.#endings.delete(over))
    }
  }

  #isAllowed(login: EstablishedLogin): boolean {
    const { access } = this.volume
    if (!mayConnect(access, login.initiatorName)) return false
    return access.chap.length === 0 || access.chap.some(({ user }) => user === login.user)
  }
}
