import { describe, expect, it } from 'vitest'
import { CONFIGURATIONS, runCluster } from './cluster.ts'

/** `node test/cluster/main.ts --seeds N` runs more. */
const SEEDS = 800

describe('a cluster of replicas under faults', () => {
  const stats = new Map<string, number>()

  it.each(CONFIGURATIONS.map(({ name }, index) => ({ name, index })))(
    'keeps its promises and comes to be in sync again: $name',
    ({ index }) => {
      for (let seed = index; seed < SEEDS; seed += CONFIGURATIONS.length) {
        const outcome = runCluster(seed)
        expect(outcome.violation, `node test/cluster/main.ts --seed ${seed}`).toBeNull()
        for (const [what, times] of outcome.stats) stats.set(what, (stats.get(what) ?? 0) + times)
      }
    },
  )

  it('met everything that it is there for', () => {
    const wanted = [
      'acknowledge',
      'flushed',
      'busy',
      'read',
      'promoted',
      'promoted with possible loss',
      'resync',
      'persist dropLog',
      'persist forget',
      'crash after persist',
      'crash while sending',
      'alarm setChanged',
      'alarm grade',
      'end: connection lost',
      'end: a higher epoch',
      'end: no pins',
      'end: the primary asks anew',
      'fault power',
      'fault move',
      'fault lie',
    ]
    expect(wanted.filter((what) => (stats.get(what) ?? 0) < 5)).toEqual([])
  })

  it('replays a seed exactly', () => {
    const lines: string[][] = [[], []]
    for (const log of lines) runCluster(11, (line) => log.push(line))
    expect(lines[0]!.length).toBeGreaterThan(200)
    expect(lines[0]).toEqual(lines[1])
  })
})
