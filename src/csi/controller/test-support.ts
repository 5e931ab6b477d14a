/**
 * A master in memory that behaves: names are unique, what is made twice is found, volumes take some looks until they are made,
 * clones some until they are filled. `cutAt` ends the driver after one of its requests, which was done, or before it was.
 */
import { BlockError } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import { formatSnapshotId, type SnapshotId } from '../core/ids.ts'
import type { CsiCall, Rpc } from '../server/handlers.ts'
import { ControllerDriver } from './controller-driver.ts'
import type {
  MasterPort,
  Page,
  PageWish,
  PublicationWish,
  ServerInfo,
  SnapshotInfo,
  VolumeInfo,
  VolumeWish,
} from './master-port.ts'

import type { OnlyNode } from './ports.ts'

type Made = { -readonly [K in keyof VolumeInfo]: VolumeInfo[K] } & {
  /** Looks until it is active. */
  looks: number
  /** Deletions of its origin that are refused until it is filled. */
  fills: number
  writers: Map<string, PublicationWish>
}

const refusal = (code: BlockError['code'], reason: string, facts = {}): BlockError =>
  new BlockError(code, reason, { facts: { reason, ...facts } })

export class MemoryMaster implements MasterPort {
  readonly volumesById = new Map<string, Made>()
  readonly snapshotsById = new Map<string, SnapshotInfo>()
  /** What was asked, by method. */
  readonly calls: string[] = []
  serverList: ServerInfo[] = []
  looksUntilActive = 2
  fillsUntilWhole = 1
  /** A backup job runs. */
  isBackedUp = false
  #next = 1
  nowMs = 1_790_000_000_000

  findVolume: MasterPort['findVolume'] = async (id) => this.#seen(this.volumesById.get(id))
  findVolumeNamed: MasterPort['findVolumeNamed'] = async (name) => this.#seen(this.#named(name))
  volumes: MasterPort['volumes'] = async (page) =>
    pageOf(
      [...this.volumesById.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      ({ name }) => name,
      page,
    )

  createVolume: MasterPort['createVolume'] = async (wish) => this.#make(wish, null)
  cloneSnapshot: MasterPort['cloneSnapshot'] = async (source, wish) => {
    const snapshot = this.#snapshot(source)
    if (snapshot.state !== 'ready') throw refusal('CONFLICT', 'not_ready')
    return this.#make(wish, source)
  }
  resolvePolicy: MasterPort['resolvePolicy'] = async (wish) => policyOf(wish)
  deleteVolume: MasterPort['deleteVolume'] = async (id) => {
    const volume = this.#volume(id)
    if (volume.publications.length > 0) throw refusal('CONFLICT', 'published')
    if (this.isBackedUp) throw refusal('CONFLICT', 'in_use')
    const hasOthers = this.#snapshotsOf(id).some(({ isOfBackup }) => !isOfBackup)
    if (hasOthers) throw refusal('CONFLICT', 'has_snapshots')
    volume.status = 'deleting'
    volume.looks = this.looksUntilActive
  }
  expandVolume: MasterPort['expandVolume'] = async (id, sizeBytes) => {
    this.#volume(id).sizeBytes = sizeBytes
    return { id: 'job-expand', state: 'running', message: null }
  }
  setPreset: MasterPort['setPreset'] = async (id, preset) => {
    const volume = this.#volume(id)
    if (volume.preset === preset) return null
    volume.preset = preset
    return { id: 'job-policy', state: 'running', message: null }
  }
  setQos: MasterPort['setQos'] = async (id) => void this.#volume(id)
  setChap: MasterPort['setChap'] = async (id, { user }) => {
    this.#volume(id).chapUser = user
  }
  publish: MasterPort['publish'] = async (id, node, wish) => {
    const volume = this.#volume(id)
    if (volume.status === 'creating') throw refusal('CONFLICT', 'being_made')
    const there = volume.writers.get(node)
    if (there !== undefined) {
      const isSame = there.isReadOnly === wish.isReadOnly && there.isShared === wish.isShared
      if (!isSame) throw refusal('CONFLICT', 'published_differently')
    }
    for (const [other, { isShared }] of volume.writers) {
      if (other !== node && !(isShared && wish.isShared)) {
        throw refusal('CONFLICT', 'published_elsewhere', { node: other })
      }
    }
    volume.writers.set(node, wish)
    volume.publications = publicationsOf(volume)
  }
  unpublish: MasterPort['unpublish'] = async (id, node) => {
    const volume = this.#volume(id)
    volume.writers.delete(node)
    volume.publications = publicationsOf(volume)
  }

  findSnapshot: MasterPort['findSnapshot'] = async (id) =>
    this.snapshotsById.get(formatSnapshotId(id)) ?? null
  snapshots: MasterPort['snapshots'] = async ({ volume, name, ...page }) =>
    pageOf(
      [...this.snapshotsById.values()].filter(
        (one) =>
          (volume === undefined || one.id.volume === volume) && (name === undefined || one.name === name),
      ),
      ({ id }) => formatSnapshotId(id),
      page,
    )
  createSnapshot: MasterPort['createSnapshot'] = async (volume, name) => this.#snap(volume, name, false)
  createSnapshotGroup: MasterPort['createSnapshotGroup'] = async (name, volumes) => {
    for (const volume of volumes) this.#mayBeSnapped(volume, name)
    return volumes.map((volume) => this.#snap(volume, name, true))
  }
  deleteSnapshot: MasterPort['deleteSnapshot'] = async (id) => {
    this.#snapshot(id)
    for (const clone of this.volumesById.values()) {
      if (clone.isFilling && clone.madeOf !== null && isSame(clone.madeOf, id)) {
        clone.fills -= 1
        if (clone.fills <= 0) clone.isFilling = false
        // who read it is about to hear that it is filled
        if (!clone.isFilling) throw new BlockError('CONFLICT', 'server s1: the snapshot is being read')
        throw refusal('CONFLICT', 'in_use')
      }
    }
    this.snapshotsById.delete(formatSnapshotId(id))
  }
  findJob: MasterPort['findJob'] = async (id) => ({ id, state: 'succeeded', message: null })
  servers: MasterPort['servers'] = async () => this.serverList

  #named(name: string): Made | undefined {
    return [...this.volumesById.values()].find((volume) => volume.name === name)
  }

  #volume(id: string): Made {
    const volume = this.volumesById.get(id)
    if (volume === undefined) throw refusal('NOT_FOUND', 'no_such_volume')
    return volume
  }

  #snapshot(id: SnapshotId): SnapshotInfo {
    const snapshot = this.snapshotsById.get(formatSnapshotId(id))
    if (snapshot === undefined) throw refusal('NOT_FOUND', 'no_such_snapshot')
    return snapshot
  }

  #snapshotsOf(volume: string): SnapshotInfo[] {
    return [...this.snapshotsById.values()].filter(({ id }) => id.volume === volume)
  }

  /** Every look is a moment in which jobs go on. */
  #seen(volume: Made | undefined): VolumeInfo | null {
    if (volume === undefined) return null
    const shown = { ...volume }
    if (volume.status !== 'active') {
      volume.looks -= 1
      if (volume.looks <= 0 && volume.status === 'creating') volume.status = 'active'
      else if (volume.looks <= 0) this.#gone(volume.id)
    }
    return shown
  }

  #gone(volume: string): void {
    this.volumesById.delete(volume)
    for (const { id } of this.#snapshotsOf(volume)) this.snapshotsById.delete(formatSnapshotId(id))
  }

  #make(wish: VolumeWish, madeOf: SnapshotId | null): VolumeInfo {
    const there = this.#named(wish.name)
    if (there !== undefined) {
      const isSameOrigin =
        madeOf === null ? there.madeOf === null : there.madeOf !== null && isSame(there.madeOf, madeOf)
      if (there.sizeBytes === wish.sizeBytes && isSameOrigin) return { ...there }
      throw refusal('CONFLICT', 'exists_otherwise')
    }
    const id = `00000000-0000-4000-8000-${String(this.#next++).padStart(12, '0')}`
    const volume: Made = {
      ...policyOf(wish),
      id,
      name: wish.name,
      sizeBytes: wish.sizeBytes,
      status: 'creating',
      zones: [...wish.zones].sort(),
      isServing: true,
      mayHaveLost: false,
      health: 'healthy',
      healthReasons: [],
      isFilling: madeOf !== null,
      madeOf,
      chapUser: null,
      publications: [],
      iqn: `iqn.2026-11.io.basalt:${wish.name}`,
      nqn: `nqn.2026-11.io.basalt:${wish.name}`,
      iscsiPortals: ['10.0.0.1:3260', '10.0.0.2:3260'],
      nvmePortals: ['10.0.0.1:4420'],
      looks: this.looksUntilActive,
      fills: this.fillsUntilWhole,
      writers: new Map(),
    }
    this.volumesById.set(id, volume)
    return { ...volume }
  }

  #mayBeSnapped(volume: string, name: string): void {
    const { isFilling } = this.#volume(volume)
    if (isFilling) throw refusal('CONFLICT', 'clone_filling')
    if (this.#snapshotsOf(volume).some((one) => one.name === name)) throw refusal('CONFLICT', 'exists')
  }

  #snap(volume: string, name: string, isOfGroup: boolean): SnapshotInfo {
    this.#mayBeSnapped(volume, name)
    const id = { volume, snapshot: (this.#next++).toString(16).padStart(16, '0') }
    const { sizeBytes } = this.#volume(volume)
    const createdAtMs = this.nowMs
    const snapshot = {
      id,
      name,
      state: 'ready' as const,
      sizeBytes,
      createdAtMs,
      isOfGroup,
      isOfBackup: false,
    }
    this.snapshotsById.set(formatSnapshotId(id), snapshot)
    return snapshot
  }
}

const isSame = (a: SnapshotId, b: SnapshotId): boolean => a.volume === b.volume && a.snapshot === b.snapshot

const publicationsOf = ({ writers }: Made): VolumeInfo['publications'] =>
  [...writers].map(([node, { isReadOnly, isShared }]) => ({ node, isReadOnly, isShared }))

const policyOf = (wish: VolumeWish) => ({
  preset: wish.preset ?? 'general',
  replicaFactor: wish.replicas ?? 2,
  durability: wish.durability ?? 'sync_all',
  diskType: wish.diskType ?? null,
  logicalBlockBytes: wish.logicalBlockBytes ?? 512,
  isMultipath: wish.isMultipath ?? false,
})

function pageOf<T>(items: readonly T[], keyOf: (item: T) => string, { limit, cursor }: PageWish): Page<T> {
  const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString()
  const rest = items.filter((item) => keyOf(item) > after)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return {
    items: page,
    next: rest.length > limit && last !== undefined ? Buffer.from(keyOf(last)).toString('base64url') : null,
  }
}

/** The driver's process is gone. */
export class DriverDied extends Error {}

/**
 * `master`, whose request number `at` (from 1) is the driver's last: `after` it was done, `before` it was, or `lost`, when the
 * driver lives on and hears only that the connection broke.
 */
export function cutAt(master: MemoryMaster, at: number, how: 'after' | 'before' | 'lost'): MasterPort {
  let count = 0
  const cut = async (request: () => Promise<unknown>): Promise<unknown> => {
    count += 1
    if (count < at || (how === 'lost' && count > at)) return await request()
    if (how !== 'before' && count === at) await request()
    throw how === 'lost' ? new BlockError('DISCONNECTED', 'no answer') : new DriverDied()
  }
  return new Proxy<MasterPort>(master, {
    get(target, name: keyof MasterPort) {
      const method = target[name] as (...given: unknown[]) => Promise<unknown>
      return (...given: unknown[]) => cut(() => method(...given))
    },
  })
}

/** Time that passes at once: what waits is run in a later turn. */
class FastClock implements Clock {
  #nowMs = 0

  monotonicMs = (): number => this.#nowMs
  bootMs = (): number => this.#nowMs
  wallMs = (): number => 1_790_000_000_000 + this.#nowMs

  after(delayMs: number, callback: () => void): Timer {
    const turn = setImmediate(() => {
      this.#nowMs += delayMs
      callback()
    })
    return { cancel: () => clearImmediate(turn) }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  async yield(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export const driverOf = (master: MasterPort, onlyNode: OnlyNode | null = null): ControllerDriver =>
  new ControllerDriver({ master, clock: new FastClock(), log: silentLogger, onlyNode })

/** One call, as a client without deadline makes it; `signal` ends it. */
export const ask = <Request, Response>(
  rpc: Rpc<Request, Response>,
  request: Request,
  signal: AbortSignal = new AbortController().signal,
): Promise<Response> => rpc.handle(request, callOf(signal))

const callOf = (signal: AbortSignal): CsiCall => ({ signal, deadlineMs: null, log: silentLogger })
