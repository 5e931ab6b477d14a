import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { it } from 'vitest'
import { InProcessFuzz } from './in-process.ts'

/**
 * Streams that once broke something, as they were sent: a seed draws another stream when the generator changes. A file
 * holds two lines, what is sent before and after the login's answer, deflated and in base64; payload is zeros.
 */
it.each([
  [
    'warm-reset-amid-waiting-reads',
    'aborted tasks gave their memory to a read that was then aborted as well, and its place was given back twice',
  ],
])('%s: %s', async (name) => {
  const file = readFileSync(new URL(`found/${name}.txt`, import.meta.url), 'latin1')
  const [login = '', rest = ''] = file.split('\n').map((line) => Buffer.from(line, 'base64'))
  const fuzz = await InProcessFuzz.start(1)
  await fuzz.replay({
    seed: 0,
    chunks: [[inflateSync(login)], [inflateSync(rest)]],
    ending: 'closes',
    holds: false,
    solicitedShare: 0,
    readable: { header: false, data: false },
  })
  await fuzz.close()
})
