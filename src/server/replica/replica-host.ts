/**
 * The replicas of one server, by their volumes. Those that are on the disk are opened at the start and report to the
 * authority that they remember; others are made when an authority says so. A directory without `replica.json` is a
 * volume of its own and is left alone.
 */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { parseVolumeName, printable } from '../../base/names.ts'
import type { Timer } from '../../base/ports/clock.ts'
import type { Epoch } from '../../base/units.ts'
import { formatUuid, parseUuid } from '../../base/uuid.ts'
import type { VolumePorts } from '../../blockvol/api.ts'
import { createVolume } from '../../blockvol/create.ts'
import { readIdentity, type VolumeIdentity } from '../../blockvol/identity.ts'
import type { AllocateRequest, RemoveRequest } from '../../master/links.ts'
import type { ReplicaMeters } from '../../replication/opening.ts'
import type { ReplicaScrub, ReplicaScrubResult } from '../../replication/scrub.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import type { ServedVolumes } from '../served/served-volumes.ts'
import { VolumeCatalog } from '../volume-catalog.ts'
import type { AuthorityLink, ReplicaSide } from './authority-link.ts'
import { HostedReplica, type ReplicaSettings } from './hosted-replica.ts'
import { Lead, type LeadMeans } from './lead.ts'
import { Removal } from './removal.ts'
import type { ReplicaCalls } from './replica-calls.ts'
import { type ReplicaRecord, readReplicaRecord, saveReplicaRecord } from './replica-record.ts'
import { ReplicaRecorders } from './replica-recorders.ts'
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
  /** Who is told how long things take. */
  readonly meters: ReplicaMeters
}

export interface ReplicaHostOptions {
  readonly ports: VolumePorts
  /** The directory of the volumes' directories. */
  readonly path: string
  /** Holds a directory for each volume's log, named as the volume's own. */
  readonly logRoot: string | undefined
  readonly served: ServedVolumes
  /** What is done here with volumes that are led. */
  readonly means: LeadMeans
  readonly open: (place: ReplicaPlace, calls: ReplicaCalls) => Promise<RunningReplica>
  /** The way of a replica to who decides for its volume. */
  readonly link: (side: ReplicaSide) => AuthorityLink
  /** Why no replica may be made at present; undefined when one may. */
  readonly whyNoNew?: () => string | undefined
  readonly onFatal: (error: unknown) => void
}

/** More than a server of this kind is meant to carry. */
const REPLICAS_MAX = 256
/** The space of one replica is counted after the other. */
const MEASURE_EVERY_MS = 10_000

export class ReplicaHost {
  readonly #o: ReplicaHostOptions
  readonly #catalog: VolumeCatalog
  readonly #replicas = new Map<string, HostedReplica>()
  /** What assignments for a volume wait for: one replica is made at a time. */
  #making: Promise<unknown> = Promise.resolve()
  readonly #removal: Removal
  #isStopping = false
  #measuring: Timer | undefined
  /** Which replica is measured next. */
  #measured = 0

  constructor(options: ReplicaHostOptions) {
    this.#o = options
    const { disk, logger } = options.ports
    this.#catalog = new VolumeCatalog({ disk, path: options.path, logger })
    this.#removal = new Removal({ disk, logger, path: options.path, logRoot: options.logRoot })
  }

  /** Begins to open every replica that is on the disk. One that cannot be read is logged, and left as it is. */
  async openStored(): Promise<void> {
    const { disk, logger } = this.#o.ports
    await this.#catalog.removeUnfinished()
    await this.#removal.resume()
    this.#measureSoon()
    for (const uuid of await disk.list(this.#o.path)) {
      if (parseUuid(uuid) === undefined || this.#removal.isLeaving(uuid)) continue
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
  async assign({ volume, authority, create, message }: Assignment): Promise<void> {
    const replica = await this.#findOrMake(volume, authority, create)
    await replica.take(authority, message)
  }

  /**
   * Makes the replica unless it is there; resolves when it is open. CONFLICT when what is there is no replica or not as
   * wanted; NO_SPACE; READ_ONLY when none may be made at present.
   */
  async allocate(request: AllocateRequest): Promise<void> {
    const { volume, logBytes, ...same } = request
    const replica = await this.#findOrMake(uuidOf(volume), null, { ...same, logBytes: logBytes ?? undefined })
    await replica.opened()
  }

  /**
   * Deletes the replica; resolves when it is gone for good, also when it was not there. CONFLICT while it leads, obeys an
   * epoch above `epoch` or knows a later set than `set`, and when what is there is no replica.
   */
  async remove(request: RemoveRequest): Promise<void> {
    const uuid = formatUuid(uuidOf(request.volume))
    await this.#replicas.get(uuid)?.checkRemovable(request)
    await this.#alone(() => this.#remove(uuid, request))
    await this.#removal.gone(uuid)
  }

  /** As `Replica.expand`; NOT_FOUND. */
  async expand(request: {
    readonly volume: string
    readonly epoch: number
    readonly sizeBytes: number
  }): Promise<void> {
    const replica = this.#replicas.get(request.volume)
    if (replica === undefined) throw notFound(request.volume)
    await replica.expand(request.epoch, request.sizeBytes)
  }

  /** As `Replica.scrub`; NOT_FOUND. */
  async scrub(volume: string, epoch: number, request: ReplicaScrub): Promise<ReplicaScrubResult> {
    const replica = this.#replicas.get(volume)
    if (replica === undefined) throw notFound(volume)
    return await replica.scrub(epoch, request)
  }

  /** What is done with a volume while it is led here; NOT_FOUND. */
  lead(volume: string): Lead {
    const replica = this.#replicas.get(volume)
    if (replica === undefined) throw notFound(volume)
    return replica.lead
  }

  /** A message of the master. False when there is no such replica. */
  deliver(volume: string, message: AuthorityMessage): boolean {
    const replica = this.#replicas.get(volume)
    replica?.deliver(message)
    return replica !== undefined
  }

  /** How hosts are served by a replica; durable when the promise resolves. NOT_FOUND. */
  async setSettings(volume: string, settings: ReplicaSettings): Promise<void> {
    const replica = this.#replicas.get(volume)
    if (replica === undefined) throw notFound(volume)
    await replica.setSettings(settings)
  }

  list(): readonly ReplicaView[] {
    return [...this.#replicas.values()].map((replica) => replica.view())
  }

  /** Ends all of them; throws the first error when all have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#measuring?.cancel()
    await this.#making
    await this.#removal.settled()
    const ends = await Promise.allSettled([...this.#replicas.values()].map((replica) => replica.stop()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** One replica is made or removed at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isStopping) return Promise.reject(new BlockError('CLOSED', 'the server is stopping'))
    const done = this.#making.then(work)
    this.#making = done.catch(() => undefined)
    return done
  }

  async #remove(uuid: string, request: RemoveRequest): Promise<void> {
    const { disk, logger } = this.#o.ports
    const directory = `${this.#o.path}/${uuid}`
    const replica = this.#replicas.get(uuid)
    if (replica === undefined) {
      if (this.#removal.isLeaving(uuid) || !(await disk.exists(directory))) return
      if ((await readReplicaRecord(disk, directory)) === undefined) throw noReplica(directory)
    } else {
      await replica.checkRemovable(request)
      await replica.stop()
      this.#replicas.delete(uuid)
    }
    try {
      await this.#removal.mark(uuid)
    } catch (error) {
      // it is still there, and goes on
      if (replica !== undefined) await this.#hostStored(directory)
      throw error
    }
    logger.info('replica.removed', { volume: uuid, name: replica?.name, epoch: request.epoch })
  }

  #measureSoon(): void {
    const { clock, logger } = this.#o.ports
    this.#measuring = clock.after(MEASURE_EVERY_MS, () => {
      const all = [...this.#replicas.values()]
      const replica = all[this.#measured++ % Math.max(1, all.length)]
      const measured = replica?.measure() ?? Promise.resolve()
      measured
        .catch((error: unknown) => {
          if (!isBlockError(error)) this.#o.onFatal(error)
          logger.warn('replica.not_measured', { volume: replica?.name }, error)
        })
        .finally(() => {
          if (!this.#isStopping) this.#measureSoon()
        })
    })
  }

  #checkName(replica: HostedReplica, { name }: NewReplica): void {
    if (replica.name === name) return
    throw new BlockError('CONFLICT', `volume ${replica.volume} is called '${replica.name}' here`)
  }

  async #findOrMake(
    volume: Uint8Array,
    authority: string | null,
    create: NewReplica | undefined,
  ): Promise<HostedReplica> {
    const replica = await this.#alone(() => this.#findOrMakeAlone(volume, authority, create))
    if (create !== undefined) this.#checkName(replica, create)
    return replica
  }

  async #findOrMakeAlone(
    volume: Uint8Array,
    authority: string | null,
    create: NewReplica | undefined,
  ): Promise<HostedReplica> {
    const uuid = formatUuid(volume)
    const known = this.#replicas.get(uuid)
    if (known !== undefined) return known
    await this.#removal.gone(uuid)
    const directory = `${this.#o.path}/${uuid}`
    if (await this.#o.ports.disk.exists(directory)) throw noReplica(directory)
    if (create === undefined) throw notFound(uuid)
    const why = this.#o.whyNoNew?.()
    if (why !== undefined) throw new BlockError('READ_ONLY', `no replica is made here: ${why}`)
    if (this.#replicas.size >= REPLICAS_MAX) {
      throw new BlockError('NO_SPACE', `this server has ${REPLICAS_MAX} replicas already`)
    }
    await this.#make(volume, create, { authority, madeIn: create.madeIn, settings: null })
    return this.#hostStored(directory)
  }

  /** Begins to open the replica in `directory`; its record, and CORRUPT or UNKNOWN_FORMAT when that cannot be read. */
  async #hostStored(directory: string): Promise<HostedReplica> {
    const { disk } = this.#o.ports
    const record = await readReplicaRecord(disk, directory)
    if (record === undefined) throw noReplica(directory)
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
    const { ports, served, means, path, open, link, onFatal } = this.#o
    const { name } = identity
    const volume = formatUuid(identity.uuid)
    const directory = `${path}/${volume}`
    const latencies = makeLatencyRecorders()
    const recorders = new ReplicaRecorders(latencies)
    const logDirectory = this.#logDirectoryOf(volume)
    const place = { directory, logDirectory, madeIn: record.madeIn, meters: recorders }
    const replica = new HostedReplica({
      volume,
      name,
      sizeBytes: identity.sizeBytes,
      open: (calls) => open(place, calls),
      // what a host finds here is what it left at the primary before
      serve: (standby) => served.volume({ name, volume, latencies, first: 'failover', standby }),
      lead: new Lead({ ...means, served, volume, uuid: identity.uuid, name, logger: ports.logger, onFatal }),
      latencies,
      recorders,
      record,
      saveRecord: (changed) => saveReplicaRecord(ports.disk, directory, changed),
      link,
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

const notFound = (volume: string): BlockError =>
  new BlockError('NOT_FOUND', `this server has no replica of volume ${printable(volume)}`)

const noReplica = (directory: string): BlockError =>
  new BlockError('CONFLICT', `${directory} is there and cannot be used as a replica; see the log`)

/** INVALID_ARGUMENT for what is no UUID. */
function uuidOf(volume: string): Uint8Array {
  const uuid = parseUuid(volume)
  if (uuid !== undefined) return uuid
  throw new BlockError('INVALID_ARGUMENT', `volume: '${printable(volume)}' is not a UUID`)
}
