#!/bin/bash
# A file system at work: verified random writes, files deleted and their space given back, a clean check at
# the end. In the environment besides lib.sh's: FILE_SYSTEM (ext4 or xfs), FIO_SIZE.
source ./lib.sh

make() { if [[ $FILE_SYSTEM == xfs ]]; then mkfs.xfs -q "$DISK"; else mkfs.ext4 -q "$DISK"; fi; }
is_clean() { if [[ $FILE_SYSTEM == xfs ]]; then xfs_repair -n "$DISK"; else fsck.ext4 -fn "$DISK"; fi; }
remount() { umount "$MOUNT" && mount "$DISK" "$MOUNT"; }

need 'iscsid runs' start_iscsid
need 'a node record' node_record
need 'login' login
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
check 'logout' logout
kernel_is_quiet
