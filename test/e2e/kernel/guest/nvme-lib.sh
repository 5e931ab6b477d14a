# shellcheck shell=bash
# What scripts about NVMe/TCP share: connections by nvme-cli, and what the kernel knows of them. Sourced after lib.sh.
# In the environment: NVME_PORTALS (address:port of each), NQN.

read -r -a NVME_PORTAL_LIST <<<"$NVME_PORTALS"
NVME_PORTAL=${NVME_PORTAL_LIST[0]:-}
NVME_ALARMS='I/O error|Buffer I/O error|EXT4-fs (error|warning)|XFS.*([Cc]orruption|error|shutdown)|BUG:|Oops|Call Trace|blocked for more than|nvme.*(timeout|Invalid|error|digest|corrupt|failed)'
# What a host does when it finds no way: none of it may reach a file system.
NVME_ALARMS_ABOVE_PATHS='I/O error, dev nvme|Buffer I/O error|EXT4-fs (error|warning)|BUG:|Oops|Call Trace|blocked for more than|no usable path - failing|Identify Descriptors failed|duplicate IDs|IDs don.t match'

nvme_modules() { modprobe nvme_core "$@" && modprobe nvme-tcp; } # [PARAMETER]...

at_portal() { echo "-t tcp -a ${1%:*} -s ${1##*:}"; } # PORTAL

# shellcheck disable=SC2046
nvme_discover() { nvme discover $(at_portal "${1:-$NVME_PORTAL}") "${@:2}"; } # [PORTAL [OPTION]...]

# connect_at PORTAL [OPTION]...: prints the controller, as nvme1.
# shellcheck disable=SC2046
connect_at() { nvme connect $(at_portal "$1") -n "$NQN" "${@:2}"; }

# nvme_login [OPTION]...: connects at the first portal and waits for the disk; sets DISK.
nvme_login() { connect_at "$NVME_PORTAL" "$@" && wait_for_nvme_disk; }

nvme_disks() { # block devices that can be opened; paths of a multipath disk cannot
  local path
  for path in /sys/block/nvme*; do [[ -b /dev/${path##*/} ]] && echo "/dev/${path##*/}"; done
}
nvme_disk() { DISK=$(nvme_disks | head -n 1) && [[ -n $DISK ]]; }
wait_for_nvme_disk() { eventually 20 nvme_disk && udevadm settle; }
no_nvme_disk() { [[ -z $(nvme_disks) ]]; }
no_controllers() { ! compgen -G '/sys/class/nvme/nvme*' >/dev/null; }

# logout of everything; first lets udev finish its own reads.
nvme_logout() { udevadm settle && nvme disconnect -n "$NQN"; }

bytes_of() { blockdev --getsize64 "$1"; }
discards() { blkdiscard -f "$1"; }
