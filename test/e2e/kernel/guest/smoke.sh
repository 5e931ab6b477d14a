#!/bin/bash
# The path every user takes: discovery, CHAP login, ext4, verified writes, unmount, fsck, logout.
# In the environment besides lib.sh's: CHAP_USER, CHAP_SECRET.
source ./lib.sh

advertised() { discover && grep -qF "$PORTAL,1 $IQN" "$OUTPUT"; }

need 'iscsid runs' start_iscsid
check 'discovery names the target at the portal we can reach' advertised
need 'a node record' node_record

use_chap "$CHAP_USER" 'not the secret' >/dev/null
refused 'login with a wrong secret is refused' node --login
forget_alarms
use_chap "$CHAP_USER" "$CHAP_SECRET" >/dev/null
need 'login with the right secret' login

need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'fio: every written block reads back' verified_writes "$MOUNT" 24M
check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
check 'logout' logout
check 'the session is gone' no_disk
kernel_is_quiet
