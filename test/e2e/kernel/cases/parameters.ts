import type { KernelCase } from '../fixture/case.ts'

export const parameters: KernelCase = {
  name: 'parameters',
  summary: 'digests, solicited data, short bursts and segments: what both sides agree on is what is done',
  limitSeconds: 300,
  async run(context) {
    const target = await context.target({ volume: 'parameters', size: '256MiB' })
    await context.guest({ script: 'parameters.sh', target })
    await context.finish(target)
  },
}
