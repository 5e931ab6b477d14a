import type { KernelCase } from '../fixture/case.ts'
import { SyncedFiles } from '../fixture/synced-files.ts'

/** Longer than open-iscsi's ping interval and timeout (5 s each), so that it gives the connection up. */
const STALL_MS = 20_000

export const stall: KernelCase = {
  name: 'stall',
  summary: 'SIGSTOP of the target under writers until the initiator gives the connection up, then SIGCONT',
  limitSeconds: 300,
  async run(context) {
    const target = await context.target({ volume: 'stall', size: '256MiB' })
    const files = new SyncedFiles()
    await context.guest({
      script: 'stall.sh',
      target,
      handlers: {
        ...files.handlers(() => context.guestFolder),
        'stall-amid-writes': async () => {
          await files.progress(8)
          await target.stall(STALL_MS)
          await files.progress(8)
          return `stood still for ${STALL_MS} ms`
        },
      },
    })
    await context.finish(target)
  },
}
