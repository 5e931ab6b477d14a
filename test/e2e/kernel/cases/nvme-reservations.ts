import type { KernelCase } from '../fixture/case.ts'

export const nvmeReservations: KernelCase = {
  name: 'nvme-reservations',
  summary: 'NVMe/TCP: reservations of two hosts: conflicts, a fenced host, and what outlives the target',
  limitSeconds: 300,
  async run(context) {
    const target = await context.target({ volume: 'nvme-reserved', size: '64MiB' })
    const kill = async (): Promise<string> => {
      await target.kill()
      await target.start()
      return 'killed'
    }
    await context.guest({ script: 'nvme-reservations.sh', target, handlers: { kill } })
    await context.finish(target)
  },
}
