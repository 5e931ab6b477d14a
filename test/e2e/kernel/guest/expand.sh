#!/bin/bash
# The volume grows under a mounted file system that is written to: the kernel learns the new size on the connection that it
# has, by a rescan after a unit attention (iSCSI) or by an event (NVMe), and the file system grows into it.
# In the environment besides nvme-lib.sh's: PROTOCOL (iscsi or nvme), SIZE_BYTES, NEW_SIZE_BYTES.
source ./lib.sh
source ./nvme-lib.sh
source ./rounds-lib.sh

has_bytes() { (($(bytes_of "$DISK") == $1)) || { bytes_of "$DISK"; return 1; }; }
has_room() { (($(df --output=size -B1 "$MOUNT" | tail -n 1) > $1)) || { df -B1 "$MOUNT"; return 1; }; }

attach_iscsi() { PORTAL=$(ask leading-portal) && start_iscsid && node_record && host_settings && login; }
attach_nvme() { nvme_modules && connect_at "$(ask leading-portal)" && wait_for_nvme_disk; }
told_iscsi() { eventually 30 eval "dmesg | grep -q 'Capacity data has changed'"; }
grown_iscsi() { iscsiadm -m node -T "$IQN" --rescan && eventually 30 has_bytes "$NEW_SIZE_BYTES"; }
grown_nvme() { eventually 30 has_bytes "$NEW_SIZE_BYTES"; }
detach_iscsi() { logout; }
detach_nvme() { nvme_logout; }

need 'the disk is attached' "attach_$PROTOCOL"
equal 'it has its size' "$SIZE_BYTES" "$(bytes_of "$DISK")"
[[ $PROTOCOL == iscsi ]] || CONTROLLER=$(basename /sys/class/nvme/nvme*)
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files" "$MOUNT/fio"
fsync_files again & again=$!
verify_on "$MOUNT/fio" 20M & writer=$!
need 'writes are verified' rounds_pass 1 "$writer"

check 'the volume is expanded under them' ask expand "$NEW_SIZE_BYTES"
if [[ $PROTOCOL == iscsi ]]; then
  check 'the kernel is told by a unit attention' told_iscsi
  check 'a rescan shows the new size' grown_iscsi
  equal 'in the session that it had' LOGGED_IN "$(session_state)"
else
  check 'the kernel sees the new size' grown_nvme
  equal 'by the controller that it had' "$CONTROLLER" "$(basename /sys/class/nvme/nvme*)"
  refused 'without having reconnected' eval "dmesg | grep -iE 'reconnect|resetting controller'"
  check 'nvme id-ns says it too' shows nvme id-ns "$DISK" -- "^nsze\s*:\s*0x$(printf %x $((NEW_SIZE_BYTES / 512)))\$"
fi
need 'writes go on and verify' rounds_pass 1 "$writer"
check 'resize2fs, mounted and written to' resize2fs "$DISK"
check 'the file system has the room' has_room "$SIZE_BYTES"
need 'writes go on and verify' rounds_pass 1 "$writer"
touch /tmp/stop
check 'no writer saw an error (files)' wait "$again"
check 'no writer saw an error (fio)' wait "$writer"
check 'what was synced is there' as_told
rm -r "$MOUNT/fio"
check 'fio fills more than there was' verified_writes "$MOUNT" $((SIZE_BYTES + (8 << 20)))
check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
check 'the disk is detached' "detach_$PROTOCOL"
if [[ $PROTOCOL == iscsi ]]; then kernel_is_quiet; else no_alarms "$NVME_ALARMS"; fi
