#!/bin/bash
# Persistent reservations between two initiators, which are two names of one guest: what one may do while the other
# holds a reservation, and what of it outlives the target.
source ./lib.sh
source ./reservations-lib.sh

writers_gone() { ! kill -0 "${writers[@]}" 2>/dev/null; }

head -c 512 /dev/urandom >/tmp/one
head -c 512 /dev/urandom >/tmp/two

need 'iscsid runs' start_iscsid
need 'initiator a' make_host a
need 'initiator b' make_host b
need 'disk of a' eventually 20 disk_of a
need 'disk of b' eventually 20 disk_of b
udevadm settle
A=$(disk_of a) B=$(disk_of b)
check 'what is kept over a loss of power' shows sg_persist --in --report-capabilities "$A" -- \
  'Persist Through Power Loss Capable\(PTPL_C\): 1'

check 'a registers' register "$A" "$KEY_A"
check 'b registers' register "$B" "$KEY_B"
equal 'both keys are there, seen by either' "$KEY_A $KEY_B" "$(keys "$B")"
check 'full status names both initiators' shows sg_persist --in --read-full-status "$A" -- \
  "$(host_name a)" "$(host_name b)"

check 'exclusive access: a reserves' reserve "$A" "$KEY_A" "$EXCLUSIVE_ACCESS"
check 'exclusive access: b cannot reserve' fails_with "$CONFLICT" reserve "$B" "$KEY_B" "$EXCLUSIVE_ACCESS"
check 'exclusive access: a reads' reads "$A"
check 'exclusive access: a writes' writes "$A"
check 'exclusive access: b cannot read' fails_with "$CONFLICT" reads "$B"
check 'exclusive access: b cannot write' fails_with "$CONFLICT" writes "$B"
check 'exclusive access: b may still ask' sg_inq "$B"
refused 'exclusive access: the kernel cannot read for b' dd if="$B" of=/dev/null bs=4k count=1 iflag=direct
udevadm settle
forget_alarms # udev could not read the disk of b either
check 'a releases' release "$A" "$KEY_A" "$EXCLUSIVE_ACCESS"
check 'b reads again' reads "$B"

check 'write exclusive, registrants only: a reserves' reserve "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
check 'write exclusive, registrants only: b, registered, writes' writes "$B"
check 'b gives its registration up' out "$B" --register --param-rk="$KEY_B" --param-sark=0
check 'write exclusive, registrants only: b cannot write' fails_with "$CONFLICT" writes "$B"
check 'write exclusive, registrants only: b reads' reads "$B"
check 'write exclusive, registrants only: b registers and writes' register "$B" "$KEY_B"
check 'write exclusive, registrants only: b writes again' writes "$B"
udevadm settle # its own reads would take what b is to be told
check 'a releases, and b is told' release "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
check 'b is told that the reservation was released' fails_with "$ATTENTION" sg_turs "$B"

check 'write exclusive: a reserves' reserve "$A" "$KEY_A" "$WRITE_EXCLUSIVE"
check 'write exclusive: b cannot write' fails_with "$CONFLICT" writes "$B"
udevadm settle
check 'b preempts a' out "$B" --preempt --param-rk="$KEY_B" --param-sark="$KEY_A" --prout-type="$WRITE_EXCLUSIVE"
check 'a is told that its registration is gone' fails_with "$ATTENTION" sg_turs "$A"
equal 'only the key of b is left' "$KEY_B" "$(keys "$A")"
check 'a cannot write' fails_with "$CONFLICT" writes "$A"
check 'a cannot preempt with a key that is gone' fails_with "$CONFLICT" \
  out "$A" --preempt --param-rk="$KEY_A" --param-sark="$KEY_B" --prout-type="$WRITE_EXCLUSIVE"
check 'b clears' out "$B" --clear --param-rk="$KEY_B"
equal 'no key is left' '' "$(keys "$B")"
check 'a writes again' writes "$A"

# ---- fencing: what a was writing when b took over never lands after it

told "$A" && register "$A" "$KEY_A" >/dev/null && register "$B" "$KEY_B" >/dev/null
need 'a reserves' reserve "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
writers=()
for _ in {1..6}; do
  (while [[ ! -e /tmp/stop ]] && dd if=/tmp/one of="$A" bs=512 count=1 oflag=direct conv=notrunc status=none 2>/dev/null; do :; done) &
  writers+=($!)
done
check 'b preempts a and aborts its tasks amid writes' eventually 5 out "$B" --preempt-abort --param-rk="$KEY_B" \
  --param-sark="$KEY_A" --prout-type="$WRITE_EXCLUSIVE_REGISTRANTS"
check 'b writes' writes "$B" /tmp/two
for ((round = 0; round < 20; round++)); do holds "$B" /tmp/two || break; done
equal 'what b wrote stays' 20 "$round"
# nobody answers an aborted command (TAS is 0): the kernel of a gives it up after 30 s of its own
check 'the writers of a ended with an error' eventually 120 writers_gone
touch /tmp/stop # for those that did not
check 'b clears' out "$B" --clear --param-rk="$KEY_B"
told "$A"

# ---- what outlives the target

check 'a registers for this run of the target only' register "$A" "$KEY_A"
need 'the target restarts' ask restart
need 'both sessions are back' eventually 150 logged_in
told "$A" && told "$B"
equal 'the registration is gone' '' "$(keys "$B")"

check 'a registers through power loss' register "$A" "$KEY_A" --param-aptpl
check 'a reserves' reserve "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
for how in restart kill; do
  need "the target is gone and back ($how)" ask "$how"
  need "both sessions are back ($how)" eventually 150 logged_in
  told "$A" && told "$B"
  equal "the key is there ($how)" "$KEY_A" "$(keys "$B")"
  check "the reservation is there ($how)" shows sg_persist --in --read-reservation "$B" -- \
    'Write Exclusive, registrants only'
  check "b cannot write ($how)" fails_with "$CONFLICT" writes "$B"
  check "a writes ($how)" writes "$A"
done
check 'a clears' out "$A" --clear --param-rk="$KEY_A"

udevadm settle
check 'logout' iscsiadm -m node -T "$IQN" --logout
kernel_only_lost_connections
