/**
 * From what somebody wishes for a volume to its policy: preset, overrides, warnings and errors. The wish may come from
 * outside as it is: nothing of it is believed, and nothing of it is looked at but the fields that there are.
 *
 * RF 1 to 5: each replica costs a whole copy and adds its latency to every write of `sync_all`; five survive any two
 * losses in a quorum, and more serve no volume better.
 */
import { isBlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import { formatSize } from '../../base/sizes.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import {
  defaultLogBytes,
  LOG_BYTES_MAX,
  LOG_BYTES_MIN,
  VOLUME_BYTES_MAX,
  VOLUME_BYTES_MIN,
} from '../../base/volume-limits.ts'
import type { Policy } from '../../v2engine/policy.ts'
import type { CreateVolume, ResolvedPolicy } from '../master-api.ts'
import type { PlacementWish, PresetName, ServerRecord } from '../records.ts'
import { Findings, shown } from './findings.ts'
import { DEFAULT_PRESET, isPresetName, PRESETS } from './presets.ts'
import { NO_LIMITS, resolveQos } from './qos-limits.ts'
import { DISK_TYPES, resolveWish } from './resolve-wish.ts'
import { warnOfCluster } from './warnings.ts'

const REPLICAS_MAX = 5
const DURABILITIES = ['sync_all', 'sync_quorum', 'best_effort'] as const
/** How far a member may lag in `best_effort`: 64 MiB of 4 KiB writes, and the wait of a slow disk. */
const MAX_LAG = { ENTRIES: 16_384, MS: 5000 } as const
const MAX_LAG_LIMITS = { ENTRIES: 1_000_000_000, MS: 3_600_000 } as const

const FIELDS: Readonly<Record<keyof CreateVolume, true>> = {
  name: true,
  sizeBytes: true,
  preset: true,
  replicas: true,
  durability: true,
  minInSync: true,
  maxLagEntries: true,
  maxLagMs: true,
  logicalBlockBytes: true,
  logBytes: true,
  diskType: true,
  zones: true,
  zoneSpread: true,
  rackSpread: true,
  multipath: true,
  closed: true,
  qos: true,
}

/**
 * What `wish` comes to; `policy` is null exactly when there are errors. `servers`: of the registry, for warnings about
 * what this cluster cannot give; left out, there are none of these.
 */
export function resolvePolicy(wish: CreateVolume, servers?: readonly ServerRecord[]): ResolvedPolicy {
  const found = new Findings()
  if (typeof wish !== 'object' || wish === null || Array.isArray(wish)) {
    found.error('invalid_request', 'a volume is described by an object with at least name and sizeBytes')
    return { policy: null, overrides: [], warnings: [], errors: found.errors }
  }
  refuseUnknownFields(wish, found)
  const name = resolveName(wish.name, found)
  const sizeBytes = resolveSize(wish.sizeBytes, found)
  const preset = resolvePreset(wish.preset, found)
  const policy = resolveMode(wish, preset, found)
  const logicalBlockBytes = resolveBlock(wish.logicalBlockBytes, found)
  const logBytes = resolveLog(wish.logBytes, { sizeBytes, preset }, found)
  const placement = resolveWish(wish, found)
  const isMultipath = resolveMultipath(wish.multipath, found)
  checkClosed(wish.closed, found)
  const qos = resolveQos(NO_LIMITS, wish.qos === undefined ? {} : wish.qos, found)
  if (found.errors.length > 0 || policy === null) {
    return { policy: null, overrides: [], warnings: found.warnings, errors: found.errors }
  }
  if (servers !== undefined) warnOfCluster({ policy, preset, placement }, servers, found)
  return {
    policy: { name, sizeBytes, logicalBlockBytes, logBytes, preset, policy, placement, isMultipath, qos },
    overrides: overridesOf(wish, preset, policy),
    warnings: found.warnings,
    errors: [],
  }
}

function refuseUnknownFields(wish: CreateVolume, found: Findings): void {
  const unknown = Object.keys(wish).filter((key) => !Object.hasOwn(FIELDS, key))
  for (const key of unknown.slice(0, 10)) {
    found.error('unknown_field', `${shown(key)} is no field of a volume; leave it out, or check its spelling`)
  }
}

function resolveName(name: unknown, found: Findings): string {
  try {
    if (typeof name === 'string') return parseVolumeName(name, 'name')
    found.error('invalid_name', `name: ${shown(name)} is not a volume name; write it as text`)
  } catch (error) {
    if (!isBlockError(error, 'INVALID_ARGUMENT')) throw error
    found.error('invalid_name', error.message)
  }
  return ''
}

/** Also for a volume that grows. Zero when there is an error. */
export function resolveSize(sizeBytes: unknown, found: Findings): number {
  const range = `from ${formatSize(VOLUME_BYTES_MIN)} to ${formatSize(VOLUME_BYTES_MAX)}`
  if (typeof sizeBytes !== 'number' || !Number.isInteger(sizeBytes)) {
    found.error('invalid_size', `size: ${shown(sizeBytes)} is not a number of bytes; give one ${range}`)
  } else if (sizeBytes < VOLUME_BYTES_MIN) {
    found.error('size_too_small', `size: ${sizeBytes} is too small; give a size ${range}`)
  } else if (sizeBytes > VOLUME_BYTES_MAX) {
    found.error('size_too_large', `size: ${sizeBytes} is too large; give a size ${range}`)
  } else if (sizeBytes % BLOCK_BYTES !== 0) {
    const next = sizeBytes - (sizeBytes % BLOCK_BYTES) + BLOCK_BYTES
    found.error(
      'size_not_aligned',
      `size: ${sizeBytes} is not a multiple of ${BLOCK_BYTES}; the next one is ${next}`,
    )
  } else return sizeBytes
  return 0
}

function resolvePreset(preset: unknown, found: Findings): PresetName {
  if (preset === undefined) return DEFAULT_PRESET
  if (isPresetName(preset)) return preset
  const names = Object.keys(PRESETS).join(', ')
  found.error('unknown_preset', `preset: ${shown(preset)} is unknown; use one of ${names}, or leave it out`)
  return DEFAULT_PRESET
}

function resolveMode(wish: CreateVolume, preset: PresetName, found: Findings): Policy | null {
  const { replicas, durability } = wish
  const range = { what: 'replicas', code: 'invalid_replicas', min: 1, max: REPLICAS_MAX }
  const replicaFactor =
    replicas === undefined ? PRESETS[preset].replicaFactor : found.integer(replicas, range)
  const kind =
    durability === undefined
      ? PRESETS[preset].durability
      : found.word(durability, { what: 'durability', code: 'unknown_durability', words: DURABILITIES })
  if (replicaFactor === null || kind === null) return null
  refuseForeignFields(wish, kind, found)
  if (replicaFactor === 1) {
    found.warn(
      'single_replica',
      'one replica: the volume is gone for as long as its server is, and for good with its disk; two or more survive that',
    )
  }
  switch (kind) {
    case 'sync_all': {
      const minInSync = resolveMinInSync(wish.minInSync, { preset, replicaFactor }, found)
      return minInSync === null ? null : { replicaFactor, mode: { kind, minInSync } }
    }
    case 'sync_quorum':
      if (replicaFactor < 3) {
        found.error(
          'quorum_needs_three',
          `durability: sync_quorum needs 3 replicas or more, not ${replicaFactor}; ask for 3, or for sync_all`,
        )
      }
      if (replicaFactor % 2 === 0) {
        found.warn(
          'even_quorum',
          `sync_quorum with ${replicaFactor} replicas survives no more losses than with ${replicaFactor - 1}; take an odd number`,
        )
      }
      return { replicaFactor, mode: { kind } }
    case 'best_effort': {
      found.warn(
        'best_effort_may_lose',
        'best_effort: a failover may lose writes that were acknowledged, as many as maxLagEntries and maxLagMs allow',
      )
      const maxLagEntries = found.integer(
        wish.maxLagEntries === undefined ? MAX_LAG.ENTRIES : wish.maxLagEntries,
        {
          what: 'maxLagEntries',
          code: 'invalid_max_lag',
          min: 1,
          max: MAX_LAG_LIMITS.ENTRIES,
        },
      )
      const maxLagMs = found.integer(wish.maxLagMs === undefined ? MAX_LAG.MS : wish.maxLagMs, {
        what: 'maxLagMs',
        code: 'invalid_max_lag',
        min: 1,
        max: MAX_LAG_LIMITS.MS,
      })
      if (maxLagEntries === null || maxLagMs === null) return null
      return { replicaFactor, mode: { kind, maxLagEntries, maxLagMs } }
    }
  }
}

/** Fields that another mode would heed: to drop them in silence would promise what is not kept. */
function refuseForeignFields(wish: CreateVolume, kind: Policy['mode']['kind'], found: Findings): void {
  if (wish.minInSync !== undefined && kind !== 'sync_all') {
    found.error(
      'min_in_sync_not_applicable',
      `minInSync belongs to sync_all; leave it out with ${kind}${kind === 'sync_quorum' ? ', where it is the majority' : ''}`,
    )
  }
  if ((wish.maxLagEntries !== undefined || wish.maxLagMs !== undefined) && kind !== 'best_effort') {
    found.error(
      'max_lag_not_applicable',
      `maxLagEntries and maxLagMs belong to best_effort; leave them out with ${kind}`,
    )
  }
}

function resolveMinInSync(
  wished: unknown,
  { preset, replicaFactor }: { preset: PresetName; replicaFactor: number },
  found: Findings,
): number | null {
  if (wished === undefined) return PRESETS[preset].minInSync(replicaFactor)
  const minInSync = found.integer(wished, {
    what: 'minInSync',
    code: 'invalid_min_in_sync',
    min: 1,
    max: REPLICAS_MAX,
  })
  if (minInSync === null) return null
  if (minInSync > replicaFactor) {
    found.error(
      'min_in_sync_above_replicas',
      `minInSync: ${minInSync} of ${replicaFactor} replicas can never be in sync; lower it, or ask for more replicas`,
    )
    return null
  }
  if (minInSync === replicaFactor && replicaFactor > 1) {
    found.warn(
      'min_in_sync_equals_replicas',
      `minInSync equals replicas: the loss of any server stops all writes; ${replicaFactor - 1} lets one go`,
    )
  }
  return minInSync
}

function resolveBlock(wished: unknown, found: Findings): 512 | 4096 {
  if (wished === undefined) return 512
  const words = [512, 4096] as const
  return found.word(wished, { what: 'logicalBlockBytes', code: 'invalid_block_size', words }) ?? 512
}

function resolveMultipath(wished: unknown, found: Findings): boolean {
  if (wished === undefined || typeof wished === 'boolean') return wished ?? false
  found.error('invalid_multipath', `multipath: ${shown(wished)} is neither true nor false`)
  return false
}

/** Who is let in is no policy: it is only to be a word that is understood. */
function checkClosed(wished: unknown, found: Findings): void {
  if (wished === undefined || typeof wished === 'boolean') return
  found.error('invalid_closed', `closed: ${shown(wished)} is neither true nor false`)
}

function resolveLog(
  wished: unknown,
  { sizeBytes, preset }: { sizeBytes: number; preset: PresetName },
  found: Findings,
): number | null {
  const { logBytes, logBytesWanted } = PRESETS[preset]
  if (wished === undefined) return logBytes(sizeBytes)
  const range = { what: 'logBytes', code: 'invalid_log_size', min: LOG_BYTES_MIN, max: LOG_BYTES_MAX }
  const given = found.integer(wished, range)
  if (given === null) return null
  if (given % BLOCK_BYTES !== 0) {
    found.error('invalid_log_size', `log size: ${given} is not a multiple of ${BLOCK_BYTES}`)
  }
  if (given < Math.min(logBytesWanted, defaultLogBytes(sizeBytes))) {
    found.warn(
      'small_log',
      `log size: ${formatSize(given)} is little for ${preset}: writers will wait for the flusher; ${formatSize(logBytesWanted)} is a good size`,
    )
  }
  return given
}

/** In the order of the fields. What was given and is what the preset says anyway is none. */
function overridesOf(wish: CreateVolume, preset: PresetName, { replicaFactor, mode }: Policy): string[] {
  const base = PRESETS[preset]
  const spread: PlacementWish['zoneSpread'] = 'preferred'
  const differs: Partial<Record<keyof CreateVolume, boolean>> = {
    replicas: replicaFactor !== base.replicaFactor,
    durability: mode.kind !== base.durability,
    minInSync: mode.kind === 'sync_all' && mode.minInSync !== base.minInSync(replicaFactor),
    maxLagEntries: mode.kind === 'best_effort' && mode.maxLagEntries !== MAX_LAG.ENTRIES,
    maxLagMs: mode.kind === 'best_effort' && mode.maxLagMs !== MAX_LAG.MS,
    logicalBlockBytes: wish.logicalBlockBytes === 4096,
    logBytes: wish.logBytes !== undefined && wish.logBytes !== base.logBytes(wish.sizeBytes),
    diskType: wish.diskType !== undefined && DISK_TYPES.includes(wish.diskType),
    zones: (wish.zones ?? []).length > 0,
    zoneSpread: (wish.zoneSpread ?? spread) !== spread,
    rackSpread: (wish.rackSpread ?? spread) !== spread,
    multipath: wish.multipath === true,
    qos: Object.values(wish.qos ?? {}).some((limit) => limit > 0),
  }
  return Object.keys(FIELDS).filter(
    (field) => Object.hasOwn(differs, field) && differs[field as keyof CreateVolume],
  )
}
