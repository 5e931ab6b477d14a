import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

/** The alarming lines of `log`, as a guest script finds them. */
function alarming(log: readonly string[]): string[] {
  const script = 'source ./kernel-log.sh; alarming_lines "$ALARMS"'
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-uo', 'pipefail', '-c', script], {
    cwd: import.meta.dirname,
    input: `${log.join('\n')}\n`,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

const session = 'iscsi_ctrl_1:2:__iscsi_unbind_session [scsi_transport_iscsi]'
const ownWarning = [
  '[   81.533704] ------------[ cut here ]------------',
  `[   81.533808] workqueue: WQ_MEM_RECLAIM ${session} is flushing !WQ_MEM_RECLAIM pm:pm_runtime_work`,
  '[   81.534834] WARNING: CPU: 1 PID: 9 at kernel/workqueue.c:2635 check_flush_dependency.part.0+0xb4/0x100',
  '[   81.536680] Call Trace:',
  '[   81.537469]  <TASK>',
  '[   81.538353]  __iscsi_unbind_session+0xd0/0x1c0 [scsi_transport_iscsi]',
  '[   81.538607]  </TASK>',
  '[   81.538679] ---[ end trace 0000000000000000 ]---',
]
const ioError = '[   81.537800] blk_update_request: I/O error, dev sda, sector 8'
const trace = '[   99.000000] Call Trace:'

it("forgives the kernel its own warning about a session's queue", () => {
  expect(alarming(ownWarning)).toEqual([])
})

it('finds what is logged in the midst of it and behind it', () => {
  expect(alarming([...ownWarning.slice(0, 5), ioError, ...ownWarning.slice(5)])).toEqual([ioError])
  expect(alarming([...ownWarning, trace])).toEqual([trace])
})

it('forgives no other trace', () => {
  const other = ownWarning.with(
    1,
    '[   81.533808] workqueue: WQ_MEM_RECLAIM writeback is flushing !WQ_MEM_RECLAIM events:x',
  )
  expect(alarming(other)).toEqual(['[   81.536680] Call Trace:'])
})
