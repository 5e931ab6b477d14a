import type { KernelCase } from '../fixture/case.ts'
import { CHAP_SECRET, CHAP_USER, chapConfig } from './chap.ts'

export const smoke: KernelCase = {
  name: 'smoke',
  summary: 'discovery, CHAP, ext4 with verified writes, fsck, logout',
  limitSeconds: 180,
  async run(context) {
    const target = await context.target({ volume: 'smoke', size: '2GiB', configFile: chapConfig(context) })
    await context.guest({ script: 'smoke.sh', target, environment: { CHAP_USER, CHAP_SECRET } })
    await context.finish(target)
  },
}
