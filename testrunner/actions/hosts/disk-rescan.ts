import { optional, size } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { until } from '../shared/until.ts'
import { ATTACHED, describeDisk, diskOf } from './attached.ts'

export const diskRescan = defineAction({
  name: 'disk_rescan',
  group: 'host',
  summary: 'Have a host ask again how large an attached volume is',
  parameters: { ...ATTACHED, size: optional(size('waits until the disk has exactly this size')) },
  result: 'volume, host, transport, device, size_bytes, logical_block_bytes',
  timeoutMs: 30_000,
  async run(context, { size: wanted, ...name }) {
    const disk = diskOf(context.world, name)
    await until(context, `the size of ${name.volume} at ${disk.host}`, async () => {
      await disk.refresh(context.signal)
      return wanted === undefined || disk.sizeBytes === wanted
        ? { is: true }
        : { not: `${disk.sizeBytes} bytes`, seen: disk.sizeBytes }
    })
    return describeDisk(disk)
  },
})
