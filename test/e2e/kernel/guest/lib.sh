# shellcheck shell=bash
# What guest scripts share: checks that the harness reads, the line to the host, the iSCSI session. Sourced first.
# In the environment: PORTAL (address:port), PORTALS (all of them), IQN, POST (address/port of the host's listener), RIG_OUT.
set -uo pipefail
source ./kernel-log.sh

MOUNT=/mnt
DISK=''             # set by `login`
OUTPUT=/tmp/output  # of the command that a check ran last

# ---- checks

# check NAME COMMAND...: passes when the command does; its output goes to the log, its end to the report on failure.
check() {
  local name=$1 status=0
  shift
  "$@" >"$OUTPUT" 2>&1 || status=$?
  log_command "$status" "$@"
  if ((status == 0)); then
    pass "$name"
  else
    fail "$name" "$* ended with $status"
    tail -n 8 "$OUTPUT" | sed 's/^/@note /'
  fi
  return "$status"
}

# need NAME COMMAND...: a check without which the script cannot go on.
need() { check "$@" || exit 1; }

# refused NAME COMMAND...: passes when the command fails.
refused() {
  local name=$1 status=0
  shift
  "$@" >"$OUTPUT" 2>&1 || status=$?
  log_command "$status" "$@"
  if ((status == 0)); then fail "$name" "$* succeeded"; else pass "$name"; fi
}

# fails_with STATUS COMMAND...: succeeds when the command ends with just that status.
fails_with() {
  local expected=$1 status=0
  shift
  "$@" || status=$?
  ((status == expected)) || { echo "status $status"; return 1; }
}

# shows COMMAND... -- PATTERN...: the command passes and its output has each pattern (extended regular expressions).
shows() {
  local command=() output
  while [[ $1 != -- ]]; do
    command+=("$1")
    shift
  done
  shift
  output=$("${command[@]}") || return
  printf '%s\n' "$output"
  local pattern missing=0
  for pattern in "$@"; do
    grep -qE "$pattern" <<<"$output" || { echo "missing: $pattern"; missing=1; }
  done
  return "$missing"
}

# eventually SECONDS COMMAND...: tries the command until it succeeds, for so long at most.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

log_command() { # STATUS COMMAND...
  local status=$1
  shift
  printf '+ %s\n' "$*"
  cat "$OUTPUT"
  ((status == 0)) || printf '(status %s)\n' "$status"
}

pass() { printf '@pass %s\n' "$1"; }

fail() { # NAME REASON
  printf '@fail %s\n@note %s\n' "$1" "$2"
  return 1
}

# equal NAME EXPECTED ACTUAL
equal() {
  if [[ $2 == "$3" ]]; then pass "$1"; else fail "$1" "expected '$2', got '$3'"; fi
}

# at_least NAME LEAST ACTUAL
at_least() {
  if (($3 >= $2)); then pass "$1 ($3)"; else fail "$1" "expected at least $2, got $3"; fi
}

# at_most NAME MOST ACTUAL
at_most() {
  if (($3 <= $2)); then pass "$1 ($3)"; else fail "$1" "expected at most $2, got $3"; fi
}

# kernel_is_quiet: nothing alarming in the kernel's log since boot.
kernel_is_quiet() { no_alarms "$ALARMS|$ALARMS_OF_LOSS"; }

# kernel_only_lost_connections: the same for a script under which the target went away.
kernel_only_lost_connections() { no_alarms "$ALARMS"; }

no_alarms() { # PATTERN
  local lines
  if lines=$(dmesg | alarming_lines "$1"); then
    fail 'the kernel log shows no trouble' "$(wc -l <<<"$lines") alarming lines"
    tail -n 8 <<<"$lines" | sed 's/^/@note /'
  else
    pass 'the kernel log shows no trouble'
  fi
}

# forget_alarms: what the kernel logged so far was provoked by the script.
forget_alarms() { dmesg --read-clear >>"$RIG_OUT/dmesg"; }
trap forget_alarms EXIT

# ---- the line to the host

# ask WORD...: sends a line and prints the answer; fails when the host could not do it.
ask() {
  local answer='' line
  exec {line}<>"/dev/tcp/$POST"
  printf '%s\n' "$*" >&"$line"
  read -r answer <&"$line"
  exec {line}>&-
  printf '%s\n' "${answer#* }"
  [[ $answer == ok* ]]
}

# ---- the session

# start_iscsid: with its log where the host keeps it; iscsiadm would start it with none.
start_iscsid() {
  local tries
  modprobe iscsi_tcp
  iscsid --foreground --debug 1 >"$RIG_OUT/iscsid.log" 2>&1 &
  for ((tries = 0; tries < 50; tries++)); do
    ss -xl | grep -q ISCSIADM && return 0
    sleep 0.1
  done
  echo 'iscsid did not come up'
  return 1
}

discover() {
  iscsiadm -m discovery -t sendtargets -p "$PORTAL"
}

# node_record: makes the initiator's record of the target, with open-iscsi's own defaults.
node_record() {
  iscsiadm -m node -o new -T "$IQN" -p "$PORTAL"
}

node() { iscsiadm -m node -T "$IQN" -p "$PORTAL" "$@"; }

node_set() { node -o update -n "$1" -v "$2"; } # NAME VALUE

use_chap() { # USER SECRET
  node_set node.session.auth.authmethod CHAP &&
    node_set node.session.auth.username "$1" &&
    node_set node.session.auth.password "$2"
}

# host_settings: what docs/hosts.md advises for a volume with one path at a time.
host_settings() {
  node_set 'node.conn[0].timeo.noop_out_interval' 1 &&
    node_set 'node.conn[0].timeo.noop_out_timeout' 3 &&
    node_set 'node.conn[0].timeo.login_timeout' 5 &&
    node_set node.session.timeo.replacement_timeout 120
}

# multipath_settings: the same for every record of a multipath volume, whose paths are given up soon.
multipath_settings() {
  local name
  for name in noop_out_interval=1 noop_out_timeout=3 login_timeout=5; do
    iscsiadm -m node -T "$IQN" -o update -n "node.conn[0].timeo.${name%=*}" -v "${name#*=}" || return
  done
  iscsiadm -m node -T "$IQN" -o update -n node.session.timeo.replacement_timeout -v 5
}

# login: logs in and waits until the disk is there; sets DISK.
login() {
  node --login && wait_for_disk
}

# logout: first lets udev finish its own reads of the disk, which would fail.
logout() { udevadm settle && node --logout; }

wait_for_disk() {
  local tries path
  for ((tries = 0; tries < 100; tries++)); do
    for path in /sys/class/iscsi_session/session*/device/target*/*/block/*; do
      DISK=/dev/${path##*/}
      [[ -b $DISK ]] && udevadm settle && return 0
    done
    sleep 0.1
  done
  echo 'no disk appeared'
  return 1
}

no_disk() { ! compgen -G '/sys/class/iscsi_session/session*' >/dev/null; }

session_state() { cat /sys/class/iscsi_session/session*/state; }

# ---- files and data

# verified_writes TARGET SIZE [FIO-OPTION]...: random writes of 4 to 128 KiB, each block read back and compared with its
# crc32c. TARGET is a folder or a block device.
verified_writes() {
  local where=--filename=$1 size=$2
  [[ ! -d $1 ]] || where=--directory=$1
  shift 2
  fio --name=verify "$where" --size="$size" --bsrange=4k-128k --rw=randwrite --verify=crc32c \
    --do_verify=1 --verify_fatal=1 --verify_state_save=0 --ioengine=libaio --iodepth=16 --direct=1 \
    --randseed=7 "$@"
}

# blocks_done read|written: sectors that the disk has transferred so far.
blocks_done() {
  local -a stat
  read -r -a stat <"/sys/block/${DISK##*/}/stat"
  if [[ $1 == read ]]; then echo "${stat[2]}"; else echo "${stat[6]}"; fi
}

# wait_for_blocks read|written COUNT PID: returns when the disk has transferred that many sectors more, fails when
# PID, which causes it, is gone, or after 150 s (open-iscsi waits 120 s for a lost session).
wait_for_blocks() {
  local goal tries
  goal=$(($(blocks_done "$1") + $2))
  for ((tries = 0; tries < 750; tries++)); do
    (($(blocks_done "$1") < goal)) || return 0
    kill -0 "$3" || return
    sleep 0.2
  done
  return 1
}

# fsync_files new|again: until /tmp/stop appears, writes files under $MOUNT/files, each synced, and tells the host
# name and sha256 the moment the sync returned. The checksum is of what was meant to be written. `new` makes a new
# file each time, so what a crash loses stays lost; `again` overwrites the same twenty in place.
fsync_files() {
  local kind=$1 flags=fsync count=0 file sum line
  [[ $kind == new ]] || flags=fsync,notrunc
  exec {line}>"/dev/tcp/$POST"
  while [[ ! -e /tmp/stop ]]; do
    if [[ $kind == new ]]; then file=new-$count; else file=again-$((count % 20)); fi
    head -c $((4096 * (1 + count % 20 * 3))) /dev/urandom >"/tmp/$kind"
    sum=$(sha256sum <"/tmp/$kind") || return 1
    dd if="/tmp/$kind" of="$MOUNT/files/$file" bs=1M conv="$flags" status=none || return 1
    printf 'fsynced %s %s\n' "$file" "${sum%% *}" >&"$line"
    count=$((count + 1))
  done
}

# as_told [PREFIX]: every file that the host was told of (whose name begins so) has, on the disk, the checksum it was told.
as_told() {
  ask list-fsynced "${1:-}" && echo 3 >/proc/sys/vm/drop_caches &&
    (cd "$MOUNT/files" && sha256sum --quiet --check "$RIG_OUT/fsynced.sha256")
}

# writable: the mounted file system still takes writes and was not turned read-only.
writable() {
  findmnt -n -o OPTIONS "$MOUNT" | grep -qE '^rw' && echo probe >"$MOUNT/.probe" && sync "$MOUNT/.probe"
}
