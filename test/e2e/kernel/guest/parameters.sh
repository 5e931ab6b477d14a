#!/bin/bash
# What initiator and target negotiate, besides open-iscsi's defaults: each set is agreed on as asked, and verified
# writes pass under it.
source ./lib.sh

CONNECTION='node.conn[0].iscsi'
SESSION=node.session.iscsi

# agreed NAME=VALUE...: the session's parameters, as the kernel uses them.
agreed() {
  local wanted name
  for wanted in "$@"; do
    name=${wanted%%=*}
    [[ $(cat "/sys/class/iscsi_${name%%/*}"/*/"${name#*/}") == "${wanted#*=}" ]] || {
      echo "$name is $(cat "/sys/class/iscsi_${name%%/*}"/*/"${name#*/}"), not ${wanted#*=}"
      return 1
    }
  done
}

# round NAME SETTING=VALUE... -- AGREED=VALUE...
round() {
  local name=$1
  shift
  node_record >/dev/null
  while [[ $1 != -- ]]; do
    node_set "${1%%=*}" "${1#*=}" >/dev/null || fail "$name: setting $1" 'iscsiadm refused it'
    shift
  done
  shift
  need "$name: login" login
  check "$name: agreed on as asked" agreed "$@"
  check "$name: every written block reads back" verified_writes "$DISK" 16M
  check "$name: logout" logout
}

need 'iscsid runs' start_iscsid
round 'digests' "$CONNECTION.HeaderDigest=CRC32C" "$CONNECTION.DataDigest=CRC32C" -- \
  connection/header_digest=1 connection/data_digest=1
round 'data only when asked for' "$SESSION.InitialR2T=Yes" "$SESSION.ImmediateData=No" -- \
  session/initial_r2t=1 session/immediate_data=0
round 'immediate data only' "$SESSION.InitialR2T=Yes" "$SESSION.ImmediateData=Yes" -- \
  session/initial_r2t=1 session/immediate_data=1
round 'short bursts and segments' "$SESSION.FirstBurstLength=4096" "$SESSION.MaxBurstLength=16384" \
  "$CONNECTION.MaxRecvDataSegmentLength=4096" "$CONNECTION.MaxXmitDataSegmentLength=4096" -- \
  session/first_burst_len=4096 session/max_burst_len=16384 connection/max_recv_dlength=4096
round 'all of it with digests' "$CONNECTION.HeaderDigest=CRC32C" "$CONNECTION.DataDigest=CRC32C" \
  "$SESSION.InitialR2T=Yes" "$SESSION.ImmediateData=No" "$SESSION.MaxBurstLength=16384" \
  "$CONNECTION.MaxRecvDataSegmentLength=4096" -- \
  connection/data_digest=1 session/immediate_data=0 session/max_burst_len=16384
kernel_is_quiet
