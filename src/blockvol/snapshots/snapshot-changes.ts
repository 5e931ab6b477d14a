/**
 * Snapshots, restores and the origin of a clone, as entries of the log: what is refused, and when. An entry of these kinds is
 * decided where it gets its LSN: those that change the list of snapshots stand alone in their groups or are the same twice, so
 * the state there is that of everything before.
 */
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import type { WriteOptions } from '../../base/ports/block-device.ts'
import type { Origin } from '../../base/ports/origin.ts'
import type { SnapshotInfo } from '../../base/ports/snapshots.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { formatUuid, parseUuid } from '../../base/uuid.ts'
import { ENTRY_KIND } from '../format/log-group.ts'
import { encodeCreate, encodeDelete, encodeOrigin, encodeRestore } from '../format/snapshot-entries.ts'
import { SNAPSHOTS_MAX, type SnapshotRecord, type VolumeState } from '../format/state.ts'
import type { StateChanges } from '../state-changes.ts'
import { FORMAT_LEVEL, SNAPSHOT_LEVEL, type StateKeeper } from '../state-keeper.ts'

export interface SnapshotChangesOptions {
  readonly state: StateKeeper
  readonly changes: StateChanges
  readonly wallMs: () => number
  /** Least format level that those know who get the log. */
  readonly formatLevelMax: () => number
  /** Whether nothing was ever written to the volume. */
  readonly isPristine: () => boolean
  /** Images of a snapshot that are open here. */
  readonly openImages: (id: bigint) => number
  /** Takes the locks of all blocks; gives the call that gives them back, idempotent. */
  readonly lockAll: () => Promise<() => void>
}

/** What is asked for is there already: no entry is appended. */
class Done extends Error {
  /** The entry that did it. */
  readonly lsn: number

  constructor(lsn: number) {
    super('done already')
    this.lsn = lsn
  }
}

export class SnapshotChanges {
  readonly #o: SnapshotChangesOptions

  constructor(options: SnapshotChangesOptions) {
    this.#o = options
  }

  get #current(): VolumeState {
    return this.#o.state.current
  }

  find(id: bigint): SnapshotRecord | undefined {
    return this.#current.snapshots.find((snapshot) => snapshot.id === id)
  }

  /** The snapshot; NOT_FOUND. */
  get(id: bigint): SnapshotRecord {
    const found = this.find(id)
    if (found !== undefined) return found
    throw new BlockError('NOT_FOUND', `there is no snapshot ${idText(id)}`, { facts: { id: idText(id) } })
  }

  async create({ id, name }: { id: bigint; name: string }, options: WriteOptions): Promise<SnapshotInfo> {
    if (id === 0n) throw new BlockError('INVALID_ARGUMENT', 'the id of a snapshot is not 0')
    parseVolumeName(name, 'snapshot')
    const admit = (): void => {
      const { snapshots } = this.#current
      const same = this.find(id)
      if (same?.name === name) throw new Done(same.lsn)
      if (same !== undefined) throw conflict(`snapshot ${idText(id)} is there with another name`)
      if (snapshots.some((snapshot) => snapshot.name === name)) throw conflict(`snapshot ${name} is there`)
      this.#refuseUnfilled()
      if (snapshots.length >= SNAPSHOTS_MAX) {
        throw new BlockError('NO_SPACE', `a volume has at most ${SNAPSHOTS_MAX} snapshots`)
      }
      options.admit?.()
    }
    const data = encodeCreate({ id, createdWallMs: Math.max(0, Math.round(this.#o.wallMs())), name })
    await this.#append(ENTRY_KIND.snapshotCreate, data, admit)
    return this.get(id)
  }

  async delete(id: bigint, options: WriteOptions): Promise<void> {
    await this.#append(ENTRY_KIND.snapshotDelete, encodeDelete(id), () => {
      // that it is gone was perhaps appended just now
      if (this.find(id) === undefined) throw new Done(this.#current.asOfLsn)
      if (this.#o.openImages(id) > 0) throw conflict(`snapshot ${idText(id)} is being read`)
      options.admit?.()
    })
  }

  async restore(id: bigint, options: WriteOptions): Promise<void> {
    const data = encodeRestore(this.get(id))
    // what reads and then writes a part of a block, or compares, must not have a restore between the two
    const release = await this.#o.lockAll()
    try {
      await this.#append(
        ENTRY_KIND.restore,
        data,
        () => {
          // while this waited it may have been deleted, and made again of other content: nobody keeps what it was before
          data.set(encodeRestore(this.get(id)))
          this.#refuseUnfilled()
          options.admit?.()
        },
        release,
      )
    } finally {
      release()
    }
  }

  async setOrigin(origin: Origin, options: WriteOptions): Promise<void> {
    const volume = parseUuid(origin.volume)
    const isSize = origin.sizeBytes > 0 && origin.sizeBytes % BLOCK_BYTES === 0
    if (volume === undefined || origin.snapshot === 0n || !isSize) {
      throw new BlockError('INVALID_ARGUMENT', 'the origin of a clone is a snapshot of a volume, with a size')
    }
    await this.#append(ENTRY_KIND.origin, encodeOrigin({ ...origin, volume }), () => {
      const { origin: own, sizeBytes, asOfLsn } = this.#current
      const isSame =
        own !== undefined && own.snapshot === origin.snapshot && own.sizeBytes === origin.sizeBytes
      if (isSame && formatUuid(own.volume) === origin.volume) throw new Done(asOfLsn)
      if (own !== undefined || !this.#o.isPristine()) throw conflict('the volume is not new')
      if (sizeBytes < origin.sizeBytes) throw conflict('a clone is at least as large as what it is made of')
      options.admit?.()
    })
  }

  /** The clone is filled. */
  async endOrigin(options: WriteOptions): Promise<void> {
    await this.#append(ENTRY_KIND.origin, undefined, () => {
      if (this.#current.origin === undefined) throw new Done(this.#current.asOfLsn)
      options.admit?.()
    })
  }

  #refuseUnfilled(): void {
    if (this.#current.origin !== undefined) throw conflict('the clone is still being filled')
  }

  async #append(
    kind: (typeof ENTRY_KIND)[keyof typeof ENTRY_KIND],
    data: Uint8Array | undefined,
    admit: () => void,
    appended?: () => void,
  ): Promise<void> {
    await this.#raiseFormat()
    const argument = kind === ENTRY_KIND.origin && data !== undefined ? ORIGIN_ARGUMENT : 0
    try {
      await this.#o.changes.append(kind, { argument, blocks: 0, data }, admit, appended)
    } catch (error) {
      if (!(error instanceof Done)) throw error
      await this.#o.changes.settled(error.lsn)
    }
  }

  /** Entries of a kind that an older program does not know come after one that says so. */
  async #raiseFormat(): Promise<void> {
    if (this.#current.formatLevel >= SNAPSHOT_LEVEL) return
    const known = this.#o.formatLevelMax()
    if (known < SNAPSHOT_LEVEL) {
      throw conflict('a replica runs a release without snapshots; upgrade it first', { known })
    }
    const entry = { argument: FORMAT_LEVEL, blocks: 0, data: undefined }
    await this.#o.changes.append(ENTRY_KIND.formatLevel, entry)
  }
}

/** Of an origin entry that names one. */
const ORIGIN_ARGUMENT = 32

/** Ids are 16 hex digits in text. */
const idText = (id: bigint): string => id.toString(16).padStart(16, '0')

const conflict = (text: string, facts: Record<string, string | number> = {}): BlockError =>
  new BlockError('CONFLICT', text, { facts })
