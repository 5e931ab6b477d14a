#!/bin/bash
# A volume by the kernel's own multipath: a controller at each of three servers, of which one leads. The lead is moved
# as planned, then the primary is killed and comes back, then it hangs, under a mounted file system: no error may reach it,
# the paths must show what they are, and come back by themselves. Settings are those that `basalt volume attach-info` prints.
source ./lib.sh
source ./nvme-lib.sh
source ./rounds-lib.sh

# What an emulated machine needs to see a path change, and to connect again.
PATH_SECONDS=120
SLOWEST_MS=90000

HOLDING=(--reconnect-delay=1 --ctrl-loss-tmo=-1 --keep-alive-tmo=5)
attach() { connect_at "$1" "${HOLDING[@]}"; }
paths() { # CONTROLLER STATE ANA-STATE ADDRESS
  local controller state
  for controller in /sys/class/nvme/nvme*; do
    state=$(cat "$controller"/nvme*c*n*/ana_state 2>/dev/null | head -n 1)
    echo "${controller##*/} $(cat "$controller/state") ${state:-none} $(cat "$controller/address")"
  done
}
states_are() { # ANA-STATE COUNT: so many live controllers have it
  (($(paths | awk -v state="$1" '$2 == "live" && $3 == state' | wc -l) == $2)) || { paths; return 1; }
}
# One path is optimized, and so many others are inaccessible.
led_with() { states_are optimized 1 && states_are inaccessible "$1"; }
leads() { # PORTAL
  paths | grep -E '^nvme[0-9]+ live optimized ' | grep -qF "traddr=${1%:*},trsvcid=${1##*:}" || { paths; return 1; }
}
# kept PORTAL: its controller never lost its connections.
kept() {
  local controller
  controller=$(paths | grep -F "traddr=${1%:*},trsvcid=${1##*:}" | cut -d ' ' -f 1)
  [[ -n $controller ]] && ! dmesg | grep -E "nvme $controller: (starting error recovery|Reconnecting|resetting)"
}
live_controllers() { (($(paths | awk '$2 == "live"' | wc -l) == $1)) || { paths; return 1; }; }

need 'the modules are there' nvme_modules
check 'native multipath is on' grep -q Y /sys/module/nvme_core/parameters/multipath
need 'discovery at one server lists a portal of each' shows nvme_discover -- "${NVME_PORTAL_LIST[@]/#*:/^trsvcid: *}"
for portal in "${NVME_PORTAL_LIST[@]}"; do need "connect at $portal" attach "$portal"; done
need 'the disk is there' wait_for_nvme_disk
equal 'one disk' 1 "$(nvme_disks | wc -l)"
need 'one path is optimized, the others inaccessible' eventually "$PATH_SECONDS" led_with 2
check 'the path that leads is that of the primary' leads "$(ask leading-portal)"
check 'nvme list-subsys shows it' shows nvme list-subsys "$DISK" -- 'live optimized' 'live inaccessible'
equal 'three controllers with ids of their own' 3 "$(cat /sys/class/nvme/nvme*/cntlid | sort -u | wc -l)"

need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
mkdir "$MOUNT/fio" "$MOUNT/files"
fsync_files new & new=$!
verify_on "$MOUNT/fio" 32M & writer=$!
beat_on "$MOUNT/beat" & beat=$!
need 'writes are verified' rounds_pass 1 "$writer"

forget_beats
MOVED=$(ask move) || fail 'the lead is moved as planned' "$MOVED"
check 'after the move another path leads' eventually "$PATH_SECONDS" leads "$MOVED"
check 'by the connections that it had' kept "$MOVED"
check 'after the move writes go on and verify' rounds_pass 1 "$writer"
at_most 'the slowest write around the move took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'after the move the others are inaccessible' eventually "$PATH_SECONDS" led_with 2

forget_beats
LEADS=$(ask kill-primary) || fail 'the primary is killed, another one leads' "$LEADS"
echo "$LEADS"
check 'after the failover another path leads' eventually "$PATH_SECONDS" leads "${LEADS%% *}"
check 'after the failover writes go on and verify' rounds_pass 2 "$writer"
at_most 'the slowest write around the failover took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'two controllers are left' live_controllers 2
check 'what was synced is there' as_told
check 'the killed server is back and in sync' ask bring-back
check 'its path comes back' eventually "$PATH_SECONDS" led_with 2

forget_beats
LEADS=$(ask stop-primary) || fail 'the primary hangs, another one leads' "$LEADS"
echo "$LEADS"
check 'after the hang another path leads' eventually "$PATH_SECONDS" leads "${LEADS%% *}"
check 'after the hang writes go on and verify' rounds_pass 2 "$writer"
at_most 'the slowest write around the hang took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'the primary that hung goes on and is in sync' ask go-on
check 'its path comes back' eventually "$PATH_SECONDS" led_with 2
check 'writes go on and verify' rounds_pass 1 "$writer"
touch /tmp/stop
check 'no writer saw an error (files)' wait "$new"
check 'no write failed and every block read back' wait "$writer"
check 'no write of a single block failed' wait "$beat"
check 'the file system takes writes' writable

check 'umount' umount "$MOUNT"
echo 3 >/proc/sys/vm/drop_caches
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'every synced file has its checksum' as_told
check 'umount' umount "$MOUNT"
check 'disconnect' shows nvme_logout -- 'disconnected 3 controller'
check 'the disk is gone' eventually 10 no_nvme_disk

# shellcheck disable=SC2046
check 'nvme connect-all at one server' nvme connect-all $(at_portal "$NVME_PORTAL") "${HOLDING[@]}"
check 'brings every path' eventually "$PATH_SECONDS" led_with 2
check 'disconnect' shows nvme_logout -- 'disconnected 3 controller'
check 'the disk is gone' eventually 10 no_nvme_disk
no_alarms "$NVME_ALARMS_ABOVE_PATHS"
