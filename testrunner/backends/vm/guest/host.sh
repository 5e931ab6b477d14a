#!/bin/bash
# A host of scenarios: the initiators of this kernel, and an agent that works here for the runner until it is gone. What the
# host's loopback has as 127.0.0.1:PORT has the same address here, so what daemons tell is right for all.
#
#     host.sh NAME MARK FOLDER PORT     PORT: where the runner waits for the agent; the token is in $RIG_OUT/token
set -uo pipefail
name=$1 mark=$2 folder=$3 port=$4

dmesg --follow >"$RIG_OUT/dmesg" 2>&1 &

echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
nft -f - <<'NFT' || exit 1
table ip basalt {
  chain output {
    type nat hook output priority -100
    ip daddr 127.0.0.1 meta l4proto tcp dnat to 10.0.2.2
  }
  chain postrouting {
    type nat hook postrouting priority 100
    oifname "eth0" ip saddr 127.0.0.0/8 masquerade
  }
}
NFT

printf 'InitiatorName=iqn.2026-11.io.basalt.scenario:%s\n' "$name" >/etc/iscsi/initiatorname.iscsi
printf 'nqn.2026-11.io.basalt.scenario:%s\n' "$name" >/etc/nvme/hostnqn
printf '5f1d0000-0000-4000-8000-%012d\n' "${name#h}" >/etc/nvme/hostid
modprobe -a iscsi_tcp nvme_core nvme-tcp dm_multipath scsi_dh_alua sch_netem
iscsid --foreground >"$RIG_OUT/iscsid.log" 2>&1 &

# as docs/hosts.md advises; by NVMe the kernel is its own multipath
cat >/etc/multipath.conf <<'CONF'
defaults {
  user_friendly_names yes
  find_multipaths yes
}
blacklist {
  devnode "^(vd|loop|ram|sr|fd|nullb|nvme)"
}
devices {
  device {
    vendor "BASALT"
    product "BLOCK VOLUME"
    path_grouping_policy group_by_prio
    prio alua
    hardware_handler "1 alua"
    path_checker tur
    failback immediate
    no_path_retry 24
    fast_io_fail_tmo 5
  }
}
CONF
multipathd -d >"$RIG_OUT/multipathd.log" 2>&1 &

mkdir -p "$folder/.agent"
cp /rig/repo/testrunner/backends/agent/remote/* "$folder/.agent/"
# sources are read and stripped of their types once, not at every start of the command line
export NODE_COMPILE_CACHE=/tmp/compiled
export NODE_OPTIONS=--require=/rig/repo/testrunner/backends/vm/guest/tiering.cjs
# the second card: what is done to the first does not reach the agent
exec sh "$folder/.agent/launch.sh" /rig/repo/node_modules/node/bin/node "$folder" "$mark" 0 \
  10.0.3.2 "$port" "$RIG_OUT/token"
