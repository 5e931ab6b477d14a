#!/bin/bash
# A volume of 4096-byte logical blocks: the kernel sees them so, and the short path works on them.
source ./lib.sh

block_size() { cat "/sys/block/${DISK##*/}/queue/$1"; }
unaligned_write() { dd if=/dev/zero of="$DISK" bs=512 count=1 oflag=direct status=none; }

need 'iscsid runs' start_iscsid
need 'a node record' node_record
need 'login' login
equal 'logical block size' 4096 "$(block_size logical_block_size)"
equal 'physical block size' 4096 "$(block_size physical_block_size)"
refused 'the kernel refuses half a block' unaligned_write

check 'raw fio: every written block reads back' verified_writes "$DISK" 16M
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'fio: every written block reads back' verified_writes "$MOUNT" 16M
check 'fstrim' fstrim -v "$MOUNT"
check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
check 'logout' logout
kernel_is_quiet
