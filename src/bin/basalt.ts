/**
 * The `basalt` program. Its first act is to let Node keep what it made of the sources (types stripped, compiled): a
 * start then costs half the CPU time. The cache lies with the installed packages and not in /tmp, where others could
 * plant code; where it cannot be written, nothing is lost but the time.
 */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { holdLifeline, LIFELINE } from './lifeline.ts'

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/basalt', import.meta.url)))

// A reader of our output that goes away is no reason to stop serving.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

if (process.env[LIFELINE] !== undefined) holdLifeline()

const { main } = await import('./main.ts')
process.exit(await main())
