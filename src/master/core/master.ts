/**
 * The master as people and programs see it (master-api.ts): what is asked becomes a change of the records with its event,
 * what takes time becomes a job, and what is shown comes from the records and from what servers said last. Who may ask is
 * settled by the caller; secrets arrive sealed.
 */
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { formatUuid, randomUuid } from '../../base/uuid.ts'
import { placementPlanner, rebalancePlan } from '../jobs/placement-planner.ts'
import { JobRunner } from '../jobs/runner.ts'
import { isOver } from '../jobs/turns.ts'
import type { ServerLinks } from '../links.ts'
import type {
  AttachInfo,
  Caller,
  ClusterView,
  CreateVolume,
  EventQuery,
  MasterApi,
  Page,
  Preflight,
  RebalanceMove,
  ResolvedPolicy,
  ServerView,
  VolumePlan,
  VolumeView,
} from '../master-api.ts'
import { place } from '../placement/place.ts'
import { resolvePolicy } from '../placement/resolve.ts'
import { placementServers } from '../placement/servers.ts'
import type { PlacementSettings } from '../placement/settings.ts'
import type { AccessRecord, EventRecord, JobRecord, QosRecord } from '../records.ts'
import { attachInfo } from './attach-info.ts'
import type { Cluster, LeadStatus } from './cluster.ts'
import { findJob, findMadeVolume, findServer, findVolume, refuseLocked } from './lookup.ts'
import { MasterServices } from './master-services.ts'
import { pageOf } from './paging.ts'
import { setPreset } from './preset-requests.ts'
import { Publications } from './publications.ts'
import type { Change, RecordStore, RecordsView } from './records-view.ts'
import * as servers from './server-requests.ts'
import { type Counters, clusterView, loadsOf, refusalView, serverView, waitView } from './server-views.ts'
import * as volumes from './volume-requests.ts'
import { type ViewSources, volumeView } from './volume-views.ts'

export interface MasterOptions {
  readonly store: RecordStore
  readonly cluster: Cluster
  readonly links: ServerLinks
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly placement: PlacementSettings
  /** Opens what the cluster's secrets key closed. */
  readonly unseal: (sealed: string) => string
  /** What the names of iSCSI targets and NVMe subsystems begin with. */
  readonly iqnPrefix: string
  readonly nqnPrefix: string
}

export class Master implements MasterApi {
  readonly #options: MasterOptions
  readonly #jobs: JobRunner
  readonly #counters: Counters = { promotionsTotal: 0, failoversTotal: 0, rebuildsTotal: 0 }
  #endings: (() => void)[] = []
  readonly #services: MasterServices
  readonly #publications: Publications

  constructor(options: MasterOptions) {
    this.#options = options
    const { store, cluster, links, clock, random, log, placement, unseal } = options
    const planner = placementPlanner(placement, clock.bootMs())
    const { live, leads } = cluster
    this.#jobs = new JobRunner({ store, links, live, leads, planner, clock, random, log, unseal })
    const asking = {
      ask: this.#ask.bind(this),
      volume: (uuid: string) => this.volume(uuid),
    }
    this.#publications = new Publications({ ...asking, store, cluster, clock, unseal })
    this.#services = new MasterServices(
      {
        ...{ store, links, live, clock, random, log, unseal },
        ...asking,
        job: (id) => this.job(id),
        newId: () => this.#newId(),
      },
      () => this.#jobs.look(),
    )
  }

  /** Takes up the jobs that had not ended. The cluster runtime is started by whoever made it. */
  start(): void {
    this.#endings = [this.#options.store.subscribe((event) => this.#count(event))]
    this.#jobs.start()
    this.#services.start()
  }

  /** No job is decided any more. Store and cluster runtime are closed by whoever made them. */
  close(): void {
    for (const ending of this.#endings) ending()
    this.#jobs.close()
    this.#services.close()
  }

  resolveVolume(wish: CreateVolume): ResolvedPolicy {
    return resolvePolicy(wish, this.#view.servers())
  }

  planVolume(wish: CreateVolume): VolumePlan {
    const resolved = this.resolveVolume(wish)
    if (resolved.policy === null) {
      return { ...resolved, plan: { primary: null, replicas: [], candidates: [], rejections: [] } }
    }
    const { cluster, placement } = this.#options
    const placed = place(resolved.policy, placementServers(this.#view, cluster.live), placement)
    return {
      ...resolved,
      plan: placed.plan,
      errors: [...resolved.errors, ...placed.errors],
      warnings: [...resolved.warnings, ...placed.warnings],
    }
  }

  async createVolume(
    caller: Caller,
    wish: CreateVolume,
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord | null }> {
    const uuid = this.#newId()
    const made = await this.#ask(caller, (records, context) =>
      volumes.createVolume(records, wish, uuid, context),
    )
    return { volume: this.volume(made.volume), job: made.job === null ? null : this.job(made.job) }
  }

  volume(name: string): VolumeView {
    return volumeView(findVolume(this.#view, name), this.#viewSources())
  }

  attachInfo(name: string): AttachInfo {
    return attachInfo(this.volume(name))
  }

  volumes(page: Parameters<MasterApi['volumes']>[0]): Page<VolumeView> {
    const server = page.server === undefined ? null : findServer(this.#view, page.server).id
    const list = server === null ? this.#view.volumes() : this.#view.volumesOn(server)
    const sources = this.#viewSources()
    return pageOf(
      list,
      page,
      ({ name }) => name,
      (record) => {
        const view = volumeView(record, sources)
        return page.health === undefined || view.health === page.health ? view : undefined
      },
    )
  }

  async deleteVolume(
    caller: Caller,
    name: string,
    request: { readonly keepSnapshots: boolean } = { keepSnapshots: false },
  ): Promise<JobRecord> {
    return this.#job(caller, (records, context) => volumes.deleteVolume(records, name, request, context))
  }

  async expandVolume(caller: Caller, name: string, sizeBytes: number): Promise<JobRecord> {
    return this.#job(caller, (records, context) => volumes.expandVolume(records, name, sizeBytes, context))
  }

  preflight(name: string): Preflight {
    const volume = findVolume(this.#view, name)
    const found = this.#options.cluster.leads.preflight(volume.uuid)
    const { isPromotable, reason, message, isPrimaryAlive, candidate, rejections, atRisk } = found
    const { waits, refusal } = this.#options.cluster.leads.status(volume.uuid)
    const nowMs = this.#options.clock.bootMs()
    return {
      isPromotable,
      reason: `${reason}: ${message}`,
      primary: volume.lead.primary,
      isPrimaryAlive,
      candidate,
      rejections,
      atRisk,
      unreached: found.unreached,
      waits: waits.map((wait) => waitView(wait, nowMs)),
      refusal: refusal === null ? null : refusalView(refusal, nowMs),
    }
  }

  async promoteVolume(
    caller: Caller,
    name: string,
    request: { readonly server?: string; readonly force: boolean; readonly reason: string },
  ): Promise<VolumeView> {
    refuseLocked(this.#view)
    const { uuid } = findMadeVolume(this.#view, name)
    const server = request.server === undefined ? null : findServer(this.#view, request.server).id
    await this.#ask(caller, (records) => ({
      writes: [],
      events: [
        volumes.auditEvent(caller, {
          severity: request.force ? 'warning' : 'info',
          kind: 'volume.promotion_asked',
          volume: uuid,
          server,
          message: `a promotion of ${findVolume(records, uuid).name} is asked for${request.force ? ', by force' : ''}`,
          reason: request.reason,
        }),
      ],
      result: undefined,
    }))
    await this.#options.cluster.leads.promote(uuid, {
      server,
      force: request.force,
      actor: caller.actor,
      requestId: caller.requestId,
    })
    return this.volume(uuid)
  }

  async moveVolume(
    caller: Caller,
    name: string,
    request: { readonly to?: string; readonly from?: string },
  ): Promise<JobRecord> {
    return this.#job(caller, (records, context) => volumes.moveVolume(records, name, request, context))
  }

  async setAccess(caller: Caller, name: string, access: AccessRecord): Promise<VolumeView> {
    return this.#changed(
      await this.#ask(caller, (records, context) => volumes.setAccess(records, name, access, context)),
    )
  }

  async setQos(caller: Caller, name: string, qos: Partial<QosRecord>): Promise<VolumeView> {
    return this.#changed(
      await this.#ask(caller, (records, context) => volumes.setQos(records, name, qos, context)),
    )
  }

  async setPreset(caller: Caller, name: string, preset: string): ReturnType<MasterApi['setPreset']> {
    const made = await this.#ask(caller, (records, context) => setPreset(records, name, preset, context))
    const { volume, job, warnings } = made
    return { volume: this.volume(volume), job: job === null ? null : this.job(job), warnings }
  }

  publishVolume: MasterApi['publishVolume'] = (...r) => this.#publications.publishVolume(...r)
  unpublishVolume: MasterApi['unpublishVolume'] = (...r) => this.#publications.unpublishVolume(...r)

  servers(): readonly ServerView[] {
    const loads = loadsOf(this.#view.volumes())
    const { cluster, clock } = this.#options
    return this.#view.servers().map((record) => serverView(record, loads, cluster.live, clock.bootMs()))
  }

  server(name: string): ServerView {
    const record = findServer(this.#view, name)
    const { cluster, clock } = this.#options
    return serverView(record, loadsOf(this.#view.volumesOn(record.id)), cluster.live, clock.bootMs())
  }

  async setCordoned(caller: Caller, name: string, isCordoned: boolean): Promise<ServerView> {
    const id = await this.#ask(caller, (records, context) =>
      servers.setCordoned(records, name, isCordoned, context),
    )
    return this.server(id)
  }

  async drainServer(caller: Caller, name: string): Promise<JobRecord> {
    return this.#job(caller, (records, context) => servers.drainServer(records, name, context))
  }

  async removeServer(caller: Caller, name: string, request: { readonly force: boolean }): Promise<void> {
    const held = await this.#ask(caller, (records, context) =>
      servers.removeServer(records, name, request, context),
    )
    for (const uuid of held) this.#options.cluster.leads.wake(uuid)
  }

  planRebalance(): readonly RebalanceMove[] {
    return rebalancePlan(this.#view, this.#options.cluster.live, this.#options.placement)
  }

  async rebalance(caller: Caller): Promise<JobRecord> {
    return this.#job(caller, (records, context) =>
      servers.rebalance(records, rebalancePlan(records, context.live, context.settings), context),
    )
  }

  cluster(): ClusterView {
    const { store, cluster, clock } = this.#options
    const status = (volume: string): LeadStatus => cluster.leads.status(volume)
    return clusterView(store, cluster.live, status, this.#counters, clock.bootMs())
  }

  async recover(caller: Caller, { force }: { readonly force: boolean }): Promise<ClusterView> {
    await this.#options.cluster.recover({ force, actor: caller.actor })
    this.#jobs.look()
    return this.cluster()
  }

  jobs({ state, after, limit }: Parameters<MasterApi['jobs']>[0]): Page<JobRecord> {
    return pageOf(
      this.#view.jobs(),
      after === undefined ? { limit } : { after, limit },
      // of one length as long as times have 13 digits: texts sort as the jobs do
      ({ createdAt, id }) => `${String(createdAt).padStart(16, '0')} ${id}`,
      (job) => (state === undefined || job.state === state ? this.#jobs.shown(job) : undefined),
    )
  }

  job(id: string): JobRecord {
    return this.#jobs.shown(findJob(this.#view, id))
  }

  async cancelJob(caller: Caller, id: string): Promise<JobRecord> {
    return this.#job(caller, (records, context) => servers.cancelJob(records, id, context))
  }

  events(query: EventQuery): readonly EventRecord[] {
    return this.#options.store.events(query)
  }

  subscribe(listener: (event: EventRecord) => void): () => void {
    return this.#options.store.subscribe(listener)
  }

  protection: MasterApi['protection'] = () => this.#services.snapshots.protection()
  snapshots: MasterApi['snapshots'] = (...r) => this.#services.snapshots.snapshots(...r)
  snapshot: MasterApi['snapshot'] = (...r) => this.#services.snapshots.snapshot(...r)
  allSnapshots: MasterApi['allSnapshots'] = (...r) => this.#services.snapshots.allSnapshots(...r)
  createSnapshot: MasterApi['createSnapshot'] = (...r) => this.#services.snapshots.createSnapshot(...r)
  deleteSnapshot: MasterApi['deleteSnapshot'] = (...r) => this.#services.snapshots.deleteSnapshot(...r)
  exposeSnapshot: MasterApi['exposeSnapshot'] = (...r) => this.#services.snapshots.exposeSnapshot(...r)
  restoreSnapshot: MasterApi['restoreSnapshot'] = (...r) => this.#services.snapshots.restoreSnapshot(...r)
  cloneSnapshot: MasterApi['cloneSnapshot'] = (...r) => this.#services.snapshots.cloneSnapshot(...r)
  createSnapshotGroup: MasterApi['createSnapshotGroup'] = (...r) =>
    this.#services.snapshots.createSnapshotGroup(...r)
  scrubVolume: MasterApi['scrubVolume'] = (...r) => this.#services.snapshots.scrubVolume(...r)
  schedules: MasterApi['schedules'] = (...r) => this.#services.schedules.schedules(...r)
  schedule: MasterApi['schedule'] = (...r) => this.#services.schedules.schedule(...r)
  createSchedule: MasterApi['createSchedule'] = (...r) => this.#services.schedules.createSchedule(...r)
  setSchedule: MasterApi['setSchedule'] = (...r) => this.#services.schedules.setSchedule(...r)
  deleteSchedule: MasterApi['deleteSchedule'] = (...r) => this.#services.schedules.deleteSchedule(...r)
  repositories: MasterApi['repositories'] = (...r) => this.#services.backups.repositories(...r)
  repository: MasterApi['repository'] = (...r) => this.#services.backups.repository(...r)
  createRepository: MasterApi['createRepository'] = (...r) => this.#services.backups.createRepository(...r)
  setRepository: MasterApi['setRepository'] = (...r) => this.#services.backups.setRepository(...r)
  deleteRepository: MasterApi['deleteRepository'] = (...r) => this.#services.backups.deleteRepository(...r)
  checkRepository: MasterApi['checkRepository'] = (...r) => this.#services.backups.checkRepository(...r)
  backupVolume: MasterApi['backupVolume'] = (...r) => this.#services.backups.backupVolume(...r)
  backups: MasterApi['backups'] = (...r) => this.#services.backups.backups(...r)
  backup: MasterApi['backup'] = (...r) => this.#services.backups.backup(...r)
  restoreBackup: MasterApi['restoreBackup'] = (...r) => this.#services.backups.restoreBackup(...r)
  verifyBackup: MasterApi['verifyBackup'] = (...r) => this.#services.backups.verifyBackup(...r)
  deleteBackup: MasterApi['deleteBackup'] = (...r) => this.#services.backups.deleteBackup(...r)
  pruneBackups: MasterApi['pruneBackups'] = (...r) => this.#services.backups.pruneBackups(...r)

  get #view(): RecordsView {
    return this.#options.store.view
  }

  #viewSources(): ViewSources {
    const { cluster, iqnPrefix, nqnPrefix } = this.#options
    const running = this.#view.jobs().filter((job) => !isOver(job))
    return {
      records: this.#view,
      live: cluster.live,
      iqnPrefix,
      nqnPrefix,
      running,
      snapshotBytes: (volume) => this.#services.snapshots.bytesOf(volume),
    }
  }

  #newId(): string {
    return formatUuid(randomUuid(this.#options.random))
  }

  /** A change of the records that somebody asked for; jobs look at once at what it made. */
  async #ask<T>(
    caller: Caller,
    decide: (records: RecordsView, context: volumes.RequestContext) => Change<T>,
  ): Promise<T> {
    const { store, cluster, clock, placement } = this.#options
    const context = {
      caller,
      live: cluster.live,
      settings: placement,
      wallMs: Math.trunc(clock.wallMs()),
      jobId: this.#newId(),
      epochId: this.#options.random.u64(),
    }
    const result = await store.change((records) => decide(records, context))
    this.#jobs.look()
    return result
  }

  async #job(
    caller: Caller,
    decide: (records: RecordsView, context: volumes.RequestContext) => Change<string>,
  ): Promise<JobRecord> {
    return this.job(await this.#ask(caller, decide))
  }

  #changed(uuid: string): VolumeView {
    this.#options.cluster.leads.wake(uuid)
    return this.volume(uuid)
  }

  #count({ kind, reason }: EventRecord): void {
    const counters = this.#counters
    if (kind === 'replica.replaced') counters.rebuildsTotal += 1
    if (kind !== 'volume.promoted' && kind !== 'volume.promoted_with_loss') return
    counters.promotionsTotal += 1
    if (reason === 'failover' || reason === 'forced') counters.failoversTotal += 1
  }
}
