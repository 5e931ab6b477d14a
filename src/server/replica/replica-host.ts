/**
 * The replicas of one server, by their volumes. Those that are on the disk are opened at the start and report to the
 * authority that they remember; others are made when an authority says so. A directory without `replica.json` is a
 * volume of its own and is left alone.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import type { Epoch } from '../../base/units.ts'
import { formatUuid, parseUuid } from '../../base/uuid.ts'
import type { VolumePorts } from '../../blockvol/api.ts'
import { createVolume } from '../../blockvol/create.ts'
import { readIdentity, type VolumeIdentity } from '../../blockvol/identity.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import type { IscsiPortals } from '../iscsi-portals.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import { VolumeCatalog } from '../volume-catalog.ts'
import { HostedReplica, type ReplicaCalls } from './hosted-replica.ts'
import { type ReplicaRecord, readReplicaRecord, saveReplicaRecord } from './replica-record.ts'
import type { ReplicaView, RunningReplica } from './replica-view.ts'

/** What an authority wants a new replica to be. */
export interface NewReplica {
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly logBytes: number | undefined
  /** Of a volume that was there before this replica: the registry's epoch. */
  readonly madeIn: Epoch | null
}

export interface Assignment {
  /** 16 bytes. */
  readonly volume: Uint8Array
  /** URL. */
  readonly authority: string
  readonly create: NewReplica | undefined
  readonly message: AuthorityMessage
}

export interface ReplicaPlace {
  readonly directory: string
  readonly logDirectory: string | undefined
  readonly madeIn: Epoch | null
}

export interface ReplicaHostOptions {
  readonly ports: VolumePorts
  readonly server: string
  /** The directory of the volumes' directories. */
  readonly path: string
  /** Holds a directory for each volume's log, named as the volume's own. */
  readonly logRoot: string | undefined
  readonly iscsi: IscsiPortals
  readonly open: (place: ReplicaPlace, calls: ReplicaCalls) => Promise<RunningReplica>
  readonly post: (url: string, text: string, signal: AbortSignal) => Promise<unknown>
  readonly onFatal: (error: unknown) => void
}

/** More than a server of this kind is meant to carry. */
const REPLICAS_MAX = 256

export class ReplicaHost {
  readonly #o: ReplicaHostOptions
  readonly #catalog: VolumeCatalog
  readonly #replicas = new Map<string, HostedReplica>()
  /** What assignments for a volume wait for: one replica is made at a time. */
  #making: Promise<unknown> = Promise.resolve()
  #isStopping = false

  constructor(options: ReplicaHostOptions) {
    this.#o = options
    const { disk, logger } = options.ports
    this.#catalog = new VolumeCatalog({ disk, path: options.path, logger })
  }

  /** Begins to open every replica that is on the disk. One that cannot be read is logged, and left as it is. */
  async openStored(): Promise<void> {
    const { disk, logger } = this.#o.ports
    await this.#catalog.removeUnfinished()
    for (const uuid of await disk.list(this.#o.path)) {
      if (parseUuid(uuid) === undefined) continue
      const directory = `${this.#o.path}/${uuid}`
      try {
        const record = await readReplicaRecord(disk, directory)
        if (record === undefined) logger.warn('replica.not_one', { path: directory })
        else this.#host(await readIdentity(disk, directory), record)
      } catch (error) {
        if (!isBlockError(error)) throw error
        logger.error('replica.unreadable', { path: directory, code: error.code }, error)
      }
    }
  }

  /**
   * Hands the authority's message to the replica, which is made first if it is not there and `create` says how.
   * NOT_FOUND without `create`; CONFLICT when what is there is no replica or not as wanted; BUSY when it is not open.
   */
  async assign(assignment: Assignment): Promise<void> {
    const { volume, authority, create, message } = assignment
    if (this.#isStopping) throw new BlockError('CLOSED', 'the server is stopping')
    const uuid = formatUuid(volume)
    const made = this.#making.then(() => this.#findOrMake(uuid, assignment))
    this.#making = made.catch(() => undefined)
    const replica = await made
    if (create !== undefined) this.#checkName(replica, create)
    await replica.take(authority, message)
  }

  list(): readonly ReplicaView[] {
    return [...this.#replicas.values()].map((replica) => replica.view())
  }

  /** Ends all of them; throws the first error when all have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#making
    const ends = await Promise.allSettled([...this.#replicas.values()].map((replica) => replica.stop()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #checkName(replica: HostedReplica, { name }: NewReplica): void {
    if (replica.name === name) return
    throw new BlockError('CONFLICT', `volume ${replica.volume} is called '${replica.name}' here`)
  }

  async #findOrMake(uuid: string, { volume, authority, create }: Assignment): Promise<HostedReplica> {
    const known = this.#replicas.get(uuid)
    if (known !== undefined) return known
    const { disk } = this.#o.ports
    const directory = `${this.#o.path}/${uuid}`
    if (await disk.exists(directory)) {
      throw new BlockError('CONFLICT', `${directory} is there and cannot be used as a replica; see the log`)
    }
    if (create === undefined) {
      throw new BlockError('NOT_FOUND', `this server has no replica of volume ${uuid}`)
    }
    if (this.#replicas.size >= REPLICAS_MAX) {
      throw new BlockError('NO_SPACE', `this server has ${REPLICAS_MAX} replicas already`)
    }
    const record = { authority, madeIn: create.madeIn }
    await this.#make(volume, create, record)
    return this.#host(await readIdentity(disk, directory), record)
  }

  async #make(volume: Uint8Array, create: NewReplica, record: ReplicaRecord): Promise<void> {
    const { ports } = this.#o
    const name = parseVolumeName(create.name, 'create.name')
    const taken = [...this.#replicas.values()].find((replica) => replica.name === name)
    if (taken !== undefined) {
      throw new BlockError('CONFLICT', `volume ${taken.volume} of this server is called '${name}' already`)
    }
    const logDirectory = this.#logDirectoryOf(formatUuid(volume))
    const { sizeBytes, logicalBlockBytes, logBytes } = create
    const directory = await this.#catalog.add(volume, async (unfinished) => {
      await createVolume(ports, {
        directory: unfinished,
        uuid: volume,
        name,
        sizeBytes,
        logicalBlockBytes,
        ...(logDirectory === undefined ? {} : { logDirectory }),
        ...(logBytes === undefined ? {} : { logBytes }),
      })
      await saveReplicaRecord(ports.disk, unfinished, record)
    })
    ports.logger.info('replica.created', { volume: name, sizeBytes, directory })
  }

  #host(identity: VolumeIdentity, record: ReplicaRecord): HostedReplica {
    const { ports, iscsi, path, server, open, post, onFatal } = this.#o
    const { name } = identity
    const volume = formatUuid(identity.uuid)
    const directory = `${path}/${volume}`
    const place = { directory, logDirectory: this.#logDirectoryOf(volume), madeIn: record.madeIn }
    const latencies = makeLatencyRecorders()
    const replica = new HostedReplica({
      volume,
      name,
      server,
      open: (calls) => open(place, calls),
      // what a host finds here is what it left at the primary before
      iscsi: iscsi.volume({ name, latencies, first: 'failover' }),
      latencies,
      authority: record.authority,
      storeAuthority: (authority) => saveReplicaRecord(ports.disk, directory, { ...record, authority }),
      post,
      clock: ports.clock,
      logger: ports.logger,
      onFatal,
    })
    this.#replicas.set(volume, replica)
    replica.start()
    return replica
  }

  #logDirectoryOf(uuid: string): string | undefined {
    const { logRoot } = this.#o
    return logRoot === undefined ? undefined : `${logRoot}/${uuid}`
  }
}
