#!/bin/bash
# Persistent reservations between two initiators whose volume gets another primary: what was registered and reserved is
# in force there, for commands of either, and can be changed as before.
source ./lib.sh
source ./reservations-lib.sh

head -c 512 /dev/urandom >/tmp/one
head -c 512 /dev/urandom >/tmp/two

# in_force HOW: b, which is not registered, reads and does not write; a writes.
in_force() {
  check "b cannot write ($1)" fails_with "$CONFLICT" writes "$B" /tmp/two
  check "b reads ($1)" reads "$B"
  check "a writes ($1)" writes "$A"
  check "what a wrote is there ($1)" holds "$B" /tmp/one
}

need 'iscsid runs' start_iscsid
need 'initiator a' make_host a
need 'initiator b' make_host b
need 'disk of a' eventually 20 disk_of a
need 'disk of b' eventually 20 disk_of b
udevadm settle
A=$(disk_of a) B=$(disk_of b)

check 'a registers, for as long as there is power' register "$A" "$KEY_A"
check 'write exclusive, registrants only: a reserves' reserve "$A" "$KEY_A" "$WRITE_EXCLUSIVE_REGISTRANTS"
in_force 'before'

need 'the primary is killed, another one leads' ask kill-primary
need 'both sessions are back' eventually 150 logged_in
udevadm settle
told "$A" && told "$B"
equal 'the key is there' "$KEY_A" "$(keys "$B")"
check 'the reservation is there' shows sg_persist --in --read-reservation "$B" -- 'Write Exclusive, registrants only'
in_force 'after the failover'

check 'b registers' register "$B" "$KEY_B"
check 'b, registered, writes' writes "$B" /tmp/two
udevadm settle
check 'b preempts a' out "$B" --preempt --param-rk="$KEY_B" --param-sark="$KEY_A" \
  --prout-type="$WRITE_EXCLUSIVE_REGISTRANTS"
check 'a is told that its registration is gone' fails_with "$ATTENTION" sg_turs "$A"
equal 'only the key of b is left' "$KEY_B" "$(keys "$A")"
check 'a cannot write' fails_with "$CONFLICT" writes "$A"

need 'the killed server is back and in sync' ask bring-back
need 'the lead is moved as planned' ask move
need 'both sessions are back' eventually 150 logged_in
udevadm settle
told "$A" && told "$B"
equal 'only the key of b is there after the move' "$KEY_B" "$(keys "$A")"
check 'a cannot write after the move' fails_with "$CONFLICT" writes "$A"
check 'b writes after the move' writes "$B" /tmp/two
check 'b clears' out "$B" --clear --param-rk="$KEY_B"
told "$A"
equal 'no key is left' '' "$(keys "$A")"
check 'a writes again' writes "$A"

udevadm settle
check 'logout' iscsiadm -m node -T "$IQN" --logout
kernel_only_lost_connections
