#!/bin/bash
# The target dies by SIGKILL under a mounted file system with writers, again and again. The session must come back
# by itself with open-iscsi's own settings, and nothing that was synced may be missing at the end.
# In the environment besides lib.sh's: KILLS.
source ./lib.sh

# Writes that nobody syncs, so that there are always some on their way and the target's log goes round.
unsynced_load() {
  while [[ ! -e /tmp/stop ]]; do
    fio --name=load --filename="$MOUNT/load" --size=32M --rw=randwrite --bs=16k --ioengine=libaio --iodepth=8 \
      --direct=1 --rate=6m --time_based --runtime=3 || return
  done >"$RIG_OUT/load.log" 2>&1
}

need 'iscsid runs' start_iscsid
need 'a node record' node_record
equal 'replacement_timeout is the default' 120 "$(node | awk '$1 == "node.session.timeo.replacement_timeout" {print $3}')"
need 'login' login
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files"

fsync_files new & new=$!
fsync_files again & again=$!
unsynced_load & load=$!
for ((kill = 1; kill <= KILLS; kill++)); do
  need "kill $kill: the session is back and files are synced again" ask kill-amid-writes
  equal "kill $kill: session state" LOGGED_IN "$(session_state)"
  check "kill $kill: the file system takes writes" writable
  check "kill $kill: what was synced is there" as_told new
done
touch /tmp/stop
check 'no writer saw an error (new files)' wait "$new"
check 'no writer saw an error (in place)' wait "$again"
check 'no writer saw an error (direct)' wait "$load"

check 'umount' umount "$MOUNT"
check 'logout' logout
need 'login again, with nothing cached' login
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"

verified_writes "$DISK" 96M --rate=8m,8m >"$RIG_OUT/raw-fio.log" 2>&1 & fio=$!
need 'raw fio writes' wait_for_blocks written 16384 "$fio"
need 'kill amid raw writes' ask kill
need 'raw fio goes on' wait_for_blocks written 16384 "$fio"
need 'kill amid raw writes' ask kill
need 'raw fio verifies' wait_for_blocks read 16384 "$fio"
need 'kill amid raw reads' ask kill
check 'raw fio: every written block reads back' wait "$fio"

check 'logout' logout
kernel_only_lost_connections
