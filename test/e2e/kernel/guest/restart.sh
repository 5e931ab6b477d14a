#!/bin/bash
# Orderly ends of the target: once under a mounted file system with a writer, once with nobody logged in.
source ./lib.sh

need 'iscsid runs' start_iscsid
need 'a node record' node_record
need 'login' login
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files"
fsync_files new & new=$!
need 'the target restarts under a writer' ask restart-amid-writes
equal 'session state' LOGGED_IN "$(session_state)"
check 'the file system takes writes' writable
check 'what was synced is there' as_told
touch /tmp/stop
check 'the writer saw no error' wait "$new"
check 'umount' umount "$MOUNT"
check 'logout' logout

need 'the target restarts' ask restart
need 'login' login
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"
check 'logout' logout
kernel_only_lost_connections
