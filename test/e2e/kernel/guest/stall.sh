#!/bin/bash
# The target stands still with its connections open. The initiator gives its connection up; when the target wakes
# it finds commands of a connection that is no more, and none of them may harm what came later.
source ./lib.sh

need 'iscsid runs' start_iscsid
need 'a node record' node_record
need 'login' login
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files"

fsync_files new & new=$!
fsync_files again & again=$!
need 'the session is back and files are synced again' ask stall-amid-writes
equal 'session state' LOGGED_IN "$(session_state)"
check 'the file system takes writes' writable
check 'what was synced is there' as_told new
touch /tmp/stop
check 'no writer saw an error (new files)' wait "$new"
check 'no writer saw an error (in place)' wait "$again"

check 'umount' umount "$MOUNT"
check 'logout' logout
need 'login again, with nothing cached' login
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"
check 'logout' logout
kernel_only_lost_connections
