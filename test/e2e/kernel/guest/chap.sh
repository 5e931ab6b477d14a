#!/bin/bash
# CHAP at a volume that demands it: only the right user with the right secret comes in, and a refusal leaves the
# target able to let the right one in. In the environment besides lib.sh's: CHAP_USER, CHAP_SECRET.
source ./lib.sh

# open-iscsi tells a refused authentication (24) from every other failure.
denied() { "$@"; (($? == 24)); }

need 'iscsid runs' start_iscsid
need 'a node record' node_record
check 'without CHAP: authentication failure' denied node --login
use_chap "$CHAP_USER" "${CHAP_SECRET}x" >/dev/null
check 'with a wrong secret: authentication failure' denied node --login
use_chap nobody "$CHAP_SECRET" >/dev/null
check 'with an unknown user: authentication failure' denied node --login
check 'no session came of that' no_disk
forget_alarms

use_chap "$CHAP_USER" "$CHAP_SECRET" >/dev/null
need 'with the right user and secret: login' login
check 'the disk can be read' dd if="$DISK" of=/dev/null bs=4k count=16 iflag=direct status=none
check 'logout' logout
kernel_is_quiet
