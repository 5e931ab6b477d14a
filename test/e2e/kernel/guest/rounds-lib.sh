# shellcheck shell=bash
# Rounds of verified writes in the background, while something happens to the paths. Sourced after lib.sh.

# verify_on TARGET [SIZE]: rounds of verified writes until /tmp/stop appears.
verify_on() {
  local round
  for ((round = 0; ; round++)); do
    verified_writes "$1" "${2:-48M}" --randseed="$round" || return
    [[ ! -e /tmp/stop ]] || return 0
    echo "$round" >/tmp/rounds
  done >"$RIG_OUT/fio.log" 2>&1
}
rounds_pass() { # COUNT PID: that many more rounds were verified, and the writer is alive
  local goal=$(($(cat /tmp/rounds 2>/dev/null || echo 0) + $1))
  eventually 240 at_round "$goal" "$2"
}
at_round() { kill -0 "$2" && (($(cat /tmp/rounds 2>/dev/null || echo 0) >= $1)); }

# beat_on FILE: writes a block again and again until /tmp/stop appears; what each took, in ms, goes to /tmp/beats.
beat_on() {
  local beganUs
  while [[ ! -e /tmp/stop ]]; do
    beganUs=${EPOCHREALTIME/[.,]/}
    dd if=/dev/zero of="$1" bs=4k count=1 oflag=direct conv=notrunc status=none || return
    echo $(((${EPOCHREALTIME/[.,]/} - beganUs) / 1000)) >>/tmp/beats
    sleep 0.1
  done
}
slowest_beat() { sort -n /tmp/beats | tail -n 1; } # ms
forget_beats() { : >/tmp/beats; }
