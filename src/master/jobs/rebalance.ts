/**
 * The moves of a plan, which is recorded with the job and is the one that the dry run showed. Each is a job of its own, a
 * few at a time; one that fails or that does not fit any more is counted, and the others go on.
 */
import type { RebalanceMove } from '../master-api.ts'
import type { JobRecord } from '../records.ts'
import { ENDING, withChild } from './drain.ts'
import { end, type Machine, progress, type Step, wait } from './machine.ts'
import { childrenOf } from './new-job.ts'
import { isOver, REBUILDS_MAX } from './turns.ts'

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
    if (next !== undefined && running.length < REBUILDS_MAX) {
      const { volume, from, to } = next
      return { ...withChild(look, { volume, step: 'queued', data: { from, to } }), progress: done }
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

/** The plan in the job's data. */
export function movesOf(job: JobRecord): readonly Omit<RebalanceMove, 'name'>[] {
  const list = job.data.moves
  if (!Array.isArray(list)) return []
  return list.flatMap((one) => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return []
    const { volume, from, to, bytes } = one as { readonly [key: string]: unknown }
    const isMove =
      typeof volume === 'string' &&
      typeof from === 'string' &&
      typeof to === 'string' &&
      typeof bytes === 'number'
    return isMove ? [{ volume, from, to, bytes }] : []
  })
}

export const REBALANCE: Machine = { kind: 'rebalance', steps: { moves, ending: ENDING } }
