import { setTimeout as delay } from 'node:timers/promises'
import type { KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'
import type { Target } from '../fixture/target.ts'

const KILLS = 6
/** Small, so that its log, a quarter of it, goes round several times under the test's writes. */
const SIZE = '128MiB'

/** SIGKILL, and a start with the same arguments after 1 to 3 s, as a supervisor would. */
async function killAndRestart(target: Target): Promise<string> {
  await target.kill()
  const awayMs = 1000 + Math.random() * 2000
  await delay(awayMs)
  await target.start()
  return `away for ${awayMs.toFixed(0)} ms`
}

export const kill: KernelCase = {
  name: 'kill',
  summary: 'kill -9 of the target under writers, several times; nothing synced is lost',
  limitSeconds: 900,
  async run(context) {
    const target = await context.target({ volume: 'kill', size: SIZE })
    const files = new SyncedFiles()
    await context.guest({
      script: 'kill.sh',
      target,
      environment: { KILLS: String(KILLS) },
      handlers: {
        ...files.handlers(() => context.guestFolder),
        'kill-amid-writes': async () => {
          await files.progress(8)
          const answer = await killAndRestart(target)
          await files.progress(4)
          return answer
        },
        kill: () => killAndRestart(target),
      },
    })
    await context.finish(target)
  },
}
