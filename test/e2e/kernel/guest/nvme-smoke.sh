#!/bin/bash
# The path every user of NVMe/TCP takes: discovery, connection, what nvme-cli shows, ext4 with verified writes, flush,
# fsck, disconnection. In the environment besides nvme-lib.sh's: SIZE_BYTES.
source ./lib.sh
source ./nvme-lib.sh

is_live() { [[ $(cat "/sys/class/nvme/$1/state") == live ]]; }

need 'the modules are there' nvme_modules
check 'multipath of the kernel is on, as by default' grep -q Y /sys/module/nvme_core/parameters/multipath
check 'discovery names the subsystem at the portal we can reach' shows nvme_discover -- \
  "^traddr: *${NVME_PORTAL%:*}\$" "^trsvcid: *${NVME_PORTAL##*:}\$" "^subnqn: *$NQN\$" '^subtype: *nvme subsystem'
need 'connect with two I/O queues' nvme_login --nr-io-queues=2
CONTROLLER=$(basename /sys/class/nvme/nvme*)
check 'the controller is live' is_live "$CONTROLLER"
equal 'an admin queue and two I/O queues' 3 "$(cat "/sys/class/nvme/$CONTROLLER/queue_count")"
equal 'the disk has its size' "$SIZE_BYTES" "$(bytes_of "$DISK")"
check 'it has a cache to flush' grep -q 'write back' "/sys/block/${DISK##*/}/queue/write_cache"

check 'nvme list' shows nvme list -- "^$DISK .*Basalt.* 512 +B \+ +0 B"
check 'nvme id-ctrl' shows nvme id-ctrl "/dev/$CONTROLLER" -- '^mn\s*:\s*Basalt' '^cntrltype\s*:\s*1$' '^cmic\s*:\s*0xb' \
  '^anacap\s*:\s*85$' '^nn\s*:\s*1$' "^subnqn\s*:\s*$NQN\$" '^vwc\s*:\s*0x7' '^kas\s*:\s*10$'
check 'nvme id-ns' shows nvme id-ns "$DISK" -- "^nsze\s*:\s*0x$(printf %x $((SIZE_BYTES / 512)))\$" \
  '^nmic\s*:\s*0x1$' '^anagrpid\s*:\s*1$' '^lbaf +0 : ms:0 +lbads:9 .*in use'
check 'nvme smart-log' shows nvme smart-log "/dev/$CONTROLLER" -- '^critical_warning\s+: 0' '^percentage_used\s+: 0%' \
  '^media_errors\s+: 0'
check 'nvme ana-log: one group, optimized' shows nvme ana-log "/dev/$CONTROLLER" -- '^grpid\s*:\s*1' '^state\s*:\s*optimized'
check 'nvme list-subsys' shows nvme list-subsys "$DISK" -- "NQN=$NQN" "$CONTROLLER tcp .*live optimized"
check 'nvme resv-report: nobody is registered' shows nvme resv-report "$DISK" --eds -- '^regctl\s*:\s*0' '^rtype\s*:\s*0'
check 'nvme error-log' nvme error-log "/dev/$CONTROLLER" -e 4
check 'nvme fw-log' nvme fw-log "/dev/$CONTROLLER"
check 'nvme effects-log' nvme effects-log "/dev/$CONTROLLER"

need 'mkfs.ext4' mkfs.ext4 -q "$DISK"
need 'mount' mount "$DISK" "$MOUNT"
check 'fio: every written block reads back' verified_writes "$MOUNT" 24M
check 'nvme flush' nvme flush "$DISK" -n 1
check 'umount' umount "$MOUNT"
check 'fsck finds the file system clean' fsck.ext4 -fn "$DISK"
check 'disconnect' shows nvme_logout -- 'disconnected 1 controller'
check 'the disk is gone' eventually 10 no_nvme_disk
no_alarms "$NVME_ALARMS"
