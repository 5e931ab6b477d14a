/**
 * A server is emptied. It is cordoned with the job's record, and stays so: nothing new is placed on it until somebody
 * uncordons it, also when the drain is cancelled.
 *
 *     leads: each volume that it leads goes to a member that is in sync, one after the other
 *       ─▶ replicas: each of its replicas is moved by a job of its own, a few at a time ─▶ nothing is left on it: done
 *
 * A volume that cannot go (no server has room, or none is left for a third copy) is named in the message, and tried again
 * when something changes. Cancelled: moves that can be undone are, the others are carried through.
 */
import type { RecordWrite } from '../core/records-view.ts'
import type { JobRecord, VolumeRecord } from '../records.ts'
import {
  type Decision,
  end,
  goTo,
  type Look,
  type Machine,
  numberOf,
  progress,
  type Step,
  wait,
} from './machine.ts'
import { childId, childrenOf, newJob } from './new-job.ts'
import { isOver, REBUILDS_PER_SERVER_MAX } from './turns.ts'
import { isMember, replicaOn } from './volume-edits.ts'

/** Before a volume whose move failed is tried again. */
const TRY_AGAIN_MS = 30_000
const NAMED_MAX = 5

const leads: Step = {
  decide(look) {
    const server = look.job.server ?? ''
    const children = childrenOf(look.records.jobs(), look.job.id)
    const total = heldBy(look, server).length
    const running = children.find((job) => !isOver(job))
    if (running !== undefined) return wait(`the lead of a volume is handed over (${running.id})`)
    for (const volume of heldBy(look, server)) {
      if (volume.lead.primary !== server) continue
      // once each: what cannot be handed over now is handed over when its new replica is in sync
      if (children.some((job) => job.volume === volume.uuid)) continue
      const to = leadTarget(look, volume, server)
      if (to !== null)
        return withChild(look, { volume: volume.uuid, step: 'queuedLead', data: { to, lead: true } })
    }
    return goTo('replicas', { progress: progress(0, total, 'volumes') })
  },
  cancel: { to: 'ending' },
}

const replicas: Step = {
  decide(look) {
    const server = look.job.server ?? ''
    if (look.records.server(server) === undefined)
      return end('succeeded', 'the server was removed from the cluster')
    const held = heldBy(look, server)
    const total = Math.max(look.job.progress.total, held.length)
    const done = progress(total - held.length, total, 'volumes')
    if (held.length === 0) return end('succeeded', null, { progress: done })
    const children = childrenOf(look.records.jobs(), look.job.id)
    const running = children.filter((job) => !isOver(job))
    const blocked: string[] = []
    for (const volume of held) {
      if (running.length >= REBUILDS_PER_SERVER_MAX) break
      if (running.some((job) => job.volume === volume.uuid)) continue
      if (volume.state === 'deleting' || replicaOn(volume, server)?.state === 'leaving') continue
      const last = children.findLast((job) => job.volume === volume.uuid && job.data.lead !== true)
      if (last?.state === 'failed' && look.wallMs - last.updatedAt < TRY_AGAIN_MS) {
        blocked.push(`${volume.name}: ${last.message ?? 'its move failed'}`)
        continue
      }
      const choice = look.planner.another(look.records, look.live, volume, server, [])
      if (choice.kind === 'none') {
        blocked.push(`${volume.name}: ${choice.why}`)
        continue
      }
      const { server: to } = choice
      return {
        ...withChild(look, { volume: volume.uuid, step: 'queued', data: { from: server, to } }),
        progress: done,
      }
    }
    const moving = `${running.length} being moved, ${held.length} left`
    return wait(blocked.length === 0 ? moving : `${moving}; blocked: ${namesOf(blocked)}`, { progress: done })
  },
  cancel: { to: 'ending' },
}

/** Cancelled: no new moves, and those that can be undone are. */
export const ENDING: Step = {
  decide(look) {
    const running = childrenOf(look.records.jobs(), look.job.id).filter((job) => !isOver(job))
    if (running.length === 0) return end('cancelled', null)
    const toCancel = running.filter((job) => job.state === 'running')
    const ids = running.map((job) => job.id).join(', ')
    return wait(`waits for ${ids}`, { cancel: toCancel.map((job) => job.id) })
  },
  cancel: { tooLate: 'it is being cancelled already' },
}

const heldBy = (look: Look, server: string): readonly VolumeRecord[] => look.records.volumesOn(server)

/** A member that is in sync and heard; of several the one that leads least. */
function leadTarget(look: Look, volume: VolumeRecord, from: string): string | null {
  const all = look.records.volumes()
  const able = volume.lead.set.members.filter(
    (server) =>
      server !== from &&
      isMember(volume, server) &&
      replicaOn(volume, server)?.state === 'ready' &&
      look.live.server(server)?.isConnected === true &&
      look.records.server(server)?.isCordoned === false,
  )
  const leadsOf = (server: string): number => all.filter((one) => one.lead.primary === server).length
  return able.toSorted((a, b) => leadsOf(a) - leadsOf(b))[0] ?? null
}

/** One more job, recorded together with the count of them. */
export function withChild(
  look: Look,
  wish: { readonly volume: string; readonly step: string; readonly data: JobRecord['data'] },
): Decision {
  const number = numberOf(look.job, 'children') + 1
  const { volume, step } = wish
  const data = { ...wish.data, parent: look.job.id }
  const record = newJob(childId(look.job, number), look.wallMs, {
    kind: 'move',
    actor: look.job.actor,
    volume,
    step,
    data,
  })
  const writes: RecordWrite[] = [{ kind: 'job', record }]
  return { writes, data: { ...look.job.data, children: number } }
}

const namesOf = (blocked: readonly string[]): string => {
  const more = blocked.length - NAMED_MAX
  return blocked.slice(0, NAMED_MAX).join('; ') + (more > 0 ? ` and ${more} more` : '')
}

export const DRAIN: Machine = { kind: 'drain', steps: { leads, replicas, ending: ENDING } }
