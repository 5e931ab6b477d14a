#!/bin/sh
# Runs the agent of one machine and clears up after it, however it ended: programs that bear the run's mark, harm that the
# agent was told how to undo, and the folder when the runner is done with it.
#
#     launch.sh NODE FOLDER MARK SUDO [HOST PORT TOKEN-FILE]     FOLDER: of the machine, absolute; this file is in FOLDER/.agent
node=$1 folder=$2 mark=$3 sudo=$4
shift 4
agent=$folder/.agent
as=''
[ "$sudo" = 0 ] || as='sudo -n'
rm -f "$agent/died" "$agent/undo" "$agent/keep" "$agent/remove"
# what runs before this one left, whose runner died
for left in "${folder%/*/*}"/*/*/.agent/died; do
  [ ! -e "$left" ] || $as rm -rf "${left%/.agent/died}"
  rmdir "${left%/*/.agent/died}" 2>/dev/null
done

echo '{"type":"module"}' >"$agent/package.json"
trap : HUP INT TERM
"$node" "$agent/agent.ts" "$agent" "$mark" "$sudo" "$@"
trap '' HUP INT TERM PIPE

marked() { $as grep -lzxF "BASALT_RUN_MARK=$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
passes=0
while pids=$(marked) && [ -n "$pids" ] && [ $passes -lt 20 ]; do
  # shellcheck disable=SC2086
  $as kill -KILL $pids 2>/dev/null
  passes=$((passes + 1))
  sleep 0.1
done
[ ! -e "$agent/undo" ] || $as sh "$agent/undo" >/dev/null 2>&1
if [ -e "$agent/remove" ]; then
  cd / || exit 1
  $as rm -rf "$folder"
  rmdir "${folder%/*}" 2>/dev/null
elif [ -e "$agent/keep" ]; then
  $as rm -rf "$agent"
else
  : >"$agent/died"
fi
