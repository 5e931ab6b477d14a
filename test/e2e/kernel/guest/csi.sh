#!/bin/bash
# The node service of `basalt csi` with the guest's own tools: iscsid and modules by this script, all else by
# csi/main.ts, which runs the driver of the repository at /rig/repo as an orchestrator does.
source ./lib.sh
source ./nvme-lib.sh

need 'the modules are there' nvme_modules
need 'iscsid runs' start_iscsid
# sources are read and stripped of their types once, not at every start of the driver
export NODE_COMPILE_CACHE=/tmp/compiled
export NODE_OPTIONS=--require=/rig/repo/testrunner/backends/vm/guest/tiering.cjs
export POST
/rig/repo/node_modules/node/bin/node /rig/repo/test/e2e/kernel/guest/csi/main.ts || exit 1
check 'no session is left (iSCSI)' no_disk
check 'no session is left (NVMe)' no_controllers
no_alarms "$ALARMS|$NVME_ALARMS|ping timeout"
# a login begins at a server that does not lead, which sends it on and closes; the kernel may say so, once for each, and never later
conn_errors() { dmesg | grep -c 'detected conn error'; }
logins() { grep -c 'is operational now' "$RIG_OUT/iscsid.log"; }
at_most 'no session was lost (iSCSI)' "$(logins)" "$(conn_errors)"
refused 'no session was made again (iSCSI)' grep 'operational after recovery' "$RIG_OUT/iscsid.log"
