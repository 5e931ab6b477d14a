import type { KernelCase } from '../fixture/case.ts'

const HOST_NQN = 'nqn.2014-08.org.nvmexpress:uuid:0a0b0c0d-0000-4000-8000-000000000001'

export const nvmeAccess: KernelCase = {
  name: 'nvme-access',
  summary: 'NVMe/TCP: a host that is named, strangers that are refused by a status and do not hang',
  limitSeconds: 240,
  async run(context) {
    const configFile = context.file('basalt.yaml', `hosts:\n  - ${HOST_NQN}\n`)
    const target = await context.target({ volume: 'nvme-access', size: '64MiB', configFile })
    await context.guest({ script: 'nvme-access.sh', target, environment: { HOST_NQN } })
    await context.finish(target)
  },
}
