import { it } from 'vitest'
import { InProcessFuzz } from './in-process.ts'

/** Streams that once broke something. */
it.each([
  [500_892, 'a warm reset gave a command the memory of another that it aborted, then aborted it as well'],
])('seed %i: %s', async (seed) => {
  const fuzz = await InProcessFuzz.start(seed)
  await fuzz.run(seed)
  await fuzz.close()
})
