/**
 * The iSCSI target of a process: portals, targets that come and go, and every connection to them. A target that is
 * not here may be elsewhere; the login sends the initiator there. docs/paths.md says how the paths of one volume by
 * several servers work together.
 */
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Connection, Net } from '../../base/ports/net.ts'
import type { Random } from '../../base/ports/random.ts'
import { type AccessRules, type ChapCredential, mayConnect } from '../../frontend/access.ts'
import { ByteBudget } from '../../frontend/byte-budget.ts'
import { hostOf, LoginLimiter, type LoginLimits } from '../../frontend/login-limiter.ts'
import type { ReservationPort } from '../../frontend/reservations/port.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import type { TargetVerdict } from '../login/directory.ts'
import { normalName } from '../login/names.ts'
import type { EstablishedLogin } from '../login/target-login.ts'
import type { ProductIdentity } from '../scsi/lun.ts'
import type { PathState } from '../scsi/path-state.ts'
import type { CommandObserver, SessionCounters } from '../session/session-types.ts'
import type { SessionType } from '../text/keys.ts'
import type { TextPair } from '../text/pairs.ts'
import { type ParameterWishes, TARGET_WISHES } from '../text/parameters.ts'
import { IscsiConnection } from './connection.ts'
import type { Elsewhere, TargetAddress } from './elsewhere.ts'
import { TARGET_LIMITS, type TargetLimits } from './limits.ts'
import { advertisedPortals, type Portal } from './portals.ts'
import { SessionRegistry } from './session-registry.ts'
import { StandbyDevice, type UnitFacts } from './standby-device.ts'
import { type Backing, TargetNode, type TargetNodeOptions } from './target-node.ts'

export interface IscsiTargetOptions {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Shared with other users of payload buffers; its own by default. */
  readonly pool?: BufferPool
  readonly limits?: Partial<TargetLimits>
  readonly loginLimits?: LoginLimits
  readonly wishes?: Partial<ParameterWishes>
  /** What a discovery session has to prove; nothing by default. */
  readonly discoveryChap?: readonly ChapCredential[]
  /** Asked for names that are not served here; without it they are unknown. */
  readonly elsewhere?: Elsewhere
}

/** What a target has whether its volume is served here or not. */
interface PathOptions {
  readonly iqn: string
  readonly alias?: string
  /**
   * Relative target port, and portal group tag, of the first portal; the next portals count on. 1 by default; what
   * several servers of one volume have must not overlap.
   */
  readonly firstPort?: number
  /** Of the target port group that these ports belong to in `path`; 1 by default. */
  readonly groupId?: number
  /** Portals of the volume's other paths, which discovery lists besides these. */
  readonly otherPortals?: () => readonly TargetAddress[]
  readonly identity?: ProductIdentity
}

/** A volume that is served here. */
export interface ServedVolume {
  readonly iqn: string
  readonly volume: FrontendVolume
  /** Told of every command; costs nothing when absent. */
  readonly observer?: CommandObserver
}

export interface VolumeOptions extends ServedVolume, PathOptions {
  /** Every path of the volume; one active path by default. The own group counts as active. */
  readonly path?: PathState
}

/** A path of a multipath volume that is served elsewhere. */
export interface StandbyOptions extends PathOptions {
  readonly unit: UnitFacts
  readonly access: AccessRules
  readonly firstPort: number
  readonly groupId: number
  /** Every path of the volume. The own group's state decides what is answered; it never counts as active. */
  readonly path: PathState
  /** Of the server that serves. */
  readonly reservations: ReservationPort
}

export interface SessionInfo extends SessionCounters {
  readonly initiator: string
  /** Address and port from which it came. */
  readonly address: string
  readonly type: SessionType
  readonly target: string | undefined
  /** Of the portal by which it came, as its target numbers them; undefined for discovery. */
  readonly portalGroupTag: number | undefined
  readonly tsih: number
  readonly connectedWallMs: number
}

const TICK_MS = 1000

export class IscsiTarget {
  readonly #options: IscsiTargetOptions
  readonly #limits: TargetLimits
  readonly #pool: BufferPool
  readonly #budget: ByteBudget
  readonly #limiter: LoginLimiter
  readonly #registry: SessionRegistry
  readonly #nodes = new Map<string, TargetNode>()
  readonly #portals: Portal[] = []
  #portalsAsked = 0
  readonly #connections = new Set<IscsiConnection>()
  readonly #sessions = new Set<IscsiConnection>()
  /** Those in their login, the oldest first. */
  readonly #logins = new Set<IscsiConnection>()
  #held = 0
  #ticker: Timer | undefined
  #draining = false
  #whenEmpty: (() => void) | undefined

  constructor(options: IscsiTargetOptions) {
    this.#options = options
    this.#limits = { ...TARGET_LIMITS, ...options.limits }
    this.#pool = options.pool ?? new BufferPool()
    this.#budget = new ByteBudget(this.#limits.bytesMax)
    const { clock, loginLimits } = options
    this.#limiter = new LoginLimiter({ clock, ...(loginLimits !== undefined && { limits: loginLimits }) })
    this.#registry = new SessionRegistry(this.#limits)
  }

  /**
   * Listens at one more portal, which is a portal group of its own; port 0 picks a port. `advertise` is what
   * initiators are told instead. IN_USE when the address is taken.
   */
  async listen(address: {
    host: string
    port: number
    advertise?: { readonly host: string; readonly port: number }
  }): Promise<{ host: string; port: number }> {
    const { host, port, advertise } = address
    const index = this.#portalsAsked++
    const listener = await this.#options.net.listen({ host, port }, (connection) =>
      this.#accept(connection, index),
    )
    this.#portals.push({ listener, advertise, index })
    return { host: listener.host, port: listener.port }
  }

  /** Serves `volume` as LUN 0 of `iqn`. INVALID_ARGUMENT for a bad name, CONFLICT when the name is there already. */
  addVolume(options: VolumeOptions): void {
    const { volume, observer, path } = options
    this.#add(options, path, { role: 'serving', volume, observer })
  }

  /**
   * Takes sessions for a multipath volume that another server serves: they see the same logical unit, and get nothing
   * done on it but what the standard allows on such a path. Errors as `addVolume`.
   */
  addStandby(options: StandbyOptions): void {
    const { unit, access, path, reservations } = options
    const { clock, logger } = this.#options
    const device = new StandbyDevice(unit)
    const volume = new FrontendVolume({ device, access, after: 'failover', clock, logger })
    this.#add(options, path, { role: 'standby', volume, device, reservations })
  }

  /** What has changed of a volume on a standby path. No error when the target is not there, or serves. */
  updateStandby(iqn: string, change: { readonly access?: AccessRules; readonly sizeBytes?: number }): void {
    const node = this.#nodes.get(iqn.toLowerCase())
    const device = node?.standbyDevice
    if (node === undefined || device === undefined) return
    if (change.access !== undefined) node.volume.setAccess(change.access)
    if (change.sizeBytes !== undefined) device.setSize(change.sizeBytes)
  }

  /**
   * A standby path turns active and keeps its sessions: what they sent before is refused, what they send afterwards
   * reaches `volume`. Names, ports and paths stay those of `addStandby`. From the call on new sessions are served;
   * resolves when the old ones are, too, after a second at most: one that does not answer by then is reset. NOT_FOUND
   * when there is no such target, CONFLICT when it serves already.
   */
  async activate({ iqn, volume, observer }: ServedVolume): Promise<void> {
    const node = this.#nodes.get(iqn.toLowerCase())
    if (node === undefined) throw new BlockError('NOT_FOUND', `there is no target ${iqn}`)
    await node.activate({ role: 'serving', volume, observer })
  }

  #add(options: PathOptions, path: PathState | undefined, backing: Backing): void {
    const iqn = normalName(options.iqn)
    if (iqn === undefined) throw new BlockError('INVALID_ARGUMENT', `${options.iqn} is no iSCSI name`)
    if (this.#nodes.has(iqn)) throw new BlockError('CONFLICT', `${iqn} is there already`)
    const nodeOptions: TargetNodeOptions = {
      iqn,
      firstPort: options.firstPort ?? 1,
      portals: () => this.#portals.map(({ index }) => index),
      groupId: options.groupId ?? 1,
      path,
      alias: options.alias,
      identity: options.identity,
      otherPortals: options.otherPortals,
    }
    const { clock, logger } = this.#options
    this.#nodes.set(iqn, new TargetNode(nodeOptions, backing, { pool: this.#pool, logger, clock }))
  }

  /**
   * Ends the target, whether it serves or not: connections to it are reset. Resolves when nothing that came from them is
   * under way. No error when it is not there.
   */
  async removeVolume(iqn: string): Promise<void> {
    const name = iqn.toLowerCase()
    const node = this.#nodes.get(name)
    if (node === undefined) return
    this.#nodes.delete(name)
    await node.close('the volume was removed')
  }

  /** Resolves when nothing is under way of sessions that the target's rules have ended. */
  async settled(iqn: string): Promise<void> {
    await this.#nodes.get(iqn.toLowerCase())?.settled()
  }

  /** What all sessions together hold, or have reserved, for data in flight. */
  get bytesInFlight(): number {
    return this.#budget.usedBytes
  }

  /** Every session, in the order in which they began. */
  sessions(): SessionInfo[] {
    return [...this.#sessions].map((connection) => {
      const { login, counters } = connection.session
      return {
        initiator: login.initiatorName,
        address: connection.remoteAddress,
        type: login.sessionType,
        target: login.targetName,
        portalGroupTag: login.portalGroupTag,
        tsih: login.tsih,
        connectedWallMs: connection.connectedWallMs,
        ...counters,
      }
    })
  }

  /**
   * Takes no new sessions and asks every initiator to log out; resolves when all have, or after `timeoutMs`, or
   * when `signal` fires.
   */
  async drain(options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    this.#draining = true
    if (this.#sessions.size === 0 || options.signal?.aborted === true) return
    for (const { session } of this.#sessions) session.requestLogout(options.timeoutMs / 1000)
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel()
        options.signal?.removeEventListener('abort', done)
        this.#whenEmpty = undefined
        resolve()
      }
      const timer = this.#options.clock.after(options.timeoutMs, done)
      options.signal?.addEventListener('abort', done)
      this.#whenEmpty = done
    })
  }

  /**
   * Stops listening, drains for at most `drainMs`, and cuts what is left. Resolves when nothing is under way.
   * Idempotent.
   */
  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#draining = true
    await Promise.all(this.#portals.splice(0).map(({ listener }) => listener.close()))
    const drainMs = options.drainMs ?? 0
    if (drainMs > 0) await this.drain({ timeoutMs: drainMs })
    await Promise.all([...this.#connections].map((connection) => connection.reset('the target is closing')))
    await Promise.all([...this.#nodes.keys()].map((iqn) => this.removeVolume(iqn)))
    this.#ticker?.cancel()
    this.#ticker = undefined
  }

  #accept(connection: Connection, portalIndex: number): void {
    const isTooOften = !this.#limiter.admit(hostOf(connection.remoteAddress))
    if (isTooOften || !this.#hasRoom()) {
      const { remoteAddress: address } = connection
      this.#options.logger.debug('iscsi.connection_refused', { address, isTooOften })
      connection.destroy()
      return
    }
    const { clock, logger, random } = this.#options
    const accepted = new IscsiConnection(connection, {
      clock,
      logger,
      pool: this.#pool,
      budget: this.#budget,
      limits: this.#limits,
      limiter: this.#limiter,
      registry: this.#registry,
      login: {
        directory: {
          find: (targetName) => this.#find(targetName, portalIndex),
          discoveryChap: this.#options.discoveryChap ?? [],
          hasSession: (initiatorName, tsih) => this.#registry.has(initiatorName, tsih),
          admit: (claim) => this.#registry.admit(claim),
        },
        wishes: { ...TARGET_WISHES, ...this.#options.wishes },
        random,
      },
      portalIndex,
      node: (targetName) => (this.#draining ? undefined : this.#nodes.get(targetName)),
      sendTargets: (login, value, localAddress) => this.#sendTargets(login, value, localAddress),
      loginHeld: (one, isHeld) => {
        if (isHeld) this.#logins.delete(one)
        else this.#logins.add(one)
        this.#held += isHeld ? 1 : -1
      },
      mayHold: () => this.#held < this.#limits.heldLoginsMax,
      loginEnded: (one) => {
        this.#logins.delete(one)
      },
      sessionBegan: (ready) => {
        this.#sessions.add(ready)
        this.#tickLater()
      },
      ended: (gone) => {
        this.#connections.delete(gone)
        if (this.#sessions.delete(gone) && this.#sessions.size === 0) this.#whenEmpty?.()
      },
    })
    this.#connections.add(accepted)
    this.#logins.add(accepted)
  }

  /**
   * Whether one more connection may come. When there are too many, the one that has been in its login for longest gives way:
   * initiators need milliseconds for theirs, and whoever only keeps places must not keep them out.
   */
  #hasRoom(): boolean {
    const { connectionsMax, loginsMax } = this.#limits
    if (this.#connections.size < connectionsMax && this.#logins.size < loginsMax) return true
    const [oldest] = this.#logins
    if (oldest === undefined) return false
    void oldest.reset('its login has taken longest, and others want to come')
    return this.#connections.size <= connectionsMax
  }

  #find(targetName: string, portalIndex: number): TargetVerdict {
    const node = this.#nodes.get(targetName)
    if (node === undefined) return this.#options.elsewhere?.find(targetName) ?? { kind: 'unknown' }
    const { alias } = node
    const { initiators } = node.volume.access
    if (this.#draining || node.volume.lost) return { kind: 'unavailable', initiators }
    const { portalGroupTag } = node.port(portalIndex)
    return {
      kind: 'here',
      access: node.volume.access,
      portalGroupTag,
      ...(alias !== undefined && { alias }),
    }
  }

  /** RFC 7143 appendix C: in a discovery session all targets, or one; in a normal session its own. */
  #sendTargets(
    login: EstablishedLogin,
    value: string,
    localAddress: string,
  ): readonly TextPair[] | undefined {
    const { sessionType, initiatorName, targetName } = login
    if (value === 'All' && sessionType !== 'discovery') return undefined
    if (value === '' && targetName === undefined) return undefined
    const wanted = value === '' ? targetName : normalName(value)
    const portals = advertisedPortals(this.#portals, localAddress)
    const pairs: TextPair[] = []
    const tell = (iqn: string, addresses: readonly TargetAddress[]): void => {
      pairs.push({ key: 'TargetName', value: iqn })
      for (const { address, tag } of addresses)
        pairs.push({ key: 'TargetAddress', value: `${address},${tag}` })
    }
    const isAsked = (iqn: string, access: Pick<AccessRules, 'initiators'>): boolean =>
      (value === 'All' || iqn === wanted) && mayConnect(access, initiatorName)
    for (const node of this.#nodes.values()) {
      if (!isAsked(node.iqn, node.volume.access)) continue
      const own = portals.map(({ address, index }) => ({ address, tag: node.port(index).portalGroupTag }))
      tell(node.iqn, [...own, ...(node.otherPortals?.() ?? [])])
    }
    for (const target of this.#options.elsewhere?.targets() ?? []) {
      if (this.#nodes.has(target.iqn) || !isAsked(target.iqn, target)) continue
      tell(target.iqn, target.portals ?? portals.map(({ address, index }) => ({ address, tag: index + 1 })))
    }
    return pairs
  }

  /** One timer for all sessions, and none while there are none. */
  #tickLater(): void {
    this.#ticker ??= this.#options.clock.after(TICK_MS, () => {
      this.#ticker = undefined
      for (const connection of [...this.#sessions]) connection.tick()
      if (this.#sessions.size > 0) this.#tickLater()
    })
  }
}
