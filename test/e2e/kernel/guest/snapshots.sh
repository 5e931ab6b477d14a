#!/bin/bash
# Snapshots of a mounted file system while it is written to: one taken in the middle of everything, as a crash would find
# the disk, and one of the frozen file system. What was synced before is on them; a clone of the first is a disk that can be
# written, and neither that nor what goes on on the volume changes what the snapshots hold.
source ./lib.sh
source ./nvme-lib.sh
source ./rounds-lib.sh

AT_CLONE=/tmp/clone
AT_FROZEN=/tmp/frozen

iscsi_disks() { for path in /sys/class/iscsi_session/session*/device/target*/*/block/*; do echo "/dev/${path##*/}"; done; }
# attach IQN PORTAL: logs in and waits for a disk that was not there before; sets ATTACHED.
attach() {
  local before
  before=$(iscsi_disks)
  iscsiadm -m node -o new -T "$1" -p "$2" && iscsiadm -m node -T "$1" -p "$2" --login &&
    eventually 20 new_disk "$before" && udevadm settle
}
new_disk() { # DISKS-BEFORE
  ATTACHED=$(iscsi_disks | grep -vxF "$1" | head -n 1)
  [[ -b $ATTACHED ]]
}
detach() { udevadm settle && iscsiadm -m node -T "$1" -p "$2" --logout; } # IQN PORTAL

# shellcheck disable=SC2046
attach_nvme() { # NQN PORTAL
  nvme connect $(at_portal "$2") -n "$1" && eventually 20 has_nvme_disk && udevadm settle
}
has_nvme_disk() { [[ -n $(nvme_disks) ]]; }

# frozen_snapshot NAME: nothing is on its way in the file system meanwhile, and its journal is empty.
frozen_snapshot() {
  local status=0
  fsfreeze -f "$MOUNT" && { ask snapshot "$1" || status=$?; fsfreeze -u "$MOUNT" && return "$status"; }
}
is_read_only() { [[ $(blockdev --getro "$1") == 1 ]]; }
# of the first 64 MiB, where all metadata of the file system begins: an emulated processor takes a second for 2 MiB
content_of() { dd if="$1" bs=1M count=64 iflag=direct status=none | sha256sum; }
# as_of_moment NAME FOLDER: what was synced before that snapshot was asked for has its checksums in FOLDER.
as_of_moment() { ask list-of-moment "$1" && (cd "$2/files" && sha256sum --quiet --check "$RIG_OUT/fsynced.sha256"); }
refuses_a_write() { # DISK: the target itself, asked past the kernel
  sg_raw -s 512 -i /dev/zero "$1" 2a 00 00 00 00 00 00 00 01 00
}

mkdir -p "$AT_CLONE" "$AT_FROZEN"
need 'the modules are there' nvme_modules
need 'iscsid runs' start_iscsid
# the server that leads: there is nobody else to be sent on to
PORTAL=$(ask leading-portal)
need 'a node record' node_record
check 'settings of a host' host_settings
need 'login' login
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files" "$MOUNT/fio"

fsync_files new & new=$!
fsync_files again & again=$!
verify_on "$MOUNT/fio" 24M & writer=$!
need 'writes are verified' rounds_pass 1 "$writer"
need 'a snapshot amid writes' ask snapshot running
need 'writes go on and verify' rounds_pass 1 "$writer"
need 'a snapshot of the frozen file system' frozen_snapshot frozen
need 'writes go on and verify' rounds_pass 1 "$writer"
# it would fill the disk in the end
check 'the writer of new files is still at work' kill "$new"

# shellcheck disable=SC2046
set -- $(ask expose running) && RUNNING_NQN=${3:-} RUNNING_PORTAL=${4:-}
need 'the first snapshot is exposed over NVMe' attach_nvme "$RUNNING_NQN" "$RUNNING_PORTAL"
RUNNING=$(nvme_disks)
check 'its disk is read-only' is_read_only "$RUNNING"
refused 'it takes no write' dd if=/dev/zero of="$RUNNING" bs=4k count=1 oflag=direct
refused 'the target itself refuses one' nvme write-zeroes "$RUNNING" --start-block=0 --block-count=7
BEFORE=$(content_of "$RUNNING")

CLONE=$(ask clone running copied) || fail 'the snapshot is cloned' "$CLONE"
read -r CLONE_IQN CLONE_PORTAL <<<"$CLONE"
# its servers hear a moment later that hosts are let in
need 'the clone is attached' eventually 60 attach "$CLONE_IQN" "$CLONE_PORTAL"
CLONE_DISK=$ATTACHED
equal 'the clone has the content of its snapshot' "$BEFORE" "$(content_of "$CLONE_DISK")"
need 'the clone mounts' mount "$CLONE_DISK" "$AT_CLONE"
check 'what was synced before the snapshot is on the clone' as_of_moment running "$AT_CLONE"
check 'the clone takes verified writes' verified_writes "$AT_CLONE/fio" 16M
check 'it gets all of its content' ask clone-is-whole copied
check 'umount of the clone' umount "$AT_CLONE"
check 'fsck finds the clone clean' fsck.ext4 -fn "$CLONE_DISK"
check 'the clone is detached' detach "$CLONE_IQN" "$CLONE_PORTAL"

# shellcheck disable=SC2046
set -- $(ask expose frozen) && FROZEN_IQN=${1:-} FROZEN_PORTAL=${2:-}
need 'the second snapshot is exposed over iSCSI' attach "$FROZEN_IQN" "$FROZEN_PORTAL"
FROZEN=$ATTACHED
check 'its disk is read-only' is_read_only "$FROZEN"
refused 'the target itself refuses a write' refuses_a_write "$FROZEN"
check 'fsck finds it clean' fsck.ext4 -fn "$FROZEN"
need 'it mounts read-only' mount -o ro "$FROZEN" "$AT_FROZEN"
check 'what was synced before the snapshot is on it' as_of_moment frozen "$AT_FROZEN"
check 'umount of the snapshot' umount "$AT_FROZEN"
check 'the snapshot is detached' detach "$FROZEN_IQN" "$FROZEN_PORTAL"

need 'writes go on and verify' rounds_pass 1 "$writer"
check 'the second snapshot is deleted' ask delete-snapshot frozen
equal 'the first snapshot holds what it held' "$BEFORE" "$(content_of "$RUNNING")"
check 'disconnect' nvme disconnect -n "$RUNNING_NQN"
check 'the first snapshot is deleted' ask delete-snapshot running

touch /tmp/stop
check 'no writer saw an error (in place)' wait "$again"
check 'no writer saw an error (fio)' wait "$writer"
check 'umount' umount "$MOUNT"
check 'logout' logout
need 'login again, with nothing cached' login
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"
check 'logout' logout
kernel_is_quiet
