/**
 * The crash enumeration in small: every workload once, fewer subsets, no crashes inside recovery. `npm run crash` does
 * all of it.
 */
import { describe, expect, it } from 'vitest'
import { runWorkload } from './run.ts'
import { REDUCED_LIMITS } from './states.ts'
import { WORKLOADS } from './workloads.ts'

describe('a volume restarted from every state that a crash may leave', () => {
  for (const workload of WORKLOADS) {
    it(`holds what it must: ${workload.name} (${workload.about})`, async () => {
      const options = { limits: REDUCED_LIMITS, crashesInside: false, failuresMax: 1 }
      const { failures, states } = await runWorkload(workload, 1, options)
      expect(failures).toEqual([])
      expect(states).toBeGreaterThan(8)
    })
  }
})
