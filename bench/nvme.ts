/**
 * `npm run bench:nvme [-- --only TEXT] [--rounds 5] [--seconds 2] [--directory DIR] [--json]`: those rows of
 * `npm run bench` that compare Basalt over NVMe/TCP with Basalt over iSCSI, without `tgt`: one volume of one
 * `basalt target`, by its two front ends.
 */
import { bothFrontEnds, compare } from './iscsi/comparison.ts'
import { TASKSET } from './iscsi/programs.ts'
import { startBasalt } from './iscsi/servers.ts'
import { NVME_WORKS } from './iscsi/works.ts'

await compare({
  name: 'nvme',
  programs: [TASKSET],
  async start(options, started) {
    const basalt = await startBasalt(options)
    started(basalt)
    return [{ works: NVME_WORKS, targets: bothFrontEnds(basalt) }]
  },
})
