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
