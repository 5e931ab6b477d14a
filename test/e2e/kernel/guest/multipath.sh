#!/bin/bash
# Two sessions to one disk by two network cards, under multipathd. Each card is cut in turn while verified writes run: no
# error may reach them, the path must be seen failed, and must come back by itself.
source ./lib.sh
source ./rounds-lib.sh

read -r -a PORTAL_LIST <<<"$PORTALS"
MAP='' # set once multipathd has made it
# What an emulated machine needs to see a dead path, and to log in again.
PATH_SECONDS=90

cat >/etc/multipath.conf <<'CONF'
defaults {
  user_friendly_names yes
  find_multipaths no
  polling_interval 2
  path_grouping_policy group_by_prio
  no_path_retry fail
}
blacklist {
  devnode "^(vd|loop|ram|sr|fd|nullb|nvme)"
}
CONF

disks() { for path in /sys/class/iscsi_session/session*/device/target*/*/block/*; do echo "/dev/${path##*/}"; done; }
both_disks() { (($(disks | grep -c '/dev/sd') == 2)); }
paths_ready() { (($(multipathd show paths raw format '%t %o %T' | grep -c '^active running ready') == $1)); }
path_failed() { multipathd show paths raw format '%d %t' | grep -q ' failed$'; }
relative_ports() { for disk in $(disks); do sg_vpd --page=di "$disk" | sed -n 's/.*Relative target port: 0x//p'; done | sort | xargs; }
sectors() { awk '{print $3 + $7}' "/sys/block/${1##*/}/stat"; }

need 'iscsid runs' start_iscsid
modprobe dm_multipath
multipathd -d >"$RIG_OUT/multipathd.log" 2>&1 &
need 'discovery lists both portals, each with a tag of its own' shows discover -- \
  "^${PORTAL_LIST[0]},1 $IQN\$" "^${PORTAL_LIST[1]},2 $IQN\$"
# As multipath wants it: a lost session fails its path soon, instead of holding the commands for two minutes.
iscsiadm -m node -T "$IQN" -o update -n node.session.timeo.replacement_timeout -v 5
need 'login at both portals' iscsiadm -m node -T "$IQN" --login
need 'two disks' eventually 20 both_disks
udevadm settle
equal 'the disks are behind different target ports' '1 2' "$(relative_ports)"
for disk in $(disks); do
  check "sg_rtpg by $disk: one group with both ports" shows sg_rtpg --decode "$disk" -- 'active/optimized' \
    'target port count : 02' 'Relative target port ids:' '0x01' '0x02'
done
need 'two paths are ready' eventually "$PATH_SECONDS" paths_ready 2
WWID=$(multipathd show maps raw format '%w' | head -n 1)
MAP=/dev/mapper/$(multipathd show maps raw format '%n' | head -n 1)
check 'the map is named by the NAA of the disk' grep -qE '^36' <<<"$WWID"
equal 'one map' 1 "$(multipathd show maps raw format '%n' | wc -l)"
equal 'equally good paths make one group' 1 "$(multipath -l "$WWID" | grep -c 'policy=')"
need 'the map is there' test -b "$MAP"

verify_on "$MAP" & writer=$!
need 'writes are verified' rounds_pass 1 "$writer"
for disk in $(disks); do at_least "$disk carries writes" 2048 "$(sectors "$disk")"; done
for card in eth1 eth0; do
  ip link set "$card" down
  need "$card down: its path fails" eventually "$PATH_SECONDS" path_failed
  check "$card down: writes go on and verify" rounds_pass 2 "$writer"
  check "$card down: one path is left" paths_ready 1
  ip link set "$card" up
  need "$card up: its path comes back" eventually "$PATH_SECONDS" paths_ready 2
  check "$card up: writes go on and verify" rounds_pass 1 "$writer"
done
touch /tmp/stop
check 'no write failed and every block read back' wait "$writer"

# udev reads a disk that was just closed, and holds the map meanwhile
udevadm settle
check 'the map goes' eventually 30 multipath -f "${MAP##*/}"
udevadm settle
check 'logout' iscsiadm -m node -T "$IQN" --logout
# The paths do fail; what must not fail is what stands on them.
no_alarms 'I/O error, dev dm-|Buffer I/O error on dev dm-|BUG:|Oops|Call Trace|blocked for more than|Illegal Request|Medium Error'
