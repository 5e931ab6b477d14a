#!/bin/bash
# File systems at work over NVMe/TCP, without digests and with both: verified random writes, files deleted and their
# space given back, a clean check at the end; and the whole disk discarded.
# In the environment besides nvme-lib.sh's: FILE_SYSTEM (ext4 or xfs), FIO_SIZE, CONNECT_OPTIONS.
source ./lib.sh
source ./nvme-lib.sh

make() { if [[ $FILE_SYSTEM == xfs ]]; then mkfs.xfs -q "$DISK"; else mkfs.ext4 -q "$DISK"; fi; }
is_clean() { if [[ $FILE_SYSTEM == xfs ]]; then xfs_repair -n "$DISK"; else fsck.ext4 -fn "$DISK"; fi; }
remount() { umount "$MOUNT" && mount "$DISK" "$MOUNT"; }
zeros_are_read() { cmp -n $((16 << 20)) "$DISK" /dev/zero; }

need 'the modules are there' nvme_modules
# shellcheck disable=SC2086
need "connect $CONNECT_OPTIONS" nvme_login $CONNECT_OPTIONS
need "mkfs.$FILE_SYSTEM" make
need 'mount' mount "$DISK" "$MOUNT"

mkdir "$MOUNT/kept" "$MOUNT/doomed"
head -c 8M /dev/urandom >"$MOUNT/kept/file"
kept=$(sha256sum <"$MOUNT/kept/file")
check 'fio: every written block reads back' verified_writes "$MOUNT/doomed" "$FIO_SIZE"
check 'the host sees the space taken' ask space-taken
rm -r "$MOUNT/doomed"
sync
check 'fstrim' fstrim -v "$MOUNT"
check 'the host has the space back' ask space-returned

check 'unmount and mount again' remount
equal 'a file that stayed is unharmed' "$kept" "$(sha256sum <"$MOUNT/kept/file")"
check 'umount' umount "$MOUNT"
check 'the file system is clean' is_clean

check 'the disk takes verified writes' verified_writes "$DISK" "$FIO_SIZE"
check 'the host sees the space taken again' ask space-taken
check 'blkdiscard of the whole disk' discards "$DISK"
check 'the host has the space back again' ask space-returned
check 'the disk reads as zeros' zeros_are_read
check 'disconnect' nvme_logout
check 'the disk is gone' eventually 10 no_nvme_disk
no_alarms "$NVME_ALARMS"
