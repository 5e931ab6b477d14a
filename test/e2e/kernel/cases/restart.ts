import { setTimeout as delay } from 'node:timers/promises'
import type { CaseContext, KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'
import { describeExit, type Target } from '../fixture/target.ts'

/** Below the admin API's limit of 100 requests a second. */
const PROBE_MS = 15

/** SIGTERM, the checks on how it ends, and a start with the same arguments. */
async function restart(context: CaseContext, target: Target): Promise<string> {
  const before = await target.health()
  context.check('healthy before SIGTERM', before === 200, `/healthz answered ${before}`)
  const answers = new Set<number>()
  const exit = await target.terminate(async (gone) => {
    while (!gone()) {
      const answer = await target.health()
      if (answer !== undefined) answers.add(answer)
      await delay(PROBE_MS)
    }
  })
  context.check('SIGTERM ends it with status 0', exit.code === 0, describeExit(exit))
  context.check(
    '/healthz answers 503 while it drains',
    answers.has(503),
    `answers: ${[...answers].join(', ')}`,
  )
  await target.start()
  return `drained with ${describeExit(exit)}`
}

export const restartCase: KernelCase = {
  name: 'restart',
  summary: 'SIGTERM drains and exits 0; after a restart the data is there',
  limitSeconds: 300,
  async run(context) {
    const target = await context.target({ volume: 'restart', size: '1GiB' })
    const files = new SyncedFiles()
    await context.guest({
      script: 'restart.sh',
      target,
      handlers: {
        ...files.handlers(() => context.guestFolder),
        'restart-amid-writes': async () => {
          await files.progress(8)
          const answer = await restart(context, target)
          await files.progress(4)
          return answer
        },
        restart: () => restart(context, target),
      },
    })
    await context.finish(target)
  },
}
