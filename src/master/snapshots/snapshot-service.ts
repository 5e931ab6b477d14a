/** Snapshots as people ask for them (`SnapshotApi`). What is asked is recorded first; who asks is answered when it is done. */
import { BlockError, isBlockError } from '../../base/errors.ts'
import { findLivingVolume, findVolume } from '../core/lookup.ts'
import { pageOf } from '../core/paging.ts'
import type { Change, RecordsView } from '../core/records-view.ts'
import { auditEvent, type RequestContext } from '../core/volume-requests.ts'
import type { JobPorts } from '../jobs/ports.ts'
import type { SnapshotFacts } from '../links.ts'
import type { Caller, Page, VolumeView } from '../master-api.ts'
import type { JobRecord, SnapshotRecord, VolumeRecord } from '../records.ts'
import {
  type DerivedVolume,
  type ProtectionView,
  SNAPSHOT_INFIX,
  type SnapshotApi,
  type SnapshotView,
} from '../snapshot-api.ts'
import { type Derived, deriveVolume } from './derive.ts'
import { DirectCalls, isConflict } from './direct-calls.ts'
import type { SnapshotKeeper } from './keeper.ts'
import { listed, listKey } from './list.ts'
import { protectionView } from './protection.ts'
import * as requests from './requests.ts'
import type { VolumeTurns } from './turns.ts'

/** What the master gives to its parts. */
export interface ServicePorts extends Pick<JobPorts, 'store' | 'links' | 'live' | 'clock' | 'random'> {
  /** A change of the records that somebody asked for; jobs look at once at what it made. */
  ask<T>(caller: Caller, decide: (records: RecordsView, context: RequestContext) => Change<T>): Promise<T>
  volume(uuid: string): VolumeView
  job(id: string): JobRecord
  newId(): string
}

export class SnapshotService implements SnapshotApi {
  readonly #ports: ServicePorts
  readonly #turns: VolumeTurns
  readonly #keeper: SnapshotKeeper
  readonly #calls: DirectCalls

  constructor(ports: ServicePorts, turns: VolumeTurns, keeper: SnapshotKeeper) {
    this.#ports = ports
    this.#turns = turns
    this.#keeper = keeper
    this.#calls = new DirectCalls(ports)
  }

  protection(): ProtectionView {
    return protectionView(this.#view, this.#ports.live, (volume) => this.bytesOf(volume))
  }

  async snapshots(name: string): Promise<readonly SnapshotView[]> {
    const { uuid } = findVolume(this.#view, name)
    await this.#refresh(uuid)
    const volume = findVolume(this.#view, uuid)
    return this.#view.snapshotsOf(uuid).map((record) => this.#show(volume, record))
  }

  async snapshot(name: string, snapshotName: string): Promise<SnapshotView> {
    const { uuid } = findVolume(this.#view, name)
    await this.#refresh(uuid)
    const volume = findVolume(this.#view, uuid)
    return this.#show(volume, requests.findSnapshot(this.#view, volume, snapshotName))
  }

  allSnapshots(page: Parameters<SnapshotApi['allSnapshots']>[0]): Page<SnapshotView> {
    return pageOf(listed(this.#view, page), page, listKey, (record) => {
      const volume = this.#view.volume(record.volume)
      return volume === undefined ? undefined : this.#show(volume, record)
    })
  }

  createSnapshot(caller: Caller, name: string, request: { readonly name: string }): Promise<SnapshotView> {
    return this.create(caller, name, { name: request.name, schedule: null })
  }

  /** As `createSnapshot`; one of a schedule goes by its rules. */
  async create(
    caller: Caller,
    name: string,
    wish: { readonly name: string; readonly schedule: string | null },
  ): Promise<SnapshotView> {
    const { uuid } = findLivingVolume(this.#view, name)
    const id = this.#newSnapshotId()
    return await this.#turns.during([uuid], async () => {
      const record = await this.#ports.ask(caller, (records, context) => {
        this.#calls.primaryOf(uuid)
        return requests.beginSnapshot(records, uuid, { ...wish, id, group: null }, context)
      })
      try {
        const facts = await this.#calls.create(record)
        await this.#made(caller, [record], [facts])
      } catch (error) {
        await this.#giveUp([record])
        throw error
      }
      return this.#shown(record)
    })
  }

  async deleteSnapshot(caller: Caller, name: string, snapshotName: string): Promise<void> {
    const { uuid } = findVolume(this.#view, name)
    await this.#turns.during([uuid], async () => {
      const before = await this.#ports.ask(caller, (records, context) => {
        const { result, ...change } = requests.beginDelete(records, uuid, snapshotName, context)
        return { ...change, result: result && records.snapshot(uuid, result.id) }
      })
      if (before === null || before === undefined) return
      await this.#delete(before)
    })
  }

  /** Of one that is recorded as deleting; `before`: what it was. It is that again only when it is certain that it is there. */
  async #delete(before: SnapshotRecord): Promise<void> {
    const { volume, id } = before
    let isCertain = true
    try {
      await this.#calls.atPrimary(volume, async ({ server, led }) => {
        try {
          await this.#keeper.delete(server, led, id)
        } catch (error) {
          // whatever else it ends with, the log may have it
          isCertain &&= isBlockError(error, 'CONFLICT')
          throw error
        }
      })
    } catch (error) {
      if (!isBlockError(error)) throw error
      if (isConflict(error) && isCertain && before.state !== 'deleting') {
        await this.#put(before, 'deleting')
        throw error
      }
      const message = `${error.message}; the snapshot is deleted as soon as that is possible`
      throw new BlockError('BUSY', message, { facts: { reason: 'deleted_later' }, cause: error })
    }
  }

  async exposeSnapshot(
    caller: Caller,
    name: string,
    snapshotName: string,
    isExposed: boolean,
  ): Promise<SnapshotView> {
    const { uuid } = findLivingVolume(this.#view, name)
    return await this.#turns.during([uuid], async () => {
      const record = await this.#ports.ask(caller, (records, context) =>
        requests.setExposed(records, uuid, snapshotName, isExposed, context),
      )
      // one that nobody could be told of is told of later, by who keeps snapshots
      await this.#calls.atPrimary(uuid, ({ server, led }) =>
        this.#ports.links.exposeSnapshot(server, { ...led, id: record.id, isExposed }),
      )
      return this.#shown(record)
    })
  }

  async restoreSnapshot(
    caller: Caller,
    name: string,
    snapshotName: string,
    request: { readonly force: boolean },
  ): Promise<JobRecord> {
    const id = await this.#ports.ask(caller, (records, context) =>
      requests.restoreSnapshot(records, name, snapshotName, request, context),
    )
    return this.#ports.job(id)
  }

  async scrubVolume(caller: Caller, name: string, request: { readonly repair: boolean }): Promise<JobRecord> {
    const id = await this.#ports.ask(caller, (records, context) =>
      requests.scrubVolume(records, name, request, context),
    )
    return this.#ports.job(id)
  }

  async cloneSnapshot(
    caller: Caller,
    name: string,
    snapshotName: string,
    wish: DerivedVolume,
  ): Promise<{ readonly volume: VolumeView; readonly job: JobRecord | null }> {
    const uuid = this.#ports.newId()
    const made = await this.#ports.ask(caller, (records, context) => {
      const source = findLivingVolume(records, name)
      requests.refuseFilling(source)
      const snapshot = requests.findReadySnapshot(records, source, snapshotName)
      const { sizeBytes } = snapshot
      const derived: Derived = {
        kind: 'clone',
        sizeBytes,
        logicalBlockBytes: source.logicalBlockBytes,
        origin: { volume: source.uuid, snapshot: snapshot.id, sizeBytes },
        data: { source: source.uuid, from: snapshot.id },
        what: `snapshot ${snapshot.name} of ${source.name}`,
      }
      return deriveVolume(records, wish, derived, uuid, context)
    })
    return {
      volume: this.#ports.volume(made.volume),
      job: made.job === null ? null : this.#ports.job(made.job),
    }
  }

  async createSnapshotGroup(
    caller: Caller,
    request: { readonly name: string; readonly volumes: readonly string[] },
  ): Promise<readonly SnapshotView[]> {
    const uuids = [...new Set(request.volumes.map((volume) => findLivingVolume(this.#view, volume).uuid))]
    const group = this.#ports.newId()
    const ids = uuids.map(() => this.#newSnapshotId())
    return await this.#turns.during(uuids, async () => {
      const begun = await this.#ports.ask(caller, (records, context) => {
        const all = uuids.map((uuid, n) => {
          this.#calls.primaryOf(uuid)
          const wish = { name: request.name, id: ids[n]!, group, schedule: null }
          return requests.beginSnapshot(records, uuid, wish, context)
        })
        return {
          writes: all.flatMap(({ writes }) => writes),
          result: all.map(({ result }) => result),
        }
      })
      try {
        const facts = await this.#calls.createTogether(begun)
        await this.#made(caller, begun, facts)
      } catch (error) {
        await this.#giveUp(begun)
        throw error
      }
      return begun.map((record) => this.#shown(record))
    })
  }

  /** What a volume's snapshots take, as it was told last; null: not known. */
  bytesOf(volume: string): number | null {
    const told = this.#keeper.usage(volume)
    if (told === undefined) return this.#view.snapshotsOf(volume).length === 0 ? 0 : null
    return told.snapshots.reduce(
      (sum, { heldBytes }) => sum + heldBytes,
      told.freeingBytes + told.metadataBytes,
    )
  }

  get #view(): RecordsView {
    return this.#ports.store.view
  }

  #newSnapshotId(): string {
    for (;;) {
      const id = this.#ports.random.u64()
      if (id !== 0n) return id.toString(16).padStart(16, '0')
    }
  }

  /** All of them in one change: of a group there is all or nothing. */
  async #made(
    caller: Caller,
    records: readonly SnapshotRecord[],
    facts: readonly SnapshotFacts[],
  ): Promise<void> {
    await this.#ports.ask(caller, (view) => ({
      writes: records.flatMap((record, n) => {
        const { lsn, sizeBytes } = facts[n]!
        const now = view.snapshot(record.volume, record.id)
        if (now === undefined) return []
        return [{ kind: 'snapshot' as const, record: { ...now, state: 'ready' as const, lsn, sizeBytes } }]
      }),
      events: records.map((record, n) =>
        auditEvent(caller, {
          kind: 'snapshot.created',
          volume: record.volume,
          message: `snapshot ${record.name} of ${view.volume(record.volume)?.name ?? record.volume} is made`,
          lsn: facts[n]!.lsn,
        }),
      ),
      result: undefined,
    }))
  }

  /** It may have been made: it is deleted to be sure, by who keeps snapshots. */
  async #giveUp(records: readonly SnapshotRecord[]): Promise<void> {
    try {
      for (const record of records) await this.#put({ ...record, state: 'deleting' }, 'creating')
    } catch (error) {
      // the next master ends what is still `creating`
      if (!isBlockError(error)) throw error
    }
    this.#keeper.look()
  }

  async #put(record: SnapshotRecord, whenIn: SnapshotRecord['state']): Promise<void> {
    await this.#ports.store.change((records) => {
      const now = records.snapshot(record.volume, record.id)
      return now?.state === whenIn
        ? { writes: [{ kind: 'snapshot', record: { ...now, state: record.state } }], result: undefined }
        : { writes: [], result: undefined }
    })
  }

  /** Asks the primary for what is shown, unless it cannot be had. */
  async #refresh(uuid: string): Promise<void> {
    if (this.#view.snapshotsOf(uuid).length === 0 || this.#turns.isBusy(uuid)) return
    try {
      await this.#turns.during([uuid], () => this.#keeper.reconcile(uuid))
    } catch (error) {
      if (!isBlockError(error)) throw error
    }
  }

  #shown({ volume, id }: SnapshotRecord): SnapshotView {
    const now = this.#view.snapshot(volume, id)
    if (now === undefined) throw new BlockError('NOT_FOUND', 'the snapshot is gone again')
    return this.#show(findVolume(this.#view, volume), now)
  }

  #show(volume: VolumeRecord, record: SnapshotRecord): SnapshotView {
    const told = this.#keeper.usage(volume.uuid)?.snapshots.find(({ id }) => id === record.id)
    const { iqn, nqn, iscsi, nvme } = this.#ports.volume(volume.uuid)
    return {
      record,
      volumeName: volume.name,
      heldBytes: told?.heldBytes ?? null,
      exclusiveBytes: told?.exclusiveBytes ?? null,
      exposed:
        record.isExposed && iqn !== null
          ? {
              iqn: `${iqn}${SNAPSHOT_INFIX}${record.name}`,
              nqn: `${nqn}${SNAPSHOT_INFIX}${record.name}`,
              iscsi,
              nvme,
            }
          : null,
    }
  }
}
