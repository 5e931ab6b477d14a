/**
 * A block server as a member of a cluster: its stream to the master and the calls that it answers. What the master says
 * goes to the replicas; what the registry is worth is stored before anything later is obeyed.
 */
import { Server } from '@grpc/grpc-js'
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { Disk } from '../../base/ports/disk.ts'
import type { Random } from '../../base/ports/random.ts'
import type { TlsIdentity } from '../../base/tls.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import type { Secret } from '../../frontend/secret.ts'
import type { ImagesHandlers } from '../../gen/basalt/server/v1/Images.ts'
import type { ReplicaBeat, ServerHello, ToServer } from '../../master/links.ts'
import { bind, SERVER_OPTIONS } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { NodeCertificate } from '../../rpc/node-certificate.ts'
import type { ReplicaHost } from '../replica/replica-host.ts'
import type { PathTable } from '../served/path-table.ts'
import { Beats } from './beats.ts'
import { MasterClient, type MasterConnection } from './master-client.ts'
import { MemberFiles } from './member-files.ts'
import { serverHandlers } from './server-service.ts'
import { NO_VOLUME_CALLS, type VolumeCalls } from './volume-handlers.ts'

export interface ClusterMemberOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The data directory. */
  readonly directory: string
  readonly masters: readonly string[]
  readonly tls: TlsIdentity | undefined
  readonly joinToken: Secret | undefined
  readonly listen: HostPort
  /** The hello but for what is known here. */
  readonly hello: (grpc: HostPort) => Omit<ServerHello, 'process' | 'registrySeen'>
  readonly isDraining: () => boolean
  /** Takes the paths that the master tells. */
  readonly table: PathTable
  readonly version: string
  readonly startedWallMs: number
  readonly onFatal: (error: unknown) => void
}

const CALL_TOKEN_BYTES = 32
const SPACE_EVERY_MS = 5_000

/** What is answered beside. */
export interface MemberServices {
  readonly calls: VolumeCalls
  readonly images: ImagesHandlers
}

type Host = Pick<ReplicaHost, 'allocate' | 'remove' | 'expand' | 'deliver' | 'setSettings' | 'list'>

export class ClusterMember {
  readonly beats: Beats
  readonly #o: ClusterMemberOptions
  readonly #files: MemberFiles
  readonly #server = new Server(SERVER_OPTIONS)
  readonly #client: MasterClient
  readonly #callToken: string
  readonly #certificate: NodeCertificate | undefined
  #space: { freeBytes: number; capacityBytes: number }
  #spaceTimer: Timer | undefined
  #isClosed = false
  #host: Host | undefined
  #address: HostPort

  private constructor(
    options: ClusterMemberOptions,
    files: MemberFiles,
    space: { freeBytes: number; capacityBytes: number },
  ) {
    this.#o = options
    this.#files = files
    this.#space = space
    this.#address = options.listen
    const { clock, random, logger, masters, tls, joinToken, isDraining, onFatal } = options
    this.#certificate = tls === undefined ? undefined : new NodeCertificate(tls)
    this.#callToken = Buffer.from(random.bytes(CALL_TOKEN_BYTES)).toString('hex')
    const process = formatUuid(randomUuid(random))
    this.beats = new Beats(clock, () => this.#space)
    this.#client = new MasterClient({
      masters,
      tls: () => this.#certificate?.identity,
      joinToken,
      callToken: this.#callToken,
      hello: () => ({
        ...options.hello(this.#address),
        process,
        registrySeen: this.#files.registrySeen,
      }),
      beats: this.beats,
      isDraining,
      obey: (message) => this.#obey(message),
      lost: () => options.table.interrupted(),
      clock,
      random,
      logger,
      onFatal,
    })
  }

  /** Reads what it knows; joins nobody yet. */
  static async open(options: ClusterMemberOptions): Promise<ClusterMember> {
    const { disk, directory } = options
    const files = await MemberFiles.open(disk, directory)
    return new ClusterMember(options, files, await spaceOf(disk, directory))
  }

  get address(): HostPort {
    return this.#address
  }

  get isInMaintenance(): boolean {
    return this.#files.isInMaintenance
  }

  connection(): MasterConnection {
    return this.#client.connection()
  }

  /** Shown to other servers, too. */
  get tls(): TlsIdentity | undefined {
    return this.#certificate?.identity
  }

  /**
   * Listens for calls of the master, and for those of other servers that read images, and joins the master. IN_USE,
   * INVALID_ARGUMENT: the address.
   */
  async join(host: Host, beside?: MemberServices): Promise<void> {
    const { clock, logger, listen } = this.#o
    this.#host = host
    const handlers = serverHandlers({
      host,
      calls: beside?.calls ?? NO_VOLUME_CALLS,
      callToken: this.#callToken,
      isInMaintenance: () => this.#files.isInMaintenance,
      setMaintenance: (isInMaintenance) => this.#files.setMaintenance(isInMaintenance),
      status: () => ({
        id: this.#o.hello(this.#address).id,
        version: this.#o.version,
        startedWallMs: this.#o.startedWallMs,
        beat: this.beats.look(this.#o.isDraining()),
      }),
      leave: () => this.#leave(),
      clock,
      logger,
    })
    this.#server.addService(services().Server.service, handlers)
    if (beside !== undefined) this.#server.addService(services().Images.service, beside.images)
    this.#address = await bind(this.#server, listen, { tls: this.#certificate?.identity, flag: '--grpc' })
    logger.info('grpc.listening', { address: formatHostPort(this.#address) })
    this.#spaceSoon()
    this.#client.start()
  }

  /** Shown on streams from now on. The master's calls are shown the one that this server listened with, until a restart. */
  useTls(identity: TlsIdentity): void {
    this.#certificate?.use(identity)
  }

  /** Whether a volume is led here. */
  leads(): boolean {
    return this.#led() !== undefined
  }

  /** What the hello says changed: it is said again. */
  helloChanged(): void {
    this.#client.helloChanged()
  }

  /** Whether it is draining changed: the master hears it at once. */
  drainingChanged(): void {
    this.beats.wantFull()
  }

  /** Says goodbye, and answers no calls any more. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#spaceTimer?.cancel()
    await this.#client.close()
    this.#server.forceShutdown()
  }

  async #obey(message: ToServer): Promise<void> {
    const { logger } = this.#o
    const host = this.#host
    if (host === undefined) return
    switch (message.kind) {
      case 'registry':
        await this.#files.sawRegistry(message)
        return
      case 'tellAll':
        this.beats.wantFull()
        return
      case 'replica':
        if (!host.deliver(message.volume, message.message)) {
          logger.warn('master.message_for_nobody', { volume: message.volume, kind: message.message.kind })
          // it should know that there is no such replica
          this.beats.wantFull()
        }
        return
      case 'settings':
        // grants that follow do not wait for the disk
        host.setSettings(message.volume, message).catch((error: unknown) => {
          if (!isBlockError(error)) this.#o.onFatal(error)
          logger.warn('master.settings_not_stored', { volume: message.volume }, error)
        })
        return
      case 'paths':
        this.#o.table.apply(message)
        return
    }
  }

  async #leave(): Promise<void> {
    const leads = this.#led()
    if (leads !== undefined) {
      throw new BlockError('CONFLICT', `volume ${leads.name} is led here; move it first`, {
        facts: { volume: leads.volume },
      })
    }
    this.#o.logger.info('master.left')
    // the answer leaves before the stream does
    this.#o.clock.after(0, () => void this.#client.close().catch(this.#o.onFatal))
  }

  #led(): ReplicaBeat | undefined {
    return this.beats.look(false).replicas.find(({ open }) => open?.leads != null)
  }

  #spaceSoon(): void {
    const { clock, disk, directory, logger, onFatal } = this.#o
    this.#spaceTimer = clock.after(SPACE_EVERY_MS, () => {
      spaceOf(disk, directory)
        .then(
          (space) => {
            this.#space = space
          },
          (error: unknown) => {
            if (!isBlockError(error)) onFatal(error)
            logger.warn('server.space_unknown', {}, error)
          },
        )
        .finally(() => {
          if (!this.#isClosed) this.#spaceSoon()
        })
    })
  }
}

async function spaceOf(disk: Disk, directory: string): Promise<{ freeBytes: number; capacityBytes: number }> {
  const { freeBytes, totalBytes } = await disk.space(directory)
  return { freeBytes, capacityBytes: totalBytes }
}
