/**
 * The master over its HTTP API. A 404 counts as "not there" only with the reason by which the master says so: another service
 * behind a wrong address also answers 404, and a volume that is thought gone is forgotten for good.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import { pathOf, withQuery } from '../../client/wire/common.ts'
import type {
  JobInfo,
  MasterPort,
  Page,
  PageWish,
  PublicationWish,
  ResolvedPolicy,
  ServerInfo,
  SnapshotInfo,
  VolumeInfo,
  VolumeWish,
} from '../controller/master-port.ts'
import type { SnapshotId } from '../core/ids.ts'
import type { QosParameters } from '../core/parameters.ts'
import type { ChapSecrets } from '../core/secrets.ts'
import {
  Job,
  jobInfo,
  PolicyChanged,
  policyInfo,
  Resolved,
  ServerPage,
  Snapshot,
  SnapshotList,
  SnapshotPage,
  serverInfo,
  snapshotInfo,
  Volume,
  VolumePage,
  volumeInfo,
} from './shapes.ts'
import { Slots } from './slots.ts'

/** Each is a connection of its own; a storm of calls is not to become one of connections. */
const REQUESTS_MAX = 32
const SERVERS_PAGE = 1000
/** Reasons of a 404 that mean what is asked for. */
const GONE: ReadonlySet<unknown> = new Set(['no_such_volume', 'no_such_snapshot', 'no_such_job'])

type Method = Parameters<ApiClient['call']>[0]

export class ApiMaster implements MasterPort {
  readonly #api: ApiClient
  readonly #slots = new Slots(REQUESTS_MAX)

  constructor(api: ApiClient) {
    this.#api = api
  }

  async findVolume(id: string, signal: AbortSignal): Promise<VolumeInfo | null> {
    const found = await this.#find(pathOf('volume', id), Volume, signal)
    if (found === null || found.id === id) return found && volumeInfo(found)
    throw new BlockError(
      'CONFLICT',
      `volume ${found.id} is called like the id of volume ${id}, and hides it; clone it under another name, and delete it`,
    )
  }

  async findVolumeNamed(name: string, signal: AbortSignal): Promise<VolumeInfo | null> {
    const found = await this.#find(pathOf('volume', name), Volume, signal)
    return found && volumeInfo(found)
  }

  async volumes({ limit, cursor }: PageWish, signal: AbortSignal): Promise<Page<VolumeInfo>> {
    const path = withQuery('/block/volumes', { limit, cursor })
    const page = await this.#call('GET', path, VolumePage, signal)
    return { items: page.volumes.map(volumeInfo), next: page.next_cursor }
  }

  async createVolume(wish: VolumeWish, signal: AbortSignal): Promise<VolumeInfo> {
    const body = { ...bodyOf(wish), closed: true }
    return volumeInfo(await this.#call('POST', pathOf('volume'), Volume, signal, body))
  }

  async cloneSnapshot(
    { volume, snapshot }: SnapshotId,
    wish: VolumeWish,
    signal: AbortSignal,
  ): Promise<VolumeInfo> {
    // it has the blocks of its source
    const { logical_block_bytes: _, ...body } = bodyOf(wish)
    const path = pathOf('volume', volume, 'snapshots', snapshot, 'clone')
    return volumeInfo(await this.#call('POST', path, Volume, signal, { ...body, closed: true }))
  }

  async resolvePolicy(wish: VolumeWish, signal: AbortSignal): Promise<ResolvedPolicy> {
    const path = pathOf('volume', 'resolve')
    const { policy, errors } = await this.#call('POST', path, Resolved, signal, bodyOf(wish))
    if (policy !== null) return policyInfo(policy)
    throw new BlockError('INVALID_ARGUMENT', errors.map(({ message }) => message).join('; '), {
      facts: { reason: errors[0]?.code },
    })
  }

  async deleteVolume(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', withQuery(pathOf('volume', id), { keep_snapshots: true }), Job, signal)
  }

  async expandVolume(id: string, sizeBytes: number, signal: AbortSignal): Promise<JobInfo> {
    const body = { new_size_bytes: sizeBytes }
    return jobInfo(await this.#call('POST', pathOf('volume', id, 'expand'), Job, signal, body))
  }

  async setPreset(id: string, preset: string, signal: AbortSignal): Promise<JobInfo | null> {
    const path = pathOf('volume', id, 'policy')
    const { job } = await this.#call('PUT', path, PolicyChanged, signal, { preset })
    return job === null ? null : { id: job, state: 'running', message: null }
  }

  async setQos(id: string, qos: QosParameters, signal: AbortSignal): Promise<void> {
    await this.#call('PUT', pathOf('volume', id, 'qos'), Type.Unknown(), signal, qosBody(qos))
  }

  async setChap(id: string, chap: ChapSecrets, signal: AbortSignal): Promise<void> {
    const body = { initiators: [], hosts: [], chap, dhchap: [] }
    await this.#call('PUT', pathOf('volume', id, 'access'), Type.Unknown(), signal, body)
  }

  async publish(id: string, node: string, wish: PublicationWish, signal: AbortSignal): Promise<void> {
    const { iqn, nqn, dhchap, isReadOnly, isShared } = wish
    const body = {
      initiator: iqn,
      host: nqn,
      ...(dhchap && { dhchap: { secret: dhchap.secret, controller_secret: dhchap.controllerSecret } }),
      read_only: isReadOnly,
      shared: isShared,
    }
    await this.#call('PUT', pathOf('volume', id, 'publications', node), Type.Unknown(), signal, body)
  }

  async unpublish(id: string, node: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', pathOf('volume', id, 'publications', node), Type.Unknown(), signal)
  }

  async findSnapshot(id: SnapshotId, signal: AbortSignal): Promise<SnapshotInfo | null> {
    const found = await this.#find(pathOf('volume', id.volume, 'snapshots', id.snapshot), Snapshot, signal)
    return found === null ? null : snapshotInfo(isMeant(found, id))
  }

  async snapshots(
    query: Parameters<MasterPort['snapshots']>[0],
    signal: AbortSignal,
  ): Promise<Page<SnapshotInfo>> {
    const page = await this.#find(withQuery('/block/snapshots', { ...query }), SnapshotPage, signal)
    if (page === null) return { items: [], next: null }
    return { items: page.snapshots.map(snapshotInfo), next: page.next_cursor }
  }

  async createSnapshot(volume: string, name: string, signal: AbortSignal): Promise<SnapshotInfo> {
    const path = pathOf('volume', volume, 'snapshots')
    return snapshotInfo(await this.#call('POST', path, Snapshot, signal, { name }))
  }

  async createSnapshotGroup(
    name: string,
    volumes: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly SnapshotInfo[]> {
    const path = pathOf('snapshot-groups')
    const { snapshots } = await this.#call('POST', path, SnapshotList, signal, { name, volumes })
    return snapshots.map(snapshotInfo)
  }

  async deleteSnapshot(id: SnapshotId, signal: AbortSignal): Promise<void> {
    const path = pathOf('volume', id.volume, 'snapshots', id.snapshot)
    // the API takes a name before an id, and what is deleted is gone
    isMeant(await this.#call('GET', path, Snapshot, signal), id)
    await this.#call('DELETE', path, Type.Unknown(), signal)
  }

  async findJob(id: string, signal: AbortSignal): Promise<JobInfo | null> {
    const found = await this.#find(pathOf('job', id), Job, signal)
    return found && jobInfo(found)
  }

  async servers(signal: AbortSignal): Promise<readonly ServerInfo[]> {
    const all: ServerInfo[] = []
    let cursor: string | undefined
    do {
      const path = withQuery('/block/servers', { limit: SERVERS_PAGE, cursor })
      const page = await this.#call('GET', path, ServerPage, signal)
      all.push(...page.servers.map(serverInfo))
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
    return all
  }

  async #find<S extends TSchema>(path: string, schema: S, signal: AbortSignal): Promise<Static<S> | null> {
    try {
      return await this.#call('GET', path, schema, signal)
    } catch (error) {
      if (isBlockError(error, 'NOT_FOUND')) return null
      throw error
    }
  }

  /** NOT_FOUND only of what the master does not have; PROTOCOL of a path that nobody there knows. */
  async #call<S extends TSchema>(
    method: Method,
    path: string,
    schema: S,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<Static<S>> {
    try {
      return await this.#slots.during(signal, () => this.#api.call(method, path, schema, body, signal))
    } catch (error) {
      if (!isBlockError(error, 'NOT_FOUND') || GONE.has(error.facts.reason)) throw error
      throw new BlockError(
        'PROTOCOL',
        `${this.#api.connection.origin} does not know ${path.split('?')[0]}; is it the master, and of this version?`,
        { cause: error },
      )
    }
  }
}

/** CONFLICT when the answer is another snapshot, that is called like the id. */
function isMeant(found: Static<typeof Snapshot>, { snapshot }: SnapshotId): Static<typeof Snapshot> {
  if (found.id === snapshot) return found
  throw new BlockError(
    'CONFLICT',
    `snapshot ${found.id} is called like the id of snapshot ${snapshot}, and hides it; delete it by its own id`,
  )
}

/** Absent fields are as the preset has them. */
const bodyOf = (wish: VolumeWish) => ({
  name: wish.name,
  size_bytes: wish.sizeBytes,
  preset: wish.preset,
  replica_factor: wish.replicas,
  durability_mode: wish.durability,
  disk_type: wish.diskType,
  logical_block_bytes: wish.logicalBlockBytes,
  multipath: wish.isMultipath,
  ...(wish.zones.length === 0 ? {} : { zones: wish.zones }),
  ...(wish.qos === undefined ? {} : { qos: qosBody(wish.qos) }),
})

const qosBody = (qos: QosParameters) => ({
  iops: qos.iops,
  iops_burst: qos.iopsBurst,
  bytes_per_second: qos.bytesPerSecond,
  bytes_burst: qos.bytesBurst,
})
