#!/bin/bash
# sg3-utils against the disk: what it says about itself, that each page and command it lists is there, and commands that the
# kernel's block layer does not send. In the environment besides lib.sh's: LAST_LBA.
source ./lib.sh

# Exit statuses of sg3-utils (sg3_utils(8)): sense key ILLEGAL REQUEST, its case of an unknown opcode, MISCOMPARE.
ILLEGAL_REQUEST=5 INVALID_OPCODE=9 MISCOMPARE=14
BLOCK=512
PATTERN=/tmp/pattern OTHER=/tmp/other
head -c $((8 * BLOCK)) /dev/urandom >"$PATTERN"
head -c $((8 * BLOCK)) /dev/urandom >"$OTHER"

# refused_with PATTERN COMMAND...: passes when the command fails and says so.
refused_with() {
  local pattern=$1 output status=0
  shift
  output=$("$@" 2>&1) || status=$?
  printf '%s\n(status %s)\n' "$output" "$status"
  ((status != 0)) && grep -qE "$pattern" <<<"$output"
}

write_at() { dd if="$1" of="$DISK" bs="$BLOCK" seek="$2" oflag=direct conv=notrunc status=none; } # FILE LBA
read_at() { dd if="$DISK" bs="$BLOCK" skip="$1" count="$2" iflag=direct status=none; }            # LBA BLOCKS
holds() { read_at "$1" 8 | cmp - "$2"; }                                                         # LBA FILE
is_zero() { read_at "$1" "$2" | cmp -n $(($2 * BLOCK)) - /dev/zero; }                            # LBA BLOCKS
disk_attribute() { cat "/sys/block/${DISK##*/}/$1"; }

need 'iscsid runs' start_iscsid
need 'a node record' node_record
need 'login' login

# ---- what the disk says of itself

check 'sg_turs' sg_turs "$DISK"
check 'sg_inq' shows sg_inq "$DISK" -- 'Vendor identification: [^ ]' 'Product identification: [^ ]' \
  'Unit serial number: +[^ ]' 'CmdQue=1' 'Peripheral device type: disk'
check 'sg_luns: one logical unit' shows sg_luns "$DISK" -- '1 lun entr' '^ +0000000000000000$'
check 'sg_readcap -l' shows sg_readcap -l "$DISK" -- "Last LBA=$LAST_LBA " 'Logical block length=512 ' \
  'physical block length=4096 ' 'lbpme=1, lbprz=1'
check 'sg_vpd -a' sg_vpd -a "$DISK"
pages=$(sg_vpd --page=sv --raw "$DISK" | tail -c +5 | od -An -v -tx1)
for page in 00 80 83 b0 b1 b2; do
  check "page $page is listed" grep -qw "$page" <<<"$pages"
done
for page in $pages; do
  check "sg_vpd: page $page" sg_vpd "--page=0x$page" "$DISK"
done
check 'sg_vpd: block limits' shows sg_vpd --page=bl "$DISK" -- 'Maximum unmap LBA count: -?[1-9]' \
  'Maximum compare and write length: [1-9]'
check 'sg_vpd: thin provisioning' shows sg_vpd --page=lbpv "$DISK" -- '\(LBPU\): 1' '\(LBPWS\): 1' \
  '\(LBPRZ\): 1' 'thin provisioned'
check 'sg_vpd: a registered name' shows sg_vpd --page=di "$DISK" -- '0x6[0-9a-f]{31}'
check 'sg_vpd: an unknown page is refused' fails_with "$ILLEGAL_REQUEST" sg_vpd --force --page=0xcf "$DISK"
check 'sg_modes -a' shows sg_modes -a "$DISK" -- '>> Caching' '>> Control' 'DpoFua=1'
check 'sg_opcodes' shows sg_opcodes "$DISK" -- ' 28 .*Read\(10\)' ' 2a .*Write\(10\)' ' 88 .*Read\(16\)' \
  ' 8a .*Write\(16\)' ' 35 .*Sync' ' 91 .*Sync' ' 42 .*Unmap' ' 41 .*Write same' ' 93 .*Write same' \
  ' 89 .*Compare' ' 8f .*Verify' ' 5e .*Persist' ' a0 .*Report luns' 'Get LBA status'
check 'sg_opcodes: one command' shows sg_opcodes --opcode=0x2a "$DISK" -- 'Usage|usage|[Cc]db'
check 'sg_readcap (10)' shows sg_readcap --brief "$DISK" -- '^0x'
# One command a line: opcode, service action where there is one, length of the CDB, name.
opcodes=$(sg_opcodes --no-inquiry "$DISK" | awk '$1 ~ /^[0-9a-f][0-9a-f]$/ {print $1, $3 ~ /^[0-9]+$/ ? $2 : ""}')
at_least 'sg_opcodes: commands are listed' 40 "$(wc -l <<<"$opcodes")"
while read -r opcode action; do
  check "sg_opcodes: usage of $opcode${action:+,$action}" shows sg_opcodes --no-inquiry --rctd \
    --opcode="0x$opcode${action:+,0x$action}" "$DISK" -- 'Cdb supported|supported|conform'
done <<<"$opcodes"
# Each page follows a line that begins with its name; PS, its highest bit, is not part of the code.
modes=$(sg_modes -a --dbd "$DISK" | awk '/^>>/ {getline; print "0x" $2}' | while read -r code; do printf '0x%02x\n' $((code & 0x3f)); done)
at_least 'sg_modes: pages are listed' 4 "$(wc -w <<<"$modes")"
for page in $modes; do
  for control in 0 1 2; do
    check "sg_modes: page $page, control $control" sg_modes --page="$page" --control="$control" "$DISK"
  done
  check "sg_modes: page $page, saved values are refused" fails_with "$ILLEGAL_REQUEST" \
    sg_modes --page="$page" --control=3 "$DISK"
done
check 'sg_modes: the 6-byte form' sg_modes --six -a "$DISK"
# What is listed is walked; what is not listed is refused as unknown.
if grep -q '^4d' <<<"$opcodes"; then
  check 'sg_logs: the list' sg_logs "$DISK"
  for page in $(sg_logs --raw "$DISK" | tail -c +5 | od -An -v -tx1); do
    check "sg_logs: page $page" sg_logs --page="0x$page" "$DISK"
  done
else
  check 'sg_logs: not listed, and refused' fails_with "$INVALID_OPCODE" sg_logs "$DISK"
fi
check 'sg_rtpg: extended header' sg_rtpg --extended --decode "$DISK"
check 'sg_rtpg: the one port group is active' shows sg_rtpg --decode "$DISK" -- 'active/optimized'
check 'sg_requests' sg_requests "$DISK"
equal 'the kernel sees a write-back cache' 'write back' "$(cat /sys/class/scsi_disk/*/cache_type)"
equal 'the kernel may use FUA' 1 "$(disk_attribute queue/fua)"
equal 'the kernel discards by UNMAP' unmap "$(cat /sys/class/scsi_disk/*/provisioning_mode)"
equal 'the kernel sees a solid-state disk' 0 "$(disk_attribute queue/rotational)"
at_least 'the kernel may write zeroes without data' 4096 "$(disk_attribute queue/write_zeroes_max_bytes)"

# ---- commands

write_at "$PATTERN" 2048
check 'sg_get_lba_status: written blocks are mapped' shows sg_get_lba_status --lba=2048 "$DISK" -- '\[1\].* mapped'
check 'sg_unmap' sg_unmap --force --lba=2048 --num=8 "$DISK"
check 'unmapped blocks read as zeros' is_zero 2048 8
check 'sg_get_lba_status: they are deallocated' shows sg_get_lba_status --lba=2048 "$DISK" -- '\[1\].* deallocated'
check 'sg_unmap: beyond the end is refused' refused_with 'LBA out of range' \
  sg_unmap --force --lba="$LAST_LBA" --num=2 "$DISK"

head -c "$BLOCK" "$PATTERN" >/tmp/one
for _ in {1..8}; do cat /tmp/one; done >/tmp/eight
check 'sg_write_same (10)' sg_write_same --10 --in=/tmp/one --lba=4096 --num=64 "$DISK"
check 'every block holds the pattern' holds 4152 /tmp/eight
check 'sg_write_same (16)' sg_write_same --16 --in=/tmp/one --lba=8192 --num=4096 "$DISK"
check 'every block holds the pattern' holds 12280 /tmp/eight
check 'sg_write_same with UNMAP' sg_write_same --16 --unmap --in=/dev/zero --lba=8192 --num=4096 "$DISK"
check 'the range reads as zeros' is_zero 8192 4096
check 'blkdiscard' blkdiscard --offset $((4096 * BLOCK)) --length $((64 * BLOCK)) "$DISK"
check 'the range reads as zeros' is_zero 4096 64
write_at "$PATTERN" 4096
check 'blkdiscard --zeroout' blkdiscard --zeroout --offset $((4096 * BLOCK)) --length $((64 * BLOCK)) "$DISK"
check 'the range reads as zeros' is_zero 4096 64

write_at "$PATTERN" 2048
check 'sg_verify' sg_verify --16 --lba=2048 --count=8 "$DISK"
check 'sg_verify: equal data' sg_verify --16 --lba=2048 --count=8 --ndo=$((8 * BLOCK)) --in="$PATTERN" "$DISK"
check 'sg_verify: other data miscompares' fails_with "$MISCOMPARE" \
  sg_verify --16 --lba=2048 --count=8 --ndo=$((8 * BLOCK)) --in="$OTHER" "$DISK"
check 'sg_compare_and_write: equal' sg_compare_and_write --inc="$PATTERN" --inw="$OTHER" --lba=2048 --num=8 \
  --xferlen=$((16 * BLOCK)) "$DISK"
check 'it wrote' holds 2048 "$OTHER"
check 'sg_compare_and_write: not equal' fails_with "$MISCOMPARE" sg_compare_and_write --inc="$PATTERN" \
  --inw="$PATTERN" --lba=2048 --num=8 --xferlen=$((16 * BLOCK)) "$DISK"
check 'it wrote nothing' holds 2048 "$OTHER"
check 'sg_sync' sg_sync "$DISK"
check 'sg_sync (16)' sg_sync --16 "$DISK"

check 'sg_persist: register' sg_persist --out --register --param-sark=0xabc "$DISK"
check 'sg_persist: reserve' sg_persist --out --reserve --param-rk=0xabc --prout-type=5 "$DISK"
check 'sg_persist: the key is there' shows sg_persist --in --read-keys "$DISK" -- 0xabc
check 'sg_persist: the reservation is there' shows sg_persist --in --read-reservation "$DISK" -- \
  'Write Exclusive, registrants only'
write_at "$PATTERN" 2048
check 'its holder still writes' holds 2048 "$PATTERN"
check 'sg_persist: every report' sg_persist --in --report-capabilities "$DISK"
check 'sg_persist: full status' sg_persist --in --read-full-status "$DISK"
check 'sg_persist: clear' sg_persist --out --clear --param-rk=0xabc "$DISK"

if grep -q '^48' <<<"$opcodes"; then
  check 'sg_sanitize: block erase' sg_sanitize --block --quick --wait "$DISK"
  check 'nothing is left' is_zero 2048 8
  write_at "$PATTERN" 2048
else
  check 'sg_sanitize: not listed, and refused' fails_with "$INVALID_OPCODE" sg_sanitize --block --quick --wait "$DISK"
fi

check 'logical unit reset' sg_reset --device "$DISK"
check 'the data is there afterwards' holds 2048 "$PATTERN"
check 'logout' logout
