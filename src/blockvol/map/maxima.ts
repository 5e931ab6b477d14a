/**
 * Per grain of blocks, an LSN that no block of the grain exceeds in the map: what a delta scan and a trim of
 * untouched space may skip. Allowed to be too high, never too low, so a rise is durable before the map pages that
 * it covers are written. Sectors are cached within a bound; those that changed stay until they are durable.
 */
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { decodeMaxima, encodeMaxima, MAXIMA_SECTOR_BYTES, SECTOR_GRAINS } from '../format/maxima-sector.ts'
import { PatientReads } from './patient-reads.ts'

const CACHED_SECTORS_MAX = 1024
/**
 * Stands in for the maxima of a damaged sector, for good: too high is allowed, so scans look at these grains, no more.
 * Above every checkpoint, it vouches for no page.
 */
export const UNKNOWN_MAXIMUM = Number.MAX_SAFE_INTEGER
/** Sectors read at once. */
const READ_SECTORS = 8

export class GrainMaxima {
  readonly grainBlocks: number
  readonly #file: DiskFile
  readonly #sectors = new Map<number, Float64Array>()
  readonly #changed = new Set<number>()
  readonly #reads: PatientReads
  /** Sectors from here on were never written: the file ends. */
  #endSector: number

  private constructor(file: DiskFile, grainBlocks: number, endSector: number, clock: Clock) {
    // what a failed sync of an earlier process has lost may still be in the page cache, and must not count as raised
    this.#reads = new PatientReads(clock, { isCached: false })
    this.#file = file
    this.grainBlocks = grainBlocks
    this.#endSector = endSector
  }

  static async open(file: DiskFile, grainBlocks: number, clock: Clock): Promise<GrainMaxima> {
    // what a process that died left behind counts as raised, so it has to be durable
    await file.datasync()
    const endSector = Math.ceil((await file.sizeBytes()) / MAXIMA_SECTOR_BYTES)
    return new GrainMaxima(file, grainBlocks, endSector, clock)
  }

  /** No grain from here on has a maximum above 0. */
  get endGrain(): number {
    let endSector = this.#endSector
    for (const index of this.#changed) endSector = Math.max(endSector, index + 1)
    return endSector * SECTOR_GRAINS
  }

  grainOf(block: number): number {
    return Math.floor(block / this.grainBlocks)
  }

  async #load(index: number): Promise<Float64Array> {
    const cached = this.#sectors.get(index)
    if (cached !== undefined) return cached
    if (index >= this.#endSector) return new Float64Array(SECTOR_GRAINS)
    const first = index - (index % READ_SECTORS)
    const bytes = new Uint8Array(READ_SECTORS * MAXIMA_SECTOR_BYTES)
    const isRead = await this.#reads.read(first, this.#file, bytes, first * MAXIMA_SECTOR_BYTES)
    if (!isRead) bytes.fill(0xff)
    for (let s = 0; s < READ_SECTORS; s++) {
      if (this.#sectors.has(first + s)) continue
      const sector = bytes.subarray(s * MAXIMA_SECTOR_BYTES, (s + 1) * MAXIMA_SECTOR_BYTES)
      const maxima = decodeMaxima(first + s, sector)
      this.#sectors.set(first + s, maxima ?? new Float64Array(SECTOR_GRAINS).fill(UNKNOWN_MAXIMUM))
    }
    this.#evict(first)
    const loaded = this.#sectors.get(index)
    assert(loaded !== undefined, 'a sector that was just read is in memory')
    return loaded
  }

  /** Drops sectors that did not change; never those of the read that begins at `kept`. */
  #evict(kept: number): void {
    if (this.#sectors.size <= CACHED_SECTORS_MAX + READ_SECTORS) return
    let excess = this.#sectors.size - CACHED_SECTORS_MAX
    for (const index of this.#sectors.keys()) {
      if (excess <= READ_SECTORS) return
      if (this.#changed.has(index) || (index >= kept && index < kept + READ_SECTORS)) continue
      this.#sectors.delete(index)
      excess--
    }
  }

  /** The maximum of `grain`, when it is in memory. */
  getNow(grain: number): number | undefined {
    const index = Math.floor(grain / SECTOR_GRAINS)
    const maxima = this.#sectors.get(index)
    if (maxima === undefined) return index >= this.#endSector ? 0 : undefined
    return maxima[grain % SECTOR_GRAINS]!
  }

  /** The maximum of `grain`; 0 when no block of it was ever touched. MEDIUM while the disk gives errors for it. */
  async get(grain: number): Promise<number> {
    return (await this.#load(Math.floor(grain / SECTOR_GRAINS)))[grain % SECTOR_GRAINS]!
  }

  /** The first grain in [grain, end) with a maximum above 0, or `end`. */
  async nextTouched(grain: number, end: number): Promise<number> {
    let at = grain
    while (at < end) {
      const index = Math.floor(at / SECTOR_GRAINS)
      if (index >= this.#endSector && !this.#hasLaterChanges(index)) return end
      const maxima = await this.#load(index)
      for (; at < end && Math.floor(at / SECTOR_GRAINS) === index; at++) {
        if (maxima[at % SECTOR_GRAINS]! > 0) return at
      }
    }
    return end
  }

  #hasLaterChanges(index: number): boolean {
    for (const changed of this.#changed) if (changed >= index) return true
    return false
  }

  /** Raises the maximum of `grain` to at least `lsn`, in memory. */
  async raise(grain: number, lsn: number): Promise<void> {
    const index = Math.floor(grain / SECTOR_GRAINS)
    const maxima = await this.#load(index)
    if (maxima[grain % SECTOR_GRAINS]! >= lsn) return
    maxima[grain % SECTOR_GRAINS] = lsn
    this.#sectors.set(index, maxima)
    this.#changed.add(index)
  }

  /** Writes what was raised; durable when the promise resolves. Returns the bytes written. */
  async sync(): Promise<number> {
    const changed = [...this.#changed].sort((a, b) => a - b)
    if (changed.length === 0) return 0
    await this.#file.writeMany(
      changed.map((index) => ({
        offsetBytes: index * MAXIMA_SECTOR_BYTES,
        data: encodeMaxima(index, this.#sectors.get(index)!),
      })),
    )
    await this.#file.datasync()
    this.#endSector = Math.max(this.#endSector, changed[changed.length - 1]! + 1)
    for (const index of changed) this.#changed.delete(index)
    this.#evict(-READ_SECTORS)
    return changed.length * MAXIMA_SECTOR_BYTES
  }

  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
