import { expect, it } from 'vitest'
import { InProcessFuzz } from './in-process.ts'

const STREAMS = 1500

it('hostile streams end by the book, keep nothing and disturb nobody (npm run fuzz:iscsi has more)', async () => {
  const fuzz = await InProcessFuzz.start(1)
  for (let seed = 1; seed <= STREAMS; seed += 3) await fuzz.run(seed, seed + 1, seed + 2)
  const { totals } = fuzz
  await fuzz.close()
  // They reach what they are meant to reach: sessions that answer, rejections, connections that the target ends.
  expect(totals.streams).toBe(STREAMS)
  expect(totals.verified).toBe((2 * STREAMS) / 3)
  for (const count of [totals.answers, totals.rejects, totals.endedByTarget])
    expect(count).toBeGreaterThan(STREAMS / 5)
})
