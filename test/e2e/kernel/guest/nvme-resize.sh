#!/bin/bash
# The volume grows under a mounted file system: the kernel learns the new size by an event, on the connection that it
# has. In the environment besides nvme-lib.sh's: SIZE_BYTES, NEW_SIZE_BYTES.
source ./lib.sh
source ./nvme-lib.sh

has_bytes() { (($(bytes_of "$DISK") == $1)) || { bytes_of "$DISK"; return 1; }; }

need 'the modules are there' nvme_modules
LEADING=$(ask leading-portal)
need 'connect' connect_at "$LEADING"
need 'the disk is there' wait_for_nvme_disk
equal 'the disk has its size' "$SIZE_BYTES" "$(bytes_of "$DISK")"
CONTROLLER=$(basename /sys/class/nvme/nvme*)
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'fio: every written block reads back' verified_writes "$MOUNT" 24M

check 'the volume is expanded' ask expand "$NEW_SIZE_BYTES"
check 'the kernel sees the new size' eventually 30 has_bytes "$NEW_SIZE_BYTES"
equal 'by the controller that it had' "$CONTROLLER" "$(basename /sys/class/nvme/nvme*)"
refused 'without having reconnected' eval "dmesg | grep -iE 'reconnect|resetting controller'"
check 'nvme id-ns says it too' shows nvme id-ns "$DISK" -- "^nsze\s*:\s*0x$(printf %x $((NEW_SIZE_BYTES / 512)))\$"
check 'resize2fs, mounted' resize2fs "$DISK"
check 'fio beyond the old end' verified_writes "$MOUNT" $((SIZE_BYTES + (8 << 20)))
check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
check 'disconnect' nvme_logout
no_alarms "$NVME_ALARMS"
