/**
 * One iSCSI target: a name, the volume behind its LUN 0, and the sessions that use it. When the volume's opening is
 * lost every connection is reset at once; when its access rules change, the sessions that they no longer allow are.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import { mayConnect } from '../../frontend/access.ts'
import type { FrontendVolume, VolumeEvent } from '../../frontend/volume.ts'
import { LogicalUnit, type ProductIdentity } from '../scsi/lun.ts'
import type { TargetPort } from '../scsi/nexus.ts'
import { type PathState, singlePath } from '../scsi/path-state.ts'
import type { Session } from '../session/session.ts'
import type { CommandObserver } from '../session/session-types.ts'

/** A session as its target sees it. */
export interface AttachedSession {
  readonly session: Session
  /** Cuts the connection; resolves when nothing of the session is under way any more. */
  reset(reason: string): Promise<void>
}

export interface TargetNodeOptions {
  /** iSCSI name, normal form. */
  readonly iqn: string
  readonly volume: FrontendVolume
  /** Relative port and portal group tag of the first portal; the next ones count on. */
  readonly firstPort: number
  /** Indices of the portals that there are by now. */
  readonly portals: () => readonly number[]
  /** The target port group that `path` knows this port's group by. */
  readonly groupId: number
  readonly path: PathState | undefined
  readonly alias: string | undefined
  readonly identity: ProductIdentity | undefined
  readonly observer: CommandObserver | undefined
}

/** Pairs of ports that are remembered because their last session was lost. */
const LOST_PORTS_MAX = 1024

export class TargetNode {
  readonly iqn: string
  readonly volume: FrontendVolume
  readonly alias: string | undefined
  readonly observer: CommandObserver | undefined
  readonly unit: LogicalUnit
  readonly sessions = new Set<AttachedSession>()
  readonly #unsubscribe: () => void
  readonly #lostPorts = new Set<string>()
  readonly #firstPort: number
  readonly #groupId: number

  constructor(options: TargetNodeOptions, context: { pool: BufferPool; logger: Logger }) {
    const { iqn, volume, firstPort, portals, groupId, identity } = options
    this.iqn = iqn
    this.volume = volume
    this.#firstPort = firstPort
    this.#groupId = groupId
    this.alias = options.alias
    this.observer = options.observer
    this.unit = new LogicalUnit({
      volume,
      path:
        options.path ??
        singlePath({
          groupId,
          relativePorts: () => portals().map((index) => this.port(index).relativePort),
        }),
      pool: context.pool,
      logger: context.logger,
      ...(identity !== undefined && { identity }),
    })
    this.#unsubscribe = volume.subscribe((event) => this.#onVolume(event))
  }

  /** The SCSI target port that the portal with this index makes up. Its tag and its relative port are one number. */
  port(portalIndex: number): TargetPort {
    const relativePort = this.#firstPort + portalIndex
    return { targetName: this.iqn, portalGroupTag: relativePort, relativePort, groupId: this.#groupId }
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

  /** Cuts all connections; resolves when nothing of them is under way. */
  async reset(reason: string): Promise<void> {
    await Promise.all([...this.sessions].map((attached) => attached.reset(reason)))
  }

  /** As `reset`, and ends the target. The volume stays open. */
  async close(reason: string): Promise<void> {
    this.#unsubscribe()
    await this.reset(reason)
    this.unit.close()
  }

  #onVolume(event: VolumeEvent): void {
    switch (event.kind) {
      case 'lost':
        void this.reset(`the volume was lost: ${event.reason}`)
        break
      case 'access':
        for (const attached of [...this.sessions]) {
          if (this.#isAllowed(attached.session)) continue
          void attached.reset('the access rules have changed')
        }
        break
    }
  }

  #isAllowed({ login }: Session): boolean {
    const { access } = this.volume
    if (!mayConnect(access, login.initiatorName)) return false
    return access.chap.length === 0 || access.chap.some(({ user }) => user === login.user)
  }
}
