/**
 * Restarts the volume on a disk that a crash left and writes down all that it then says: the content of every
 * block, its state, its progress. The same disk gives the same answer, so answers are kept by the disk's hash and
 * judged against as many moments as lead to it.
 *
 * On each disk the volume must also: keep what it showed if power fails right after it opened; keep it when a
 * block is written and flushed and power fails; keep it over a clean close.
 */
import { isZero } from '../../src/base/binary.ts'
import { isBlockError } from '../../src/base/errors.ts'
import { Volume } from '../../src/blockvol/volume.ts'
import { fillSectors, identify, placeOf, SECTOR_BYTES } from '../sim/content.ts'
import { type SimProcess, startProcess } from '../sim/machine.ts'
import type { CrashKind } from '../sim/model.ts'
import { Scheduler } from '../sim/scheduler.ts'
import type { FoundSnapshot } from '../sim/snapshot-oracle.ts'
import type { Storage } from '../sim/storage.ts'
import { crashStates, REDUCED_LIMITS } from './states.ts'
import { createVolume, openOptions, type Workload } from './workload.ts'

/** What a restart found. */
export interface Found {
  /** Why the volume did not open. */
  readonly refused: string | undefined
  /** Values of the touched sectors, in their order. */
  readonly values: Uint32Array
  /** What each snapshot has of these sectors. */
  readonly snapshots: readonly HeldSnapshot[]
  /** Content that nobody wrote there: the first of it. */
  readonly wrong: string | undefined
  readonly sizeBytes: number
  readonly frontendState: string
  readonly appendedLsn: number
  readonly checkpointLsn: number
  readonly epoch: number
  /** Whether the block that the explorer itself writes holds what it wrote. */
  readonly isMarked: boolean
}

interface HeldSnapshot extends FoundSnapshot {
  readonly values: Uint32Array
}

/** A crash inside recovery and what the second restart found. */
interface Interrupted {
  readonly label: string
  readonly kind: CrashKind
  readonly found: Found
  readonly broken: string | undefined
}

export interface Explored {
  readonly found: Found
  /** What broke on the way without any oracle: content that changed from one opening to the next. */
  readonly broken: string | undefined
  readonly interrupted: readonly Interrupted[]
}

export interface ExploreCounts {
  /** Crash states looked at, those inside recovery included. */
  states: number
  /** Of them, disks that differ. */
  distinct: number
  /** Openings of the volume. */
  restarts: number
}

/** The operation that writes the marker: after recovery, to see whether one more write harms what was there. */
const MARKER = 0xffff_ff00

/** Each kind of opening draws its own random numbers, so that no two openings in a row take the same epoch id. */
const SEEDS = { first: 101, interrupted: 202, atOnce: 303, written: 404, closed: 505 } as const

export class Explorer {
  readonly #workload: Workload
  readonly #crashesInside: boolean
  /** Ascending. */
  readonly #touched: readonly number[]
  readonly #explored = new Map<string, Explored>()
  readonly #found = new Map<string, Explored>()
  /** The volume's content as it was read last. */
  #content = new Uint8Array(0)
  readonly counts: ExploreCounts = { states: 0, distinct: 0, restarts: 0 }

  /** `crashesInside`: whether restarts are crashed again while they recover. */
  constructor(workload: Workload, touchedSectors: readonly number[], crashesInside = true) {
    this.#workload = workload
    this.#crashesInside = crashesInside
    this.#touched = [...touchedSectors].sort((a, b) => a - b)
  }

  get touchedSectors(): readonly number[] {
    return this.#touched
  }

  /** What a restart on `storage` finds, and restarts after crashes inside that restart. */
  explore(storage: Storage): Promise<Explored> {
    return this.#once(storage, this.#crashesInside)
  }

  async #once(storage: Storage, withCrashes: boolean): Promise<Explored> {
    this.counts.states++
    const hash = storage.hash()
    const known = this.#explored.get(hash) ?? (withCrashes ? undefined : this.#found.get(hash))
    if (known !== undefined) return known
    if (!this.#found.has(hash)) this.counts.distinct++
    const explored = await this.#run(storage, withCrashes)
    const kept = withCrashes ? this.#explored : this.#found
    kept.set(hash, explored)
    return explored
  }

  async #run(storage: Storage, withCrashes: boolean): Promise<Explored> {
    const snapshots: Storage[] = []
    const seed = withCrashes ? SEEDS.first : SEEDS.interrupted
    const opening = await this.#restart(storage.fork(), {
      seed,
      snapshots: withCrashes ? snapshots : undefined,
    })
    const { found } = opening
    if (found.refused !== undefined || found.wrong !== undefined) {
      return { found, broken: undefined, interrupted: [] }
    }
    const broken = await this.#check(opening)
    const interrupted: Interrupted[] = []
    for (const [index, snapshot] of snapshots.entries()) {
      for (const state of crashStates(snapshot, snapshots[index + 1], REDUCED_LIMITS)) {
        const inner = await this.#once(state.build(), false)
        const label = `recovery effect ${index}, ${state.label}`
        interrupted.push({ label, kind: state.kind, found: inner.found, broken: inner.broken })
      }
    }
    return { found, broken, interrupted }
  }

  /** What must hold of any volume that opened, whatever was on the disk. */
  async #check({ found, opened, storage }: Opening): Promise<string | undefined> {
    const atOnce = await this.#restart(powerLoss(opened), { seed: SEEDS.atOnce })
    const lost = difference(found, atOnce.found)
    if (lost !== undefined) return `shown after opening, lost when power failed at once: ${lost}`
    const written = await this.#restart(powerLoss(storage), { seed: SEEDS.written, close: true })
    const harmed = difference(found, written.found) ?? unmarked(written.found)
    if (harmed !== undefined) return `after one more write and flush, and a power loss: ${harmed}`
    const closed = await this.#restart(powerLoss(written.storage), { seed: SEEDS.closed })
    const forgotten = difference(written.found, closed.found) ?? unmarked(closed.found)
    if (forgotten !== undefined) return `after a clean close: ${forgotten}`
    return undefined
  }

  /** Opens, reads everything, writes the marker and flushes; closes too when asked. */
  async #restart(
    storage: Storage,
    options: { seed: number; snapshots?: Storage[] | undefined; close?: boolean },
  ): Promise<Opening> {
    this.counts.restarts++
    const scheduler = new Scheduler(options.seed)
    let snapshots = options.snapshots
    snapshots?.push(storage.fork())
    const process = startProcess({
      storage,
      scheduler,
      seed: options.seed,
      onEffect: () => snapshots?.push(storage.fork()),
    })
    const session = async (): Promise<Opening> => {
      let volume: Volume
      try {
        if (this.#workload.makesVolume === true) await makeIfMissing(process, this.#workload)
        volume = await Volume.open(process, openOptions(this.#workload))
      } catch (error) {
        if (!isBlockError(error)) throw error
        return { found: refusedBy(error.code, error.message), opened: storage, storage }
      }
      snapshots = undefined
      const opened = storage.fork()
      const found = await this.#look(volume)
      if (found.wrong === undefined) {
        await this.#writeMarker(volume)
        await volume.flush()
        if (options.close === true) await volume.close()
      }
      return { found, opened, storage }
    }
    try {
      return await scheduler.until(session(), { what: 'a restart', limitMs: 60_000 })
    } finally {
      process.life.end()
    }
  }

  /** Reads the whole volume; `content` is what it has, `wrong` why not. */
  async #look(volume: Volume): Promise<Found> {
    const { appendedLsn, checkpointLsn, epoch } = volume.status()
    if (this.#content.byteLength !== volume.sizeBytes) this.#content = new Uint8Array(volume.sizeBytes)
    const content = this.#content
    const values = new Uint32Array(this.#touched.length)
    const snapshots: HeldSnapshot[] = []
    let wrong: string | undefined
    let isMarked = false
    try {
      if (!volume.readNow(0, content)) await volume.read(0, content)
      isMarked = takeMarker(content, this.#markerSector, volume.logicalBlockBytes)
      wrong = this.#identify(content, values, volume.logicalBlockBytes)
      for (const info of volume.snapshots()) {
        const held = new Uint32Array(this.#touched.length)
        const image = await volume.openSnapshot(info.id)
        content.fill(0)
        await image.read(0, content.subarray(0, image.sizeBytes))
        await image.close()
        const bad = this.#identify(content, held, volume.logicalBlockBytes)
        if (bad !== undefined) wrong ??= `${info.name}: ${bad}`
        snapshots.push({ info, place: image.identity, values: held })
      }
    } catch (error) {
      if (!isBlockError(error)) throw error
      wrong = `a read failed with ${error.code}: ${error.message}`
    }
    return {
      refused: undefined,
      values,
      snapshots,
      wrong,
      sizeBytes: volume.sizeBytes,
      frontendState: Buffer.from(volume.frontendState()).toString(),
      appendedLsn,
      checkpointLsn,
      epoch: epoch.number,
      isMarked,
    }
  }

  /** Fills `values`; returns what is wrong, sectors that nobody touched included. */
  #identify(content: Uint8Array, values: Uint32Array, logicalBlockBytes: number): string | undefined {
    const sectors = content.byteLength / SECTOR_BYTES
    let next = 0
    for (const [index, sector] of this.#touched.entries()) {
      if (sector >= sectors) continue
      const value = identify(content, sector * SECTOR_BYTES, sector, logicalBlockBytes)
      if (typeof value !== 'number') return `${placeOf(sector)} holds ${value.wrong}`
      values[index] = value
      if (!areZeros(content, next, sector)) return untouched(next, sector)
      next = sector + 1
    }
    return areZeros(content, next, sectors) ? undefined : untouched(next, sectors)
  }

  /** The marker stands in the last block of the volume as it was made, which no workload touches. */
  get #markerSector(): number {
    return this.#workload.shape.sizeBytes / SECTOR_BYTES - MARKER_SECTORS
  }

  async #writeMarker(volume: Volume): Promise<void> {
    const data = new Uint8Array(MARKER_SECTORS * SECTOR_BYTES)
    const sector = this.#markerSector
    await volume.write(sector * SECTOR_BYTES, fillSectors(data, sector, MARKER))
  }
}

const MARKER_SECTORS = 8

interface Opening {
  readonly found: Found
  /** The disk right after the opening, before anything was asked. */
  readonly opened: Storage
  /** The disk at the end. */
  readonly storage: Storage
}

const powerLoss = (storage: Storage): Storage => storage.afterPowerLoss(() => 'none')

/** Blanks the marker in `content`; returns whether it was there as a whole. */
function takeMarker(content: Uint8Array, firstSector: number, logicalBlockBytes: number): boolean {
  let found = 0
  for (let sector = firstSector; sector < firstSector + MARKER_SECTORS; sector++) {
    if (identify(content, sector * SECTOR_BYTES, sector, logicalBlockBytes) !== MARKER) continue
    content.fill(0, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
    found++
  }
  return found === MARKER_SECTORS
}

function areZeros(content: Uint8Array, startSector: number, endSector: number): boolean {
  if (startSector >= endSector) return true
  return isZero(content.subarray(startSector * SECTOR_BYTES, endSector * SECTOR_BYTES))
}

const untouched = (startSector: number, endSector: number): string =>
  `sectors ${startSector} to ${endSector - 1}, which nobody touched, are not zeros`

async function makeIfMissing(process: SimProcess, workload: Workload): Promise<void> {
  try {
    await createVolume(process, workload.shape)
  } catch (error) {
    if (!isBlockError(error, 'CONFLICT')) throw error
  }
}

const refusedBy = (code: string, message: string): Found => ({
  refused: `${code}: ${message}`,
  values: new Uint32Array(0),
  snapshots: [],
  wrong: undefined,
  sizeBytes: 0,
  frontendState: '',
  appendedLsn: 0,
  checkpointLsn: 0,
  epoch: 0,
  isMarked: false,
})

const unmarked = (found: Found): string | undefined =>
  found.isMarked ? undefined : 'the block that was written and flushed last is not there'

function difference(first: Found, second: Found): string | undefined {
  if (second.refused !== undefined) return `it does not open: ${second.refused}`
  if (second.wrong !== undefined) return second.wrong
  if (second.sizeBytes !== first.sizeBytes)
    return `the size went from ${first.sizeBytes} to ${second.sizeBytes}`
  if (second.frontendState !== first.frontendState) return 'the front-end state changed'
  if (second.epoch <= first.epoch) return `epoch ${second.epoch} follows epoch ${first.epoch}`
  const moved = changed(first.values, second.values)
  if (moved !== undefined) return moved
  const names = (found: Found): string => found.snapshots.map(({ info }) => info.name).join(', ')
  if (names(first) !== names(second)) return `the snapshots went from '${names(first)}' to '${names(second)}'`
  for (const [i, { info, values }] of first.snapshots.entries()) {
    const other = changed(values, second.snapshots[i]!.values)
    if (other !== undefined) return `${info.name}: ${other}`
  }
  return undefined
}

function changed(first: Uint32Array, second: Uint32Array): string | undefined {
  for (let i = 0; i < first.length; i++) {
    if (first[i] !== second[i]) return `touched sector ${i} went from operation ${first[i]} to ${second[i]}`
  }
  return undefined
}
