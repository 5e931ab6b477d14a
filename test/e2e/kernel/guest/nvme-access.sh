#!/bin/bash
# A host that may use the volume, and hosts that may not: they are refused by a status, at once, and see nothing.
# In the environment besides nvme-lib.sh's: HOST_NQN (which may).
source ./lib.sh
source ./nvme-lib.sh

STRANGER=nqn.2014-08.org.nvmexpress:uuid:11111111-2222-4333-8444-555555555555
# What an emulated machine needs for a refusal; a host that hangs takes longer by far.
REFUSAL_SECONDS=15
refused_soon() { # OPTION...
  local beganS=$SECONDS status=0
  connect_at "$NVME_PORTAL" "$@" || status=$?
  echo "status $status after $((SECONDS - beganS)) s"
  ((status != 0 && SECONDS - beganS <= REFUSAL_SECONDS))
}
sees_nothing() { ! nvme_discover "$NVME_PORTAL" --hostnqn="$1" | grep -F "$NQN"; }
kernel_says() { dmesg | grep -E "$1"; }

need 'the modules are there' nvme_modules
check 'a stranger discovers nothing of the volume' sees_nothing "$STRANGER"
check 'a stranger is refused, and does not hang' refused_soon --hostnqn="$STRANGER"
check 'by the status that names the reason' kernel_says 'not allowed|Connect Invalid Host|invalid host'
check 'a stranger has no controller' no_controllers
check 'nor a disk' no_nvme_disk
named() { local NQN=$1; "${@:2}"; } # NQN COMMAND...
check 'a subsystem that there is not is refused, and does not hang' \
  named nqn.2026-11.io.basalt:none refused_soon --hostnqn="$HOST_NQN"
check 'and leaves no controller' no_controllers
forget_alarms

check 'the host that may discovers it' shows nvme_discover "$NVME_PORTAL" --hostnqn="$HOST_NQN" -- "^subnqn: *$NQN\$"
need 'and connects' nvme_login --hostnqn="$HOST_NQN"
check 'and writes' verified_writes "$DISK" 8M
check 'a stranger is refused while it is there' refused_soon --hostnqn="$STRANGER"
forget_alarms
check 'the host that may still writes' verified_writes "$DISK" 8M
check 'disconnect' nvme_logout
check 'the disk is gone' eventually 10 no_nvme_disk
no_alarms "$NVME_ALARMS"
