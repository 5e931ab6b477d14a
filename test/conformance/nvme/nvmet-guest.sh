#!/bin/bash
# Guest script of the rig: the kernel's NVMe/TCP target with a scratch namespace, for `npm run conformance:nvme`.
set -euo pipefail
nqn=nqn.2026-11.org.example:nvmet
cfg=/sys/kernel/config/nvmet
modprobe -a loop nvmet nvmet-tcp
truncate -s 384M /tmp/ns1.img
loop=$(losetup -f --show /tmp/ns1.img)
sub=$cfg/subsystems/$nqn
mkdir "$sub" "$sub/namespaces/1" "$cfg/ports/1"
echo 1 >"$sub/attr_allow_any_host"
echo "$loop" >"$sub/namespaces/1/device_path"
echo 1 >"$sub/namespaces/1/enable"
echo tcp >"$cfg/ports/1/addr_trtype"
echo ipv4 >"$cfg/ports/1/addr_adrfam"
echo 0.0.0.0 >"$cfg/ports/1/addr_traddr"
echo 4420 >"$cfg/ports/1/addr_trsvcid"
ln -s "$sub" "$cfg/ports/1/subsystems/"
echo serving
sleep "${1:-600}"
