/** The part of a wish that says where replicas may go. */
import type { CreateVolume } from '../master-api.ts'
import type { DiskType, PlacementWish } from '../records.ts'
import { type Findings, shown } from './findings.ts'

export const DISK_TYPES: readonly DiskType[] = ['ssd', 'hdd', 'nvme']
const SPREADS = ['required', 'preferred'] as const
const ZONES_MAX = 64
/** As a server's configuration takes it for --zone. */
const ZONE = /^[\x21-\x7e]{1,63}$/

export function resolveWish(wish: CreateVolume, found: Findings): PlacementWish {
  const diskType =
    wish.diskType === undefined
      ? null
      : found.word(wish.diskType, { what: 'diskType', code: 'unknown_disk_type', words: DISK_TYPES })
  const spreadOf = (what: 'zoneSpread' | 'rackSpread'): PlacementWish['zoneSpread'] =>
    wish[what] === undefined
      ? 'preferred'
      : (found.word(wish[what], { what, code: 'invalid_spread', words: SPREADS }) ?? 'preferred')
  return {
    diskType,
    zones: resolveZones(wish.zones, found),
    zoneSpread: spreadOf('zoneSpread'),
    rackSpread: spreadOf('rackSpread'),
  }
}

/** In order and each once: two wishes for the same zones are the same wish. */
function resolveZones(wished: unknown, found: Findings): string[] {
  if (wished === undefined) return []
  if (!Array.isArray(wished) || wished.length > ZONES_MAX) {
    found.error('invalid_zones', `zones: give a list of at most ${ZONES_MAX} names of zones`)
    return []
  }
  const zones = new Set<string>()
  for (const zone of wished as readonly unknown[]) {
    if (typeof zone === 'string' && ZONE.test(zone)) zones.add(zone)
    else {
      found.error(
        'invalid_zones',
        `zones: ${shown(zone)} is not a zone; use 1 to 63 visible ASCII characters`,
      )
      return []
    }
  }
  return [...zones].sort()
}
