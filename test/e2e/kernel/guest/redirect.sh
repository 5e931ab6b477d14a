#!/bin/bash
# One session, whose record names a server that does not lead: the login is sent on to the primary. The lead is moved as
# planned, then the primary is killed; each time the session comes back by way of the server that lives, under a mounted
# file system with writers, with the settings of docs/hosts.md.
source ./lib.sh
source ./rounds-lib.sh

# The emulated machine shares two processors with everything else: what is told is more than what is demanded.
SLOWEST_MS=60000

# connected_to PORTAL: the session's connection ends there, not where its record says.
connected_to() {
  local connection
  for connection in /sys/class/iscsi_connection/connection*; do
    [[ $(cat "$connection/address"):$(cat "$connection/port") == "$1" ]] && return
  done
  cat /sys/class/iscsi_connection/connection*/port
  return 1
}
in_session() { [[ $(session_state) == LOGGED_IN ]]; }
recorded_portal() { echo "$(cat /sys/class/iscsi_connection/connection*/persistent_address):$(cat /sys/class/iscsi_connection/connection*/persistent_port)"; }

need 'iscsid runs' start_iscsid
check 'discovery at a server that does not lead names its own portal' shows discover -- "^$PORTAL,1 $IQN\$"
iscsiadm -m node -T "$IQN" -o delete
need 'a node record' node_record
check 'settings of a host' host_settings
need 'login' login
equal 'the record names the server that was asked' "$PORTAL" "$(recorded_portal)"
LEADING=$(ask leading-portal)
check 'the session is at the primary' connected_to "$LEADING"
need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/files" "$MOUNT/fio"

fsync_files new & new=$!
verify_on "$MOUNT/fio" 32M & writer=$!
beat_on "$MOUNT/beat" & beat=$!
need 'writes are verified' rounds_pass 1 "$writer"

forget_beats
MOVED=$(ask move) || fail 'the lead is moved as planned' "$MOVED"
check 'the session follows the move' eventually 30 connected_to "$MOVED"
check 'writes go on and verify' rounds_pass 1 "$writer"
at_most 'the slowest write around the move took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'the file system takes writes' writable
check 'what was synced is there' as_told

# the guest's entry must live: the primary is another server
check 'the primary is not the entry' test "$(ask leading-portal)" != "$PORTAL"
forget_beats
LEADS=$(ask kill-primary) || fail 'the primary is killed, another one leads' "$LEADS"
echo "$LEADS"
check 'the session is at the new primary' eventually 60 connected_to "${LEADS%% *}"
need 'the session is logged in' eventually 60 in_session
check 'writes go on and verify' rounds_pass 2 "$writer"
at_most 'the slowest write around the failover took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'the file system takes writes' writable
check 'what was synced is there' as_told
check 'the killed server is back and in sync' ask bring-back
touch /tmp/stop
check 'no writer saw an error (files)' wait "$new"
check 'no writer saw an error (fio)' wait "$writer"
check 'no writer saw an error (single blocks)' wait "$beat"

check 'umount' umount "$MOUNT"
check 'logout' logout
need 'login again, with nothing cached' login
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"
check 'logout' logout
kernel_only_lost_connections
