import { expect, it } from 'vitest'
import { InProcessFuzz } from './in-process.ts'

const STREAMS = 1500

it('hostile streams end by the book, keep nothing and disturb nobody (npm run fuzz:nvme has more)', async () => {
  const fuzz = await InProcessFuzz.start(1)
  for (let seed = 1; seed <= STREAMS; seed += 3) await fuzz.run(seed, seed + 1, seed + 2)
  const { totals } = fuzz
  await fuzz.close()
  // They reach what they are meant to reach: queues that answer and refuse, and connections that are terminated.
  expect(totals.streams).toBe(STREAMS)
  expect(totals.verified).toBe((2 * STREAMS) / 3)
  for (const count of [totals.answers, totals.refusals, totals.termReqs, totals.endedByTarget]) {
    expect(count).toBeGreaterThan(STREAMS / 5)
  }
})

it('reads past the volatile cache are not answered with what was said meanwhile', async () => {
  const fuzz = await InProcessFuzz.start(1)
  await fuzz.run(15_853, 15_854, 15_855)
  await fuzz.close()
})
