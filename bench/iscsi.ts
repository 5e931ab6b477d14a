/**
 * `npm run bench [-- --only TEXT] [--rounds 5] [--seconds 2] [--directory DIR] [--json]`: Basalt's iSCSI target
 * against `tgt` (`rdwr`), and then its NVMe/TCP target against its own iSCSI (one volume of one process), as ratios.
 * Rounds alternate between the two, target on core 0 and client on core 1, all on the same file system, pages in the
 * cache; a row gives medians, least and greatest, both p99s, and what an I/O costs both sides. It counts only if the
 * client used less than 85 % of its core in every round. A whole run is kept in `bench/results/`. Exit 1 when a bar is
 * missed, 2 when a program is missing.
 */
import { bothFrontEnds, compare } from './iscsi/comparison.ts'
import { TASKSET, TGTADM, TGTD } from './iscsi/programs.ts'
import { startBasalt, startTgt } from './iscsi/servers.ts'
import { NVME_WORKS, WORKS } from './iscsi/works.ts'

await compare({
  name: 'iscsi',
  programs: [TGTD, TGTADM, TASKSET],
  async start(options, started) {
    const ours = await startBasalt(options)
    started(ours)
    const theirs = await startTgt(options)
    started(theirs)
    return [
      { works: WORKS, targets: [ours, theirs] },
      { works: NVME_WORKS, targets: bothFrontEnds(ours) },
    ]
  },
})
