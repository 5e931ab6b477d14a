#!/bin/bash
# A multipath volume: a session to each of three servers, of which one leads. The lead is moved as planned, then the primary
# is killed and comes back, under a file system that is mounted on the map: no error may reach it, the paths must show
# what they are, and come back by themselves. Settings are those of docs/hosts.md.
source ./lib.sh
source ./rounds-lib.sh

read -r -a PORTAL_LIST <<<"$PORTALS"
MAP='' # set once multipathd has made it
# What an emulated machine needs to see a path change, and to log in again.
PATH_SECONDS=120
SLOWEST_MS=90000

cat >/etc/multipath.conf <<'CONF'
defaults {
  user_friendly_names yes
  find_multipaths yes
}
blacklist {
  devnode "^(vd|loop|ram|sr|fd|nullb|nvme)"
}
devices {
  device {
    vendor "BASALT"
    product "BLOCK VOLUME"
    path_grouping_policy group_by_prio
    prio alua
    hardware_handler "1 alua"
    path_checker tur
    failback immediate
    no_path_retry 24
    fast_io_fail_tmo 5
  }
}
CONF

disks() { for path in /sys/class/iscsi_session/session*/device/target*/*/block/*; do echo "/dev/${path##*/}"; done; }
all_disks() { (($(disks | grep -c '/dev/sd') == ${#PORTAL_LIST[@]})); }
paths() { multipathd show paths raw format '%d %t %T %p'; } # device, state for the kernel, for the checker, priority
paths_are() { # CHECKER-STATE COUNT
  (($(paths | awk -v state="$1" '$3 == state' | wc -l) == $2)) || { paths; return 1; }
}
# One path leads, by its priority, and so many others stand by.
led_with() { paths_are ready 1 && paths_are ghost "$1"; }
portal_of() { # DISK: of its session
  local session=/sys/block/${1##*/}/device
  session=$(readlink -f "$session") && session=${session%/target*}
  local connection
  connection=$(echo "$session"/connection*/iscsi_connection/*)
  echo "$(cat "$connection/address"):$(cat "$connection/port")"
}
leads() { # PORTAL: the path that is ready is the one to it
  local disk
  disk=$(paths | awk '$3 == "ready" {print $1}')
  [[ -n $disk && $(portal_of "$disk") == "$1" ]] || { paths; return 1; }
}

need 'iscsid runs' start_iscsid
modprobe dm_multipath
modprobe scsi_dh_alua
multipathd -d >"$RIG_OUT/multipathd.log" 2>&1 &
need 'discovery lists a portal of each server' shows discover -- "${PORTAL_LIST[@]/%/,[0-9]+ $IQN}"
equal 'each with a tag of its own' "${#PORTAL_LIST[@]}" "$(discover | sed 's/.*,//' | sort -u | wc -l)"
check 'settings of a host with several paths' multipath_settings
need 'login at every portal' iscsiadm -m node -T "$IQN" --login
need 'a disk by each path' eventually 30 all_disks
udevadm settle
for disk in $(disks); do
  check "sg_rtpg by $disk: a group for each server, one of them active" shows sg_rtpg --decode "$disk" -- \
    'active/optimized' 'standby'
done
need 'one path leads, the others stand by' eventually "$PATH_SECONDS" led_with 2
WWID=$(multipathd show maps raw format '%w' | head -n 1)
MAP=/dev/mapper/$(multipathd show maps raw format '%n' | head -n 1)
equal 'one map' 1 "$(multipathd show maps raw format '%n' | wc -l)"
equal 'two groups of paths' 2 "$(multipath -l "$WWID" | grep -c 'policy=')"
need 'the map is there' test -b "$MAP"
check 'the path that leads is that of the primary' leads "$(ask leading-portal)"

need 'mkfs.ext4' mkfs.ext4 -q "$MAP"
need 'mount' mount "$MAP" "$MOUNT"
mkdir "$MOUNT/fio"
verify_on "$MOUNT/fio" 32M & writer=$!
beat_on "$MOUNT/beat" & beat=$!
need 'writes are verified' rounds_pass 1 "$writer"

forget_beats
MOVED=$(ask move) || fail 'the lead is moved as planned' "$MOVED"
check 'after the move another path leads' eventually "$PATH_SECONDS" leads "$MOVED"
check 'after the move writes go on and verify' rounds_pass 1 "$writer"
at_most 'the slowest write around the move took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
need 'after the move the others stand by' eventually "$PATH_SECONDS" led_with 2

forget_beats
LEADS=$(ask kill-primary) || fail 'the primary is killed, another one leads' "$LEADS"
echo "$LEADS"
check 'after the failover another path leads' eventually "$PATH_SECONDS" leads "${LEADS%% *}"
check 'after the failover writes go on and verify' rounds_pass 2 "$writer"
at_most 'the slowest write around the failover took, in ms' "$SLOWEST_MS" "$(slowest_beat)"
check 'one path is gone, one stands by' eventually "$PATH_SECONDS" led_with 1
check 'the killed server is back and in sync' ask bring-back
check 'its path comes back' eventually "$PATH_SECONDS" led_with 2
check 'writes go on and verify' rounds_pass 1 "$writer"
touch /tmp/stop
check 'no write failed and every block read back' wait "$writer"
check 'no write of a single block failed' wait "$beat"
check 'the file system takes writes' writable

check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$MAP"
udevadm settle
check 'the map goes' eventually 30 multipath -f "${MAP##*/}"
udevadm settle
check 'logout' iscsiadm -m node -T "$IQN" --logout
# The paths do fail; what must not fail is what stands on them.
no_alarms 'I/O error, dev dm-|Buffer I/O error on dev dm-|EXT4-fs (error|warning)|BUG:|Oops|Call Trace|blocked for more than|Illegal Request|Medium Error'
