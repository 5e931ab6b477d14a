/**
 * What one seed makes of a simulation: the volume's shape, its settings, the load, and which faults there are. Each
 * seed has only some of the faults (swarm testing): a run in which everything goes wrong at once hides most bugs
 * behind the first error.
 */
import { GIB, KIB, MIB } from '../../src/base/units.ts'
import type { Tuning } from '../../src/blockvol/tuning.ts'
import { FAULT_KINDS, type FaultKind, type FaultRates } from './faults.ts'
import type { SeededRandom } from './random.ts'
import type { SnapshotProfile } from './snapshot-load.ts'

export interface SimProfile {
  readonly shape: {
    readonly sizeBytes: number
    readonly logBytes: number
    readonly logicalBlockBytes: 512 | 4096
  }
  readonly tuning: Partial<Tuning>
  /** Clients that work at once. */
  readonly clients: number
  /** Blocks that most operations hit. */
  readonly hotBlocks: number
  /** Greatest length of an operation, in blocks. */
  readonly blocksMax: number
  readonly faults: FaultRates
  /** Share of client steps after which a bit rots somewhere. */
  readonly rot: number
  /** Share of client steps after which the kernel drops the clean pages of a file. */
  readonly evictions: number
  /** Calls of the disk port between two crashes, on average. */
  readonly callsPerCrash: number
  /** Space beyond what the volume's files have at the start; no bound when undefined. */
  readonly spareBytes: number | undefined
  readonly snapshots: SnapshotProfile
}

/** What a fault may do to the bytes, and so what a volume may answer. */
export interface Damage {
  /** Content or structures on the medium may be bad: MEDIUM, CORRUPT and LOG_DAMAGED are honest answers. */
  readonly mayBreak: boolean
  /** A disk may report durable what is not: nobody can tell until the content is missed. */
  readonly mayLie: boolean
  /** The disk gives errors: POISONED, DISK and BUSY are honest answers. */
  readonly mayFail: boolean
}

/** Faults that occur together. */
export type Swarm = readonly SwarmFault[]
export const SWARM_FAULTS = [...FAULT_KINDS, 'rot', 'full'] as const
type SwarmFault = (typeof SWARM_FAULTS)[number]

const RATES: Record<FaultKind, number> = {
  readError: 0.01,
  badPage: 0.01,
  writeError: 0.001,
  syncError: 0.004,
  syncLie: 0.05,
  misdirectedWrite: 0.01,
  misdirectedRead: 0.02,
  slow: 0.02,
  hang: 0.002,
  cacheMiss: 0.2,
}

/** Faults that go together in a seed. */
const SWARMS: readonly Swarm[] = [
  [],
  ['cacheMiss'],
  ['slow', 'cacheMiss'],
  ['hang'],
  ['readError', 'cacheMiss'],
  ['badPage', 'cacheMiss'],
  ['writeError'],
  ['syncError', 'cacheMiss'],
  ['syncLie'],
  ['rot', 'cacheMiss'],
  ['misdirectedRead', 'cacheMiss'],
  ['misdirectedWrite', 'cacheMiss'],
  ['full'],
  ['full', 'slow'],
  ['readError', 'writeError', 'syncError', 'slow', 'hang'],
  ['rot', 'misdirectedRead', 'misdirectedWrite', 'badPage'],
]

/** What a seed draws; the faults are `only`, if that is given. */
export function drawProfile(random: SeededRandom, only?: Swarm): SimProfile {
  const drawn = random.pick(SWARMS)
  const swarm = only ?? drawn
  const logBytes = random.pick([64 * KIB, 128 * KIB, 256 * KIB, MIB])
  const faults: FaultRates = {}
  for (const kind of swarm) if (kind !== 'rot' && kind !== 'full') faults[kind] = RATES[kind]
  return {
    shape: {
      sizeBytes: random.pick([MIB, 3 * MIB, 9 * MIB]),
      logBytes,
      logicalBlockBytes: random.chance(0.7) ? 512 : 4096,
    },
    tuning: {
      scrubIntervalMs: random.pick([0, 0, 500]),
      scrubBytesPerSecond: GIB,
      idleFlushMs: random.pick([5, 50, 2_000]),
      flushWatermark: random.pick([0.1, 0.4, 0.6, 0.9]),
      softWatermark: random.pick([0.5, 0.8]),
      admissionTimeoutMs: random.pick([1_000, 5_000]),
      hungDiskMs: random.pick([2_000, 30_000]),
      flushRetryMs: random.pick([20, 1_000]),
      mapCacheBytes: random.pick([4 * KIB, 8 * KIB, 4 * MIB]),
      pendingBytesMax: random.pick([64 * KIB, MIB]),
      dirtyRangesMax: random.pick([8, 64, 16_384]),
      reserveBytes: swarm.includes('full') ? 256 * KIB : 0,
    },
    clients: random.pick([1, 2, 4, 8]),
    hotBlocks: random.pick([3, 10, 60]),
    blocksMax: random.pick([1, 4, 24]),
    faults,
    rot: swarm.includes('rot') ? 0.02 : 0,
    evictions: Object.keys(faults).length > 0 ? 0.02 : 0,
    callsPerCrash: random.pick([100, 300, 1_000]),
    spareBytes: swarm.includes('full') ? random.pick([512 * KIB, MIB]) : undefined,
    // drawn by itself, so that the rest of a seed is what it was
    snapshots: drawSnapshots(random.fork('snapshots')),
  }
}

/** How busy operators are in a seed. */
export function drawSnapshots(random: SeededRandom): SnapshotProfile {
  return {
    operators: random.pick([0, 1, 1, 2, 3]),
    kept: random.pick([1, 3, 8, 20]),
    thinkMs: random.pick([
      [0.1, 1],
      [1, 20, 100],
    ]),
    restores: random.pick([0, 1, 1, 6]),
  }
}

export function damageOf({ faults, rot }: SimProfile): Damage {
  const has = (kind: FaultKind): boolean => (faults[kind] ?? 0) > 0
  return {
    mayBreak:
      rot > 0 || has('misdirectedWrite') || has('misdirectedRead') || has('readError') || has('badPage'),
    mayLie: has('syncLie') || has('misdirectedWrite'),
    mayFail:
      has('readError') ||
      has('badPage') ||
      has('writeError') ||
      has('syncError') ||
      has('hang') ||
      has('slow'),
  }
}
