#!/bin/bash
# Reservations between two hosts, which are two host NQNs of one guest: what one may do while the other holds a
# reservation, preemption, and what of it outlives the target. Each has its own disk: the kernel's multipath, which would
# take both for paths of one, is off.
source ./lib.sh
source ./nvme-lib.sh

WRITE_EXCLUSIVE=1 EXCLUSIVE_ACCESS=2 WRITE_EXCLUSIVE_REGISTRANTS=3
KEY_A=0xa1 KEY_B=0xb2
host_name() { echo "nqn.2014-08.org.nvmexpress:uuid:$(host_id "$1")"; } # a|b
host_id() { echo "$1$1$1$1$1$1$1$1-0000-4000-8000-000000000001"; }

# Past nvme-cli, of which some versions take two hosts at one address for one.
make_host() { # a|b
  printf 'transport=tcp,traddr=%s,trsvcid=%s,nqn=%s,hostnqn=%s,hostid=%s,nr_io_queues=1,keep_alive_tmo=5,reconnect_delay=1' \
    "${NVME_PORTAL%:*}" "${NVME_PORTAL##*:}" "$NQN" "$(host_name "$1")" "$(host_id "$1")" >/dev/nvme-fabrics
}
disk_of() { # a|b: of its controller, when that is connected
  local controller path
  for controller in /sys/class/nvme/nvme*; do
    [[ $(cat "$controller/hostnqn") == "$(host_name "$1")" && $(cat "$controller/state") == live ]] || continue
    for path in "$controller"/nvme*n*; do [[ -b /dev/${path##*/} ]] && echo "/dev/${path##*/}" && return; done
  done
  return 1
}
# what nvme-cli calls them: -k new key, -c current key, -p its fate over power loss, -t type, -a or -r the action
register() { nvme resv-register "$1" -n 1 --nrkey="$2" --rrega=0 "${@:3}"; }            # DISK KEY [OPTION]...
unregister() { nvme resv-register "$1" -n 1 --crkey="$2" --rrega=1; }                   # DISK KEY
acquire() { nvme resv-acquire "$1" -n 1 --crkey="$2" --rtype="$3" --racqa=0; }          # DISK KEY TYPE
preempt() { nvme resv-acquire "$1" -n 1 --crkey="$2" --prkey="$3" --rtype="$4" --racqa="${5:-1}"; } # DISK KEY OTHER TYPE [2]
release() { nvme resv-release "$1" -n 1 --crkey="$2" --rtype="$3" --rrela=0; }          # DISK KEY TYPE
clear_all() { nvme resv-release "$1" -n 1 --crkey="$2" --rrela=1; }                     # DISK KEY
report() { nvme resv-report "$1" -n 1 --eds; }
keys() { report "$1" | sed -nE 's/^ *rkey *: *(0x)?([0-9a-f]+).*/\2/p' | sort -u | xargs; }
reads() { dd if="$1" of=/dev/null bs=4k count=1 iflag=direct status=none; }
writes() { dd if="${2:-/tmp/one}" of="$1" bs=4k count=1 oflag=direct conv=notrunc status=none; }
conflicts() { # COMMAND...: fails as nvme-cli says it
  local output
  output=$("$@" 2>&1) && { echo "succeeded: $output"; return 1; }
  echo "$output"
  grep -qiE 'Reservation[ _]Conflict' <<<"$output"
}
refuses() { ! "$@"; }
holds() { dd if="$1" bs=4k count=1 iflag=direct status=none | cmp - "$2"; }

head -c 4k /dev/urandom >/tmp/one
head -c 4k /dev/urandom >/tmp/two

need 'the modules are there, without multipath' nvme_modules multipath=N
need 'host a' make_host a
need 'host b' make_host b
need 'disk of a' eventually 20 disk_of a
need 'disk of b' eventually 20 disk_of b
udevadm settle
A=$(disk_of a) B=$(disk_of b)
check 'two disks' test "$A" != "$B"

check 'a host that is not registered acquires nothing' conflicts acquire "$A" "$KEY_A" "$WRITE_EXCLUSIVE"
check 'a registers' register "$A" "$KEY_A"
check 'b registers' register "$B" "$KEY_B"
equal 'both keys are there, seen by either' "a1 b2" "$(keys "$B")"
check 'the report counts both' shows report "$A" -- '^regctl\s*:\s*2'

check 'exclusive access: a acquires' acquire "$A" "$KEY_A" "$EXCLUSIVE_ACCESS"
check 'exclusive access: b cannot acquire' conflicts acquire "$B" "$KEY_B" "$EXCLUSIVE_ACCESS"
check 'exclusive access: a reads' reads "$A"
check 'exclusive access: a writes' writes "$A"
check 'exclusive access: b cannot read' refuses reads "$B"
check 'exclusive access: b cannot write' refuses writes "$B" /tmp/two
check 'a releases' release "$A" "$KEY_A" "$EXCLUSIVE_ACCESS"
check 'b reads again' reads "$B"

check 'write exclusive, registrants only: a acquires' acquire "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
check 'write exclusive, registrants only: b, registered, writes' writes "$B" /tmp/two
check 'b unregisters' unregister "$B" "$KEY_B"
check 'write exclusive, registrants only: b cannot write' refuses writes "$B"
check 'write exclusive, registrants only: b reads' reads "$B"
check 'nothing of it was written' holds "$B" /tmp/two
check 'b registers again' register "$B" "$KEY_B"
check 'a wrong key is a conflict' conflicts release "$A" 0xdead "$WRITE_EXCLUSIVE_REGISTRANTS"

check 'b preempts a, and aborts what it has under way' preempt "$B" "$KEY_B" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS" 2
equal 'only the key of b is left' b2 "$(keys "$A")"
check 'the fenced host cannot write' refuses writes "$A" /tmp/one
check 'nor acquire with a key that is gone' conflicts acquire "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
check 'what b wrote stays' holds "$B" /tmp/two
check 'b writes' writes "$B" /tmp/two
check 'b clears' clear_all "$B" "$KEY_B"
equal 'no key is left' '' "$(keys "$B")"
check 'a writes again' writes "$A"

# ---- fencing: what a was writing when b took over never lands after it

writers_gone() { ! kill -0 "${writers[@]}" 2>/dev/null; }
register "$A" "$KEY_A" && register "$B" "$KEY_B"
need 'a acquires' acquire "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
writers=()
for _ in {1..6}; do
  (while [[ ! -e /tmp/stop ]] && writes "$A" 2>/dev/null; do :; done) &
  writers+=($!)
done
check 'b preempts a and aborts its commands amid writes' preempt "$B" "$KEY_B" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS" 2
check 'b writes' writes "$B" /tmp/two
for ((round = 0; round < 20; round++)); do holds "$B" /tmp/two || break; done
equal 'what b wrote stays' 20 "$round"
check 'the writers of a ended with an error' eventually 60 writers_gone
touch /tmp/stop # for those that did not
check 'b clears' clear_all "$B" "$KEY_B"

# ---- what outlives the target

check 'a registers through power loss' register "$A" "$KEY_A" --cptpl=3
check 'a acquires' acquire "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
forget_alarms # what was refused above
need 'the target is killed and back' ask kill
need 'a is back' eventually 60 disk_of a
need 'b is back' eventually 60 disk_of b
equal 'the key is there' a1 "$(keys "$B")"
check 'the reservation is there' shows report "$B" -- '^rtype\s*:\s*3' '^ptpls\s*:\s*1'
check 'b cannot write' refuses writes "$B" /tmp/two
check 'a writes' writes "$A"
check 'what a wrote is there' holds "$B" /tmp/one
check 'a clears' clear_all "$A" "$KEY_A"
check 'b writes' writes "$B" /tmp/two
udevadm settle
check 'disconnect' shows nvme_logout -- 'disconnected 2 controller'
no_alarms 'BUG:|Oops|Call Trace|blocked for more than'
