/** A job in a world, undisturbed and then with the master ended at each of its commits, before it is durable and after. */
import { describe, expect, it } from 'vitest'
import type { CrashPoint } from './crashing-registry.ts'
import { JobWorld } from './job-world.ts'

export interface Scenario {
  readonly name: string
  readonly servers?: readonly string[]
  /** Records, servers and faults as they are when the job is asked for. */
  arrange(world: JobWorld): void
  /** What holds at the end, however often the master died. */
  judge(world: JobWorld): void
}

const FOUR = ['s1', 's2', 's3', 's4']

export function crashAtEveryCommit(scenarios: readonly Scenario[]): void {
  describe.each(scenarios)('$name', (scenario) => {
    const run = async (crashAt: CrashPoint | null): Promise<JobWorld> => {
      const world = new JobWorld({ servers: scenario.servers ?? FOUR, crashAt })
      scenario.arrange(world)
      await world.start()
      await world.calm()
      world.kill()
      return world
    }
    const judge = (world: JobWorld): void => {
      expect(world.orphans()).toEqual([])
      scenario.judge(world)
    }

    it('ends as it should, and the same after a crash at every commit', async () => {
      const undisturbed = await run(null)
      judge(undisturbed)
      const { commits } = undisturbed.count
      expect(commits).toBeGreaterThan(1)
      for (let commit = 1; commit <= commits; commit++) {
        for (const side of ['before', 'after'] as const) {
          const world = await run({ commit, side })
          try {
            judge(world)
            expect(world.lives).toBeGreaterThan(1)
          } catch (error) {
            throw new Error(`after a crash ${side} commit ${commit} of ${commits}`, { cause: error })
          }
        }
      }
    })
  })
}
