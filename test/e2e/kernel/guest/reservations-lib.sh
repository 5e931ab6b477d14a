# shellcheck shell=bash
# What scripts about persistent reservations share: two initiators, which are two names of one guest. Sourced after lib.sh.

# sg3_utils(8): exit statuses for a reservation conflict and for a unit attention.
CONFLICT=24 ATTENTION=6
WRITE_EXCLUSIVE=1 EXCLUSIVE_ACCESS=3 WRITE_EXCLUSIVE_REGISTRANTS=5
KEY_A=0xa1 KEY_B=0xb2

host_name() { echo "iqn.2026-11.io.basalt.test:$1"; } # IFACE

# make_host IFACE: an initiator of that name, with its own session and disk.
make_host() {
  iscsiadm -m iface -I "$1" -o new &&
    iscsiadm -m iface -I "$1" -o update -n iface.initiatorname -v "$(host_name "$1")" &&
    iscsiadm -m node -o new -T "$IQN" -p "$PORTAL" -I "$1" &&
    node -I "$1" --login
}

disk_of() { # IFACE
  local session path
  for session in /sys/class/iscsi_session/session*; do
    [[ $(cat "$session/initiatorname") == "$(host_name "$1")" ]] || continue
    for path in "$session"/device/target*/*/block/*; do
      [[ -b /dev/${path##*/} ]] && echo "/dev/${path##*/}" && return
    done
  done
  return 1
}

out() { # DISK OPTION...
  local disk=$1
  shift
  sg_persist --out "$@" "$disk"
}
register() { out "$1" --register --param-sark="$2" "${@:3}"; }           # DISK KEY [OPTION]...
reserve() { out "$1" --reserve --param-rk="$2" --prout-type="$3"; }      # DISK KEY TYPE
release() { out "$1" --release --param-rk="$2" --prout-type="$3"; }      # DISK KEY TYPE
keys() { sg_persist --in --read-keys "$1" | grep -oE '^ +0x[0-9a-f]+$' | sort | xargs; }
reads() { sg_verify --lba=0 --count=8 "$1"; }                            # DISK: a command that only reads
writes() { sg_write_same --10 --in="${2:-/tmp/one}" --lba=0 --num=8 "$1"; } # DISK [FILE]
holds() { dd if="$1" bs=512 count=1 iflag=direct status=none | cmp - "$2"; }
told() { sg_turs "$1" >/dev/null 2>&1 || sg_turs "$1" >/dev/null 2>&1 || sg_turs "$1"; } # DISK: past what it has to be told
logged_in() { (($(grep -l LOGGED_IN /sys/class/iscsi_session/session*/state | wc -l) == 2)); }
