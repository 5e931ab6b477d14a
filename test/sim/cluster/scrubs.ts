/**
 * Scrubs of the replicas, which run beside everything else: where no disk changes what it holds they find nothing, ever; where
 * one does, and every other is whole, a pass in calm leaves no bad copy of a newest version.
 */
import type { ScrubFinding } from '../../../src/blockvol/api.ts'
import { fail } from '../../cluster/checker.ts'
import type { ClusterProfile } from './profile.ts'
import type { SimServer } from './server.ts'
import type { RunLog } from './timeline.ts'

/** In which each replica must have passed twice. */
const PASSES_MS = 60_000
/** The first one may have begun before the calm. */
const PASSES = 2

interface World {
  readonly profile: ClusterProfile
  readonly log: RunLog
  readonly servers: ReadonlyMap<unknown, SimServer>
  readonly mayDamage: boolean
  sleep(forMs: number): Promise<void>
}

/** Waits until all replicas, which are in sync, have passed, and judges what was found. */
export async function judgeScrubs(world: World): Promise<void> {
  if (world.profile.tuning.scrubIntervalMs === 0) return
  await Promise.all([...world.servers.values()].map((server) => judge(world, server)))
}

async function judge(world: World, server: SimServer): Promise<void> {
  const { log, mayDamage, profile } = world
  const passes = (): number => server.replica?.status().volume.scrub.passes ?? 0
  const first = passes()
  for (let waitedMs = 0; passes() < first + PASSES; waitedMs += 100) {
    if (waitedMs > PASSES_MS) fail(`no scrub of ${server.name} ends`)
    await world.sleep(100)
  }
  log.count('scrubs in calm')
  const { found } = server.replica!.status().volume.scrub
  const bad = found.filter(({ repaired }) => !repaired)
  log.count('bad copies left by a scrub', bad.length)
  if (!mayDamage) {
    if (found.length > 0) fail(`a scrub of ${server.name} found ${show(found)}, and no disk did damage`)
    return
  }
  // of an entry of the map that was lost nobody knows which version was there, nor of what was kept of it for a snapshot
  const left = bad.filter(({ what }) => what === 'checksum')
  if (profile.isBudgeted && left.length > 0) fail(`a scrub of ${server.name} left ${show(left)}`)
}

const show = (found: readonly ScrubFinding[]): string =>
  found.map(({ block, what }) => `${what} of block ${block}`).join(', ')
