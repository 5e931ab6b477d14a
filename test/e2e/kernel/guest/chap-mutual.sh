#!/bin/bash
# Mutual CHAP: the initiator asks for the target's own secret too. In the environment besides lib.sh's: CHAP_USER,
# CHAP_SECRET, TARGET_USER, TARGET_SECRET.
source ./lib.sh

expect_target() { # USER SECRET
  node_set node.session.auth.username_in "$1" && node_set node.session.auth.password_in "$2"
}

need 'iscsid runs' start_iscsid
need 'a node record' node_record
use_chap "$CHAP_USER" "$CHAP_SECRET" >/dev/null
expect_target "$TARGET_USER" "not-$TARGET_SECRET" >/dev/null
refused 'mutual: the initiator refuses a target with another secret' node --login
check 'no session came of that' no_disk
forget_alarms

expect_target "$TARGET_USER" "$TARGET_SECRET" >/dev/null
need 'mutual: login' login
check 'the disk can be read' dd if="$DISK" of=/dev/null bs=4k count=16 iflag=direct status=none
check 'logout' logout
kernel_is_quiet
