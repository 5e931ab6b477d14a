# shellcheck shell=bash
# Boots the guest for one script. QEMU lives no longer than this process: every exit kills it, and the kernel does
# so if this process itself is killed. The script's stdout and stderr stay two streams, and its exit status
# comes over a port of its own, so that a guest that died is never mistaken for a script that succeeded.

RIG_QEMU=${RIG_QEMU:-qemu-system-x86_64}
# what is dear to emulate is off; so are protection keys, by which V8 guards its code: it died of a check of its own there
RIG_CPU=${RIG_CPU:-max,la57=off,smap=off,smep=off,umip=off,pku=off}
RIG_ACCEL=${RIG_ACCEL:-tcg,thread=multi}

RUN_FOLDER='' QEMU_PID='' CHILDREN=()

boot() { # run|shell [OPTION]... [SCRIPT [ARGUMENT]...]
  local mode=$1
  shift
  local mem=1024 smp=2 nics=1 limit=600 kernel_args='' out='' console=''
  local forwards=() envs=() shares=()
  while (($#)); do
    case $1 in
      --mem | --smp | --nics | --timeout | --forward | --out | --share | --env | --kernel-args | --console)
        (($# >= 2)) || die "$1 wants a value" ;;&
      --mem) is_number "$2" || die "--mem wants MiB, not '$2'"; mem=$2 ;;
      --smp) is_number "$2" || die "--smp wants a number, not '$2'"; smp=$2 ;;
      --nics) [[ $2 =~ ^[1-8]$ ]] || die "--nics wants 1 to 8, not '$2'"; nics=$2 ;;
      --timeout) is_number "$2" || die "--timeout wants seconds, not '$2'"; limit=$2 ;;
      --forward) [[ $2 =~ ^[0-9]+:[0-9]+$ ]] || die "--forward wants HOST:GUEST, not '$2'"; forwards+=("$2") ;;
      --out) mkdir -p "$2"; out=$(readlink -f "$2") ;;
      --share)
        [[ $2 =~ ^(.+):([a-z]+)$ && -d ${BASH_REMATCH[1]} ]] || die "--share wants DIR:NAME, not '$2'"
        shares+=("$(readlink -f "${BASH_REMATCH[1]}") ${BASH_REMATCH[2]}")
        ;;
      --env) [[ $2 =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || die "--env wants NAME=VALUE, not '$2'"; envs+=("$2") ;;
      --kernel-args) kernel_args=$2 ;;
      --console) console=$(readlink -f "$2") ;;
      --) shift; break ;;
      -*) die "$mode: unknown option $1 (rig help)" ;;
      *) break ;;
    esac
    shift 2
  done

  local script='' script_folder=''
  if [[ $mode == run ]]; then
    (($#)) || die "run: no SCRIPT given (rig help)"
    [[ -f $1 ]] || die "run: no such script: $1"
    script=$(readlink -f "$1")
    script_folder=$(dirname "$script")
    shift
  else
    (($# == 0)) || die "shell takes no script"
  fi
  need "$RIG_QEMU" setpriv
  [[ -f $RIG_CACHE/stamp ]] || die "nothing is built in $RIG_CACHE; run '$RIG_DIR/rig build' first"
  [[ $(<"$RIG_CACHE/stamp") == "$(inputs_hash)" ]] || say "warning: the guest is older than its sources; run 'rig build'"

  trap end_all EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  RUN_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/rig-run.XXXXXX")
  mkdir "$RUN_FOLDER/meta"
  [[ -n $console ]] || console=$RUN_FOLDER/console.log
  : >"$console"

  local qemu=(
    setpriv --pdeathsig KILL "$RIG_QEMU"
    -accel "$RIG_ACCEL" -cpu "$RIG_CPU" -smp "$smp" -m "$mem" -M pc
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$RIG_CACHE/vmlinux" -initrd "$RIG_CACHE/initrd.cpio"
    -drive "file=$RIG_CACHE/root.img,format=raw,if=virtio,snapshot=on"
    -device virtio-rng-pci -device virtio-serial-pci
  )
  local card forward
  for ((card = 0; card < nics; card++)); do
    local net="user,id=net$card,net=10.0.$((2 + card)).0/24,host=10.0.$((2 + card)).2"
    if ((card == 0)); then
      for forward in ${forwards[@]+"${forwards[@]}"}; do
        net+=",hostfwd=tcp:127.0.0.1:${forward%:*}-:${forward#*:}"
      done
    fi
    qemu+=(-netdev "$net" -device "virtio-net-pci,netdev=net$card,mac=52:54:00:12:34:5$card")
  done

  local mounts=()
  share "$RUN_FOLDER/meta" meta ro
  mounts=() # rig-init mounts this one by itself: the list of the others is in it
  [[ -z $script ]] || share "$script_folder" script ro
  [[ -z $out ]] || share "$out" out rw
  local shared
  for shared in ${shares[@]+"${shares[@]}"}; do share "${shared% *}" "${shared##* }" ro; done
  {
    printf 'RIG_MODE=%q\nRIG_NICS=%q\nRIG_SCRIPT=%q\n' "$mode" "$nics" "${script##*/}"
    printf 'RIG_ARGUMENTS=('; (($#)) && printf ' %q' "$@"; printf ' )\n'
    printf 'RIG_MOUNTS=('; ((${#mounts[@]})) && printf ' %q' "${mounts[@]}"; printf ' )\n'
    ((${#envs[@]})) && printf 'export %q\n' "${envs[@]}"
    :
  } >"$RUN_FOLDER/meta/config"

  # Quick boot on an emulated CPU: no mitigations, no self-tests, no watchdogs that a busy host would set off.
  local append="console=ttyS0 panic=-1 quiet net.ifnames=0 mitigations=off nokaslr tsc=reliable no_timer_check \
random.trust_cpu=on cryptomgr.notests apparmor=0 audit=0 nowatchdog rcupdate.rcu_cpu_stall_timeout=300 \
rcupdate.rcu_expedited=1 $kernel_args"

  export TMPDIR=$RUN_FOLDER # QEMU's throw-away layer of the root disk goes there
  if [[ $mode == shell ]]; then
    local status=0
    "${qemu[@]}" -serial mon:stdio -append "$append" || status=$?
    exit "$status"
  fi
  run_script "$limit" "$console" "${qemu[@]}" -append "$append"
}

# Adds a folder of this host to the guest (9p) and to the list that rig-init mounts. Uses boot's locals.
share() { # FOLDER NAME ro|rw
  [[ $1 != *,* ]] || die "QEMU cannot share a path with a comma: $1"
  local read_only=''
  [[ $3 != ro ]] || read_only=,readonly=on
  qemu+=(-virtfs "local,path=$1,mount_tag=rig$2,security_model=none,multidevs=remap$read_only")
  mounts+=("rig$2 /rig/$2 $3")
}

# Runs QEMU until the guest powers off or the time is over, and exits with the script's status.
run_script() { # SECONDS CONSOLE QEMU...
  local limit=$1 console=$2 port stdout_cat stderr_cat qemu_status=0 status=''
  shift 2
  # Two ports end in FIFOs which `cat` drains, so that QEMU never changes the flags of our own stdout.
  mkfifo "$RUN_FOLDER/stdout" "$RUN_FOLDER/stderr"
  cat "$RUN_FOLDER/stdout" & stdout_cat=$!
  cat "$RUN_FOLDER/stderr" >&2 & stderr_cat=$!
  CHILDREN+=("$stdout_cat" "$stderr_cat")
  local qemu=("$@")
  for port in stdout stderr status; do
    qemu+=(-chardev "file,id=$port,path=$RUN_FOLDER/$port" -device "virtserialport,chardev=$port,name=rig.$port")
  done
  "${qemu[@]}" -serial "file:$console" </dev/null >"$RUN_FOLDER/qemu.log" 2>&1 &
  QEMU_PID=$!
  (sleep "$limit"; : >"$RUN_FOLDER/timed-out"; kill -KILL "$QEMU_PID") 2>/dev/null &
  CHILDREN+=($!)
  { wait "$QEMU_PID" || qemu_status=$?; } 2>/dev/null # bash would print "Killed"
  QEMU_PID=''
  # A QEMU that failed before it opened the FIFOs leaves each `cat` waiting for a writer.
  if ((qemu_status != 0)) && [[ ! -s $console ]]; then
    end_child "$stdout_cat"
    end_child "$stderr_cat"
  fi
  wait "$stdout_cat" "$stderr_cat" 2>/dev/null || true

  [[ ! -s $RUN_FOLDER/status ]] || status=$(<"$RUN_FOLDER/status")
  if [[ -e $RUN_FOLDER/timed-out ]]; then
    say "timed out after $limit s; end of the guest's console:"
    tail -n 15 "$console" >&2
    exit "$EXIT_TIMED_OUT"
  fi
  if ! [[ $status =~ ^[0-9]+$ ]]; then
    say "the guest ended without the script's exit status (QEMU: $qemu_status)"
    cat "$RUN_FOLDER/qemu.log" >&2
    say "end of the guest's console:"
    tail -n 40 "$console" >&2
    exit "$EXIT_RIG"
  fi
  exit "$status"
}

is_number() { [[ $1 =~ ^[0-9]+$ ]] && ((10#$1 > 0)); }

end_child() { # PID of a child of this shell; its own children end first
  local grandchildren=() pid
  read -r -a grandchildren 2>/dev/null <"/proc/$1/task/$1/children" || true
  for pid in ${grandchildren[@]+"${grandchildren[@]}"}; do kill "$pid" 2>/dev/null || true; done
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

end_all() {
  local status=$? pid
  trap - EXIT
  trap '' INT TERM HUP # a second signal must not leave the half of it
  if [[ -n $QEMU_PID ]]; then
    kill -KILL "$QEMU_PID" 2>/dev/null || true
    wait "$QEMU_PID" 2>/dev/null || true
  fi
  for pid in ${CHILDREN[@]+"${CHILDREN[@]}"}; do end_child "$pid"; done
  [[ -z $RUN_FOLDER ]] || rm -rf "$RUN_FOLDER"
  exit "$status"
}
