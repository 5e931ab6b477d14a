#!/bin/bash
# Serves a subsystem by the kernel's own NVMe/TCP target, on all addresses, until it is ended. Prints `serving`.
# In the environment: NQN, PORT.
set -euo pipefail

ROOT=/sys/kernel/config/nvmet
SUBSYSTEM=$ROOT/subsystems/$NQN

modprobe -a loop nvmet nvmet-tcp
truncate -s 384M /tmp/namespace
DISK=$(losetup -f --show /tmp/namespace)
mkdir "$SUBSYSTEM" "$SUBSYSTEM/namespaces/1" "$ROOT/ports/1"
echo 1 >"$SUBSYSTEM/attr_allow_any_host"
echo "$DISK" >"$SUBSYSTEM/namespaces/1/device_path"
echo 1 >"$SUBSYSTEM/namespaces/1/enable"
echo tcp >"$ROOT/ports/1/addr_trtype"
echo ipv4 >"$ROOT/ports/1/addr_adrfam"
echo 0.0.0.0 >"$ROOT/ports/1/addr_traddr"
echo "$PORT" >"$ROOT/ports/1/addr_trsvcid"
ln -s "$SUBSYSTEM" "$ROOT/ports/1/subsystems/"
echo serving
exec sleep infinity
