import type { KernelCase } from '../fixture/case.ts'
import { describeExit, type Target } from '../fixture/target.ts'

async function restart(target: Target): Promise<string> {
  const exit = await target.terminate()
  await target.start()
  return describeExit(exit)
}

async function kill(target: Target): Promise<string> {
  await target.kill()
  await target.start()
  return 'killed'
}

export const reservations: KernelCase = {
  name: 'reservations',
  summary:
    'persistent reservations of two initiators: conflicts, preemption amid writes, and what outlives the target',
  limitSeconds: 600,
  async run(context) {
    const target = await context.target({ volume: 'reservations', size: '64MiB' })
    await context.guest({
      script: 'reservations.sh',
      target,
      handlers: { restart: () => restart(target), kill: () => kill(target) },
    })
    await context.finish(target)
  },
}
