# shellcheck shell=bash
# What in the log of the guest's kernel is alarming. Sourced by `lib.sh`.

# Lines that no run may show, and those that only a lost connection explains.
ALARMS='I/O error|EXT4-fs (error|warning)|XFS.*([Cc]orruption|error|shutdown)|[Rr]emounting filesystem read-only|BUG:|Oops|Call Trace|blocked for more than|Aborted Command|Illegal Request|Medium Error|session recovery timed out'
ALARMS_OF_LOSS='detected conn error|ping timeout'

# What Linux 6.1 says of itself, once per boot, when a session ends while the power management of its SCSI target has work
# queued: the queue of the session waits for a queue that may not help while memory is reclaimed. No target has a part in
# it. Only the trace of this warning is forgiven; whatever else is logged in its midst still alarms.
OWN_WARNING='workqueue: WQ_MEM_RECLAIM iscsi_ctrl_[0-9:]*:__iscsi_unbind_session .* is flushing !WQ_MEM_RECLAIM pm:pm_runtime_work'

# alarming_lines PATTERN: those of standard input, a kernel's log, that match; fails when there are none.
alarming_lines() {
  sed "/$OWN_WARNING/,/---\\[ end trace/{/\\] Call Trace:\$/d}" | grep -E "$1"
}
