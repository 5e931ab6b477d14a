/**
 * What a volume gets when its maker says only what it is for. Every preset is `sync_all`: a mode that may lose
 * acknowledged writes has to be asked for by name. docs/placement.md says why the numbers are as they are.
 */
import { alignDown, BLOCK_BYTES, GIB, MIB } from '../../base/units.ts'
import { defaultLogBytes, LOG_BYTES_MAX } from '../../base/volume-limits.ts'
import type { DiskType, PresetName } from '../records.ts'

export interface Preset {
  readonly replicaFactor: number
  readonly durability: 'sync_all'
  /** Of so many replicas: what must be in sync for hosts to be served. */
  readonly minInSync: (replicaFactor: number) => number
  /** Null: the engine's own choice. */
  readonly logBytes: (sizeBytes: number) => number | null
  /** A smaller log than this slows writers down; a warning says so. */
  readonly logBytesWanted: number
  /** Servers with these are taken first, in this order; the others when these are not to be had. */
  readonly preferredDiskTypes: readonly DiskType[]
}

/** The log takes its space at once: not more than a sixteenth of the volume beyond what every volume has. */
const largeLogBytes = (sizeBytes: number): number =>
  Math.max(defaultLogBytes(sizeBytes), Math.min(GIB, LOG_BYTES_MAX, alignDown(sizeBytes / 16, BLOCK_BYTES)))

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  general: {
    replicaFactor: 2,
    durability: 'sync_all',
    minInSync: () => 1,
    logBytes: () => null,
    logBytesWanted: 32 * MIB,
    preferredDiskTypes: [],
  },
  database: {
    replicaFactor: 3,
    durability: 'sync_all',
    // a commit is on two servers at least, and one server may still go away without a pause
    minInSync: (replicaFactor) => Math.max(1, Math.min(2, replicaFactor - 1)),
    logBytes: () => null,
    logBytesWanted: 128 * MIB,
    preferredDiskTypes: ['nvme', 'ssd'],
  },
  throughput: {
    replicaFactor: 2,
    durability: 'sync_all',
    minInSync: () => 1,
    logBytes: largeLogBytes,
    logBytesWanted: 128 * MIB,
    preferredDiskTypes: [],
  },
}

export const DEFAULT_PRESET: PresetName = 'general'

/** The names come from outside: `constructor` and the like are no presets. */
export const isPresetName = (name: unknown): name is PresetName =>
  typeof name === 'string' && Object.hasOwn(PRESETS, name)
