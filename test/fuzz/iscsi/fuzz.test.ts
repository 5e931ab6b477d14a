import { expect, it } from 'vitest'
import { InProcessFuzz } from './in-process.ts'

const STREAMS = 1500

it('hostile streams end by the book, keep nothing and disturb nobody (npm run fuzz:iscsi has more)', async () => {
  const fuzz = await InProcessFuzz.start(1)
  for (let seed = 1; seed <= STREAMS; seed++) await fuzz.run(seed)
  const { totals } = fuzz
  await fuzz.close()
  // They reach what they are meant to reach: sessions that answer, rejections, connections that the target ends.
  expect(totals.streams).toBe(STREAMS)
  expect(totals.verified).toBe(2 * STREAMS)
  for (const count of [totals.answers, totals.rejects, totals.endedByTarget])
    expect(count).toBeGreaterThan(STREAMS / 5)
})
