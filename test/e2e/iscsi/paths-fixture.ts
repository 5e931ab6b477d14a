/**
 * Servers of one cluster as iSCSI targets on loopback: `a` and `b` have a replica of a volume each, `c` has none. The
 * replicas are one device in memory, and what the master would tell is told by the test.
 */
import { BlockError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { MIB } from '../../../src/base/units.ts'
import { type AccessRules, OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { firstPortOf, type PathRole, portGroupOf, type VolumePaths } from '../../../src/frontend/paths.ts'
import { answerForwarded } from '../../../src/frontend/reservations/answering.ts'
import { RemoteReservations } from '../../../src/frontend/reservations/remote.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealNet } from '../../../src/io/net.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { plainSyscalls } from '../../../src/io/syscalls.ts'
import { Initiator } from '../../../src/iscsi/initiator/initiator.ts'
import { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import { parseSense } from '../../../src/iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { ElsewhereTable, elsewhereOf } from '../../../src/iscsi/target/elsewhere.ts'
import { IscsiTarget } from '../../../src/iscsi/target/iscsi-target.ts'
import { VolumePathState } from '../../../src/iscsi/target/volume-path-state.ts'
import { MemoryDevice } from './memory-device.ts'

export const PREFIX = 'iqn.2026-11.io.basalt:'
export const NAME = `${PREFIX}vol`
export const HOST = 'iqn.2026-11.org.example:host'

const realClock = new RealClock({ syscalls: plainSyscalls })
const net = new RealNet()
const random = new RealRandom()
const SLOTS = { a: 0, b: 5 } as const
export type ServerName = keyof typeof SLOTS | 'c'

export class PathServer {
  readonly name: ServerName
  readonly target: IscsiTarget
  readonly elsewhere = new ElsewhereTable({ prefix: PREFIX })
  readonly #cluster: PathCluster
  portal = { host: '', port: 0 }
  path: VolumePathState | undefined
  volume: FrontendVolume | undefined

  constructor(cluster: PathCluster, name: ServerName, clock: Clock) {
    this.#cluster = cluster
    this.name = name
    const { elsewhere } = this
    this.target = new IscsiTarget({ net, clock, random, logger: silentLogger, elsewhere })
  }

  get address(): string {
    return `${this.portal.host}:${this.portal.port}`
  }

  /** The server without a role on a multipath volume. */
  standby(): void {
    const { device, access } = this.#cluster
    const { uuid, name, sizeBytes, logicalBlockBytes, atomicWriteBytesMax } = device
    const path = this.#path()
    this.target.addStandby({
      iqn: NAME,
      unit: { uuid, name, sizeBytes, logicalBlockBytes, atomicWriteBytesMax },
      access,
      path,
      firstPort: firstPortOf(this.#slot),
      groupId: portGroupOf(this.#slot),
      otherPortals: () => path.otherPortals(),
      reservations: new RemoteReservations({ forward: (bytes) => this.#cluster.forward(bytes) }),
    })
  }

  serve(): void {
    const path = this.#path()
    this.target.addVolume({
      iqn: NAME,
      volume: this.#open(),
      path,
      firstPort: firstPortOf(this.#slot),
      groupId: portGroupOf(this.#slot),
      otherPortals: () => path.otherPortals(),
    })
  }

  /** A standby path of this server turns active. */
  activate(): Promise<void> {
    return this.target.activate({ iqn: NAME, volume: this.#open() })
  }

  /** The server lost its role. */
  async stop(): Promise<void> {
    await this.target.removeVolume(NAME)
    this.volume?.close()
    this.volume = undefined
  }

  #open(): FrontendVolume {
    const { device, access } = this.#cluster
    const options = { clock: realClock, logger: silentLogger }
    this.volume = new FrontendVolume({ device, access, after: 'failover', ...options })
    return this.volume
  }

  #path(): VolumePathState {
    this.path ??= new VolumePathState(this.name, this.#cluster.paths)
    return this.path
  }

  get #slot(): number {
    if (this.name === 'c') throw new Error('c has no replica')
    return SLOTS[this.name]
  }

  connect(isid = 5, initiatorName = HOST): Promise<InitiatorSession> {
    const initiator = new Initiator({ net, clock: realClock, random, initiatorName })
    return initiator.connect({ portal: this.portal, targetName: NAME, isid })
  }

  discover(initiatorName = HOST): Promise<{ targetName: string; portals: string[] }[]> {
    const initiator = new Initiator({ net, clock: realClock, random, initiatorName })
    return initiator.discover(this.portal).then((targets) =>
      targets.map(({ targetName, portals }) => ({
        targetName,
        portals: portals.map(
          ({ address, portalGroupTag }) => `${address.host}:${address.port},${portalGroupTag}`,
        ),
      })),
    )
  }

  raw(): Promise<RawConnection> {
    return RawConnection.connect({ net, clock: realClock, ...this.portal })
  }
}

export class PathCluster {
  readonly device = new MemoryDevice({ sizeBytes: 64 * MIB })
  readonly servers: Readonly<Record<ServerName, PathServer>>
  paths: VolumePaths
  access: AccessRules
  /** What standby paths asked who serves, as far as it was taken up. */
  forwarded = 0

  private constructor(options: { isMultipath: boolean; clock: Clock; access: AccessRules }) {
    this.access = options.access
    const server = (name: ServerName): PathServer => new PathServer(this, name, options.clock)
    this.servers = { a: server('a'), b: server('b'), c: server('c') }
    this.paths = {
      volume: '0f1e2d3c-4b5a-4978-a6b5-c4d3e2f10011',
      name: 'vol',
      sizeBytes: this.device.sizeBytes,
      logicalBlockBytes: this.device.logicalBlockBytes,
      isMultipath: options.isMultipath,
      initiators: null,
      hosts: null,
      paths: [],
    }
  }

  /** Three servers that listen; `tell` says what they know. */
  static async start(
    options: { isMultipath?: boolean; clock?: Clock; access?: AccessRules } = {},
  ): Promise<PathCluster> {
    const { isMultipath = true, clock = realClock, access = OPEN_ACCESS } = options
    const cluster = new PathCluster({ isMultipath, clock, access })
    for (const server of Object.values(cluster.servers)) {
      server.portal = await server.target.listen({ host: '127.0.0.1', port: 0 })
    }
    return cluster
  }

  /** What the master tells all servers. */
  tell(roles: { readonly a: PathRole; readonly b: PathRole }, isWhole = true): void {
    const path = (name: 'a' | 'b') => ({
      server: name,
      slot: SLOTS[name],
      role: roles[name],
      iscsi: [this.servers[name].address],
      nvme: [],
    })
    this.paths = { ...this.paths, paths: [path('a'), path('b')] }
    for (const server of Object.values(this.servers)) {
      server.path?.update(this.paths)
      const { initiators } = this.access
      server.elsewhere.set(elsewhereOf(this.paths, { iqn: NAME, initiators }))
      if (isWhole) server.elsewhere.setWhole()
    }
  }

  /** What `Replica.forward` does: to whoever serves. */
  forward(bytes: Uint8Array): Promise<Uint8Array> {
    const serving = Object.values(this.servers).find(({ volume }) => volume !== undefined)
    if (serving?.volume === undefined) return Promise.reject(new BlockError('BUSY', 'nobody serves'))
    const answered = answerForwarded(serving.volume.reservations, bytes)
    this.forwarded++
    return answered
  }

  async close(): Promise<void> {
    for (const { target, volume } of Object.values(this.servers)) {
      await target.close()
      volume?.close()
    }
  }
}

/** The status, or sense key, code and qualifier, of the CDB given as hex; and its data. */
export async function ask(
  session: InitiatorSession,
  hex: string,
  options: { dataOut?: Uint8Array; dataInLengthBytes?: number } = {},
): Promise<{ readonly says: string; readonly data: Uint8Array }> {
  const cdb = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  const { status, sense, dataIn } = await session.execute({ cdb, ...options })
  return { says: outcomeOf(status, sense), data: dataIn }
}

export function outcomeOf(status: number, sense: Uint8Array): string {
  const parsed = status === 0x02 ? parseSense(sense) : undefined
  if (parsed === undefined) return status.toString(16).padStart(2, '0')
  const two = (value: number): string => value.toString(16).padStart(2, '0')
  return `${parsed.key.toString(16)}/${two(parsed.asc)}/${two(parsed.ascq)}`
}

/** TEST UNIT READY until no unit attention is left; those that were told, and the last answer. */
export async function attentions(session: InitiatorSession): Promise<string[]> {
  const told: string[] = []
  for (;;) {
    const { says } = await ask(session, '000000000000')
    told.push(says)
    if (!says.startsWith('6/')) return told
  }
}
