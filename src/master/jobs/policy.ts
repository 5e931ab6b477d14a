/**
 * What the preset of a volume decides is changed while it serves: how many replicas it has, and how many have to be in sync
 * for hosts to be served. What would make hosts wait comes last, and what lets go of a copy after that.
 *
 *     queued ─turn: recorded, hosts wait for no more than before─▶ fill ─enough are in sync─▶ trim ─none too many─▶ done
 *        │                                                          │       (hosts wait for   │  ▲
 *        ▼                                                          ▼        the new number)  ▼  │ gone
 *     dropped                              undo: the policy of before ─▶ trim               release: one leaves
 *
 * Replicas are added by the jobs that replace lost ones, which see that the volume has too few; this one lets them begin.
 */
import { DEFAULT_PRESET, isPresetName } from '../placement/presets.ts'
import type { PresetName, ReplicaRecord, VolumeRecord } from '../records.ts'
import type { Json, JsonObject } from '../registry/registry.ts'
import {
  awayMs,
  type Decision,
  end,
  goTo,
  type Look,
  type Machine,
  progress,
  type Step,
  textOf,
  wait,
} from './machine.ts'
import { DROPPED } from './move-steps.ts'
import { changesReplicas, hasBegun, isOver, queued } from './turns.ts'
import { isMember, replicaOn, serverName, stayingOf, withReplica, writeOf } from './volume-edits.ts'

/** What a preset comes to for one volume. `minInSync` 0: its mode has none. */
export interface PresetPolicy {
  readonly preset: PresetName
  readonly replicaFactor: number
  readonly minInSync: number
}

/** So long it waits for a server that has only a replica to delete. */
const DELETER_AWAY_MS_MAX = 5_000
const TOO_LATE = 'the volume has its new policy; set its preset back instead'

export const policyOf = ({ preset, policy }: VolumeRecord): PresetPolicy => ({
  preset,
  replicaFactor: policy.replicaFactor,
  minInSync: policy.mode.kind === 'sync_all' ? policy.mode.minInSync : 0,
})

/** As a job's data holds it. */
export const policyData = ({ preset, replicaFactor, minInSync }: PresetPolicy): JsonObject => ({
  preset,
  replicaFactor,
  minInSync,
})

export const isSamePolicy = (a: PresetPolicy, b: PresetPolicy): boolean =>
  a.preset === b.preset && a.replicaFactor === b.replicaFactor && a.minInSync === b.minInSync

function withPolicy(volume: VolumeRecord, { preset, replicaFactor, minInSync }: PresetPolicy): VolumeRecord {
  const { mode } = volume.policy
  const changed = mode.kind === 'sync_all' ? { ...mode, minInSync } : mode
  return { ...volume, preset, policy: { replicaFactor, mode: changed } }
}

/** As `policyData` wrote it. */
export function readPolicy(data: Json | undefined): PresetPolicy {
  const { preset, replicaFactor, minInSync } = (data ?? {}) as Partial<Record<keyof PresetPolicy, Json>>
  return {
    preset: isPresetName(preset) ? preset : DEFAULT_PRESET,
    replicaFactor: Number(replicaFactor),
    minInSync: Number(minInSync),
  }
}

const step = (decide: (look: Look, volume: VolumeRecord) => Decision, cancel: Step['cancel']): Step => ({
  decide(look) {
    const volume = look.records.volume(look.job.volume ?? '')
    if (volume === undefined || volume.state === 'deleting') return end('failed', 'the volume was deleted')
    return decide(look, volume)
  },
  cancel,
})

const enqueue = step(
  (look, volume) => {
    const notYet = queued(look)
    if (notYet !== null) return notYet
    const to = readPolicy(look.job.data.policy)
    const before = policyOf(volume)
    return goTo('fill', {
      data: { ...look.job.data, before: policyData(before) },
      writes: [writeOf(withPolicy(volume, { ...to, minInSync: Math.min(before.minInSync, to.minInSync) }))],
    })
  },
  { to: 'dropped' },
)

const fill = step(
  (look, volume) => {
    const to = readPolicy(look.job.data.policy)
    const staying = stayingOf(volume)
    const ready = staying.filter(({ server }) => isMember(volume, server)).length
    const done = progress(Math.min(ready, to.replicaFactor), to.replicaFactor, 'steps')
    if (staying.length < to.replicaFactor) {
      const choice = look.planner.another(look.records, look.live, volume, null, [])
      const why = choice.kind === 'none' ? `: ${choice.why}` : ''
      return wait(`waits for replica ${staying.length + 1} of ${to.replicaFactor} to be made${why}`, {
        progress: done,
      })
    }
    if (ready < to.replicaFactor) {
      return wait(`waits until ${to.replicaFactor} replicas are in sync: ${ready} are`, { progress: done })
    }
    return goTo('trim', { writes: [writeOf(withPolicy(volume, to))], progress: done })
  },
  { to: 'undo' },
)

const trim = step(
  (look, volume) => {
    const { replicaFactor } = volume.policy
    const staying = stayingOf(volume)
    if (staying.length <= replicaFactor) {
      return end(look.job.data.isUndone === true ? 'cancelled' : 'succeeded', null)
    }
    const { id } = look.job
    const other = look.records
      .jobs()
      .find(
        (job) =>
          job.id !== id &&
          job.volume === volume.uuid &&
          !isOver(job) &&
          changesReplicas(job) &&
          hasBegun(job),
      )
    if (other !== undefined) return wait(`waits for job ${other.id} (${other.kind}) of the same volume`)
    const [surplus] = staying
      .filter(({ server, state }) => state === 'ready' && server !== volume.lead.primary)
      .toSorted((a, b) => worth(look, volume, a) - worth(look, volume, b) || b.slot - a.slot)
    if (surplus === undefined) return wait('waits for a replica that can go')
    const late = staying.filter(({ server }) => server !== surplus.server && !isMember(volume, server))
    if (isMember(volume, surplus.server) && late.length > 0) {
      const names = late.map(({ server }) => serverName(look.records, server)).join(', ')
      return wait(`waits until ${names} is in sync: until then no replica is given up`)
    }
    return goTo('release', {
      data: { ...look.job.data, from: surplus.server },
      writes: [writeOf(withReplica(volume, surplus.server, 'leaving'))],
    })
  },
  { tooLate: TOO_LATE },
)

/** What is no copy goes first, then what cannot be reached, then what is on a server that is being emptied. */
function worth(look: Look, volume: VolumeRecord, { server }: ReplicaRecord): number {
  if (!isMember(volume, server)) return 0
  if (look.live.server(server)?.isConnected !== true) return 1
  return look.records.server(server)?.isCordoned === false ? 3 : 2
}

const release = step(
  (look, volume) => {
    const from = textOf(look.job, 'from') ?? ''
    const old = replicaOn(volume, from)
    if (old === undefined) return goTo('trim')
    // a failover came between: it stays, and another one goes
    if (volume.lead.primary === from) {
      return goTo('trim', {
        writes: old.state === 'ready' ? [] : [writeOf(withReplica(volume, from, 'ready'))],
      })
    }
    const name = serverName(look.records, from)
    if (isMember(volume, from)) return wait(`waits until the primary lets ${name} go`)
    if (awayMs(look, from) > DELETER_AWAY_MS_MAX) return goTo('trim')
    return wait(`waits for ${name} to delete its replica`)
  },
  { tooLate: TOO_LATE },
)

/** Jobs that add replicas may be under way: what they make goes again. */
const undo = step(
  (look, volume) =>
    goTo('trim', {
      data: { ...look.job.data, isUndone: true },
      writes: [writeOf(withPolicy(volume, readPolicy(look.job.data.before)))],
    }),
  { tooLate: 'it is being undone already' },
)

/** `data`: `policy` (as `policyData`), and in later steps `before`, `from` (whose replica leaves), and whether it `isUndone`. */
export const POLICY: Machine = {
  kind: 'policy',
  steps: { queued: enqueue, fill, trim, release, undo, dropped: DROPPED },
}
