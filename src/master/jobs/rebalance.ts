/**
 * The moves of a plan, which is recorded with the job and is the one that the dry run showed. Each is a job of its own, one
 * after the other in the order of the plan, which is the order in which there is room for them; one that fails or that
 * does not fit any more is counted, and the others go on.
 */
import type { RebalanceMove } from '../master-api.ts'
import type { JobRecord } from '../records.ts'
import type { Json } from '../registry/registry.ts'
import { ENDING, withChild } from './drain.ts'
import { end, type Machine, progress, type Step, wait } from './machine.ts'
import { childrenOf } from './new-job.ts'
import { isOver } from './turns.ts'

const moves: Step = {
  decide(look) {
    const plan = movesOf(look.job)
    const children = childrenOf(look.records.jobs(), look.job.id)
    const running = children.filter((job) => !isOver(job))
    const totalBytes = plan.reduce((sum, move) => sum + move.bytes, 0)
    const over = plan.filter((_, at) => children[at] !== undefined && isOver(children[at]))
    const done = progress(
      over.reduce((sum, move) => sum + move.bytes, 0),
      totalBytes,
      'bytes',
    )
    const next = plan[children.length]
    if (next !== undefined && running.length === 0) {
      const { kind, volume, from, to } = next
      const child =
        kind === 'lead'
          ? { volume, step: 'queuedLead', data: { to, lead: true } }
          : { volume, step: 'queued', data: { from, to } }
      return { ...withChild(look, child), progress: done }
    }
    if (running.length > 0) return wait(`${running.length} being moved, ${plan.length - over.length} left`)
    const bad = children.filter((job) => job.state !== 'succeeded').length
    if (bad === 0) return end('succeeded', null, { progress: done })
    return end('failed', `${bad} of ${plan.length} moves failed; look at their jobs, and plan again`, {
      progress: done,
    })
  },
  cancel: { to: 'ending' },
}

type Move = Omit<RebalanceMove, 'name'>

/** The plan in the job's data. */
function movesOf(job: JobRecord): readonly Move[] {
  const list = job.data.moves
  return Array.isArray(list) ? list.flatMap(moveOf) : []
}

/** The plan as the job's data hold it. */
export const movesData = (plan: readonly RebalanceMove[]): JobRecord['data'] => ({
  moves: plan.map(({ kind, volume, from, to, bytes }) => ({ kind, volume, from, to, bytes })),
})

function moveOf(one: Json): Move[] {
  if (typeof one !== 'object' || one === null || !('volume' in one)) return []
  const { kind, volume, from, to, bytes } = one
  const isMove =
    typeof volume === 'string' &&
    typeof from === 'string' &&
    typeof to === 'string' &&
    typeof bytes === 'number'
  return isMove ? [{ kind: kind === 'lead' ? 'lead' : 'replica', volume, from, to, bytes }] : []
}

export const REBALANCE: Machine = { kind: 'rebalance', steps: { moves, ending: ENDING } }
