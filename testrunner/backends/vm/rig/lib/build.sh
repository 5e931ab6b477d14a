# shellcheck shell=bash
# Makes the guest: kernel, initramfs and root disk in $RIG_CACHE, from Debian packages that apt resolves against
# an empty package status. The host's installed packages are neither read nor changed. A build whose inputs did
# not change returns at once; `stamp` holds their fingerprint and is written last.

KERNEL_META=linux-image-amd64

PACKAGES_BASE=(
  base-files base-passwd bash busybox-static coreutils dash debianutils diffutils
  findutils grep gzip hostname iproute2 iputils-ping kmod libc-bin mawk mount
  netcat-openbsd nftables procps sed strace tar tcpdump udev util-linux
)
PACKAGES_STORAGE=(
  dmsetup e2fsprogs fdisk fio lsscsi multipath-tools nvme-cli open-iscsi
  sg3-utils xfsprogs
)

# Parts of the kernel's module tree that no storage test needs.
MODULES_DROPPED=(
  sound drivers/accessibility drivers/bluetooth drivers/comedi drivers/gpu
  drivers/hid drivers/hwmon drivers/iio drivers/input drivers/isdn drivers/leds
  drivers/media drivers/mfd drivers/mmc drivers/mtd drivers/net/can
  drivers/net/ethernet drivers/net/wireless drivers/net/wwan drivers/nfc
  drivers/pcmcia drivers/platform drivers/power drivers/staging
  drivers/thunderbolt drivers/usb drivers/video net/bluetooth net/mac80211
  net/wireless
)

# What the initramfs loads, with dependencies, to reach the root disk.
MODULES_BOOT=(virtio_pci virtio_blk ext4 virtio_net virtio_console 9pnet_virtio 9p)

# What guest scripts may count on; a kernel without one of them fails the build.
MODULES_PROMISED=(
  iscsi_tcp nvme_tcp nvme_core dm_multipath scsi_dh_alua sch_netem ext4 xfs loop
  nvmet nvmet_tcp null_blk scsi_debug dm_flakey dm_delay iscsi_target_mod
)

build() {
  local force=0 extra=()
  while (($#)); do
    case $1 in
      --force) force=1 ;;
      --extra)
        [[ -n ${2:-} ]] || die "--extra wants the name of a package"
        extra+=("$2")
        shift
        ;;
      *) die "build: unknown argument '$1'" ;;
    esac
    shift
  done
  ((EUID == 0)) || die "build must run as root (it chroots into the guest's root folder)"
  need apt-get apt-cache dpkg-deb tar xz cpio mkfs.ext4 awk sha256sum flock chroot
  mkdir -p "$RIG_CACHE"
  exec 9>"$RIG_CACHE/.lock"
  flock -n 9 || { say "another build holds $RIG_CACHE; waiting"; flock 9; }

  if ((${#extra[@]})); then
    { printf '%s\n' "${extra[@]}"; [[ ! -f $RIG_CACHE/extra ]] || cat "$RIG_CACHE/extra"; } |
      sort -u >"$RIG_CACHE/extra.new"
    mv "$RIG_CACHE/extra.new" "$RIG_CACHE/extra"
  fi
  local stored=''
  [[ ! -f $RIG_CACHE/stamp ]] || stored=$(<"$RIG_CACHE/stamp")
  if ((!force)) && [[ $stored == "$(inputs_hash)" && -f $RIG_CACHE/root.img ]]; then
    return 0
  fi
  rm -f "$RIG_CACHE/stamp"
  PACKAGES=("${PACKAGES_BASE[@]}" "${PACKAGES_STORAGE[@]}")
  [[ ! -f $RIG_CACHE/extra ]] || mapfile -t -O "${#PACKAGES[@]}" PACKAGES <"$RIG_CACHE/extra"

  local start=$SECONDS kernel_version
  fetch_packages
  unpack_root
  configure_root
  kernel_version=$(<"$RIG_CACHE/kernel-version")
  index_modules "$kernel_version"
  say "assembling kernel, initramfs and root disk"
  make_kernel "$kernel_version"
  make_initramfs "$kernel_version"
  make_root_disk
  rm -rf --one-file-system "$RIG_CACHE/rootfs" "$RIG_CACHE/initramfs"
  inputs_hash >"$RIG_CACHE/stamp"
  say "built in $((SECONDS - start)) s:"
  info >&2
}

info() {
  [[ -f $RIG_CACHE/stamp ]] || die "nothing is built in $RIG_CACHE; run 'rig build'"
  printf '%-15s %s\n' kernel "$(head -n1 "$RIG_CACHE/packages.list")"
  local name version
  for name in "${PACKAGES_STORAGE[@]}"; do
    version=$(grep -m1 "^${name}_" "$RIG_CACHE/packages.list" | sed 's/^[^_]*_//; s/_[^_]*$//; s/%3a/:/g')
    printf '%-15s %s\n' "$name" "$version"
  done
  printf '%-15s %s\n' cache "$(du -sh "$RIG_CACHE" | tr '\t' ' ')"
}

clean() {
  [[ -d $RIG_CACHE ]] || return 0
  [[ -f $RIG_CACHE/.lock ]] || die "$RIG_CACHE does not look like the rig's cache; not removing it"
  rm -rf --one-file-system "$RIG_CACHE"
}

# apt with the host's package lists and an empty set of installed packages: it resolves and downloads the full
# closure of dependencies into the cache, and neither reads nor writes the host's own state.
apt_in_cache() {
  mkdir -p "$RIG_CACHE/debs/partial" "$RIG_CACHE/apt"
  : >"$RIG_CACHE/apt/status"
  apt-get -qq \
    -o Dir::State::status="$RIG_CACHE/apt/status" \
    -o Dir::State::extended_states="$RIG_CACHE/apt/extended_states" \
    -o Dir::Cache::archives="$RIG_CACHE/debs" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false -o Acquire::Retries=3 \
    "$@"
}

# Downloads the packages and writes their file names, one a line and the kernel's first, to packages.list.
fetch_packages() {
  local kernel kernel_deb uris deb
  kernel=$(apt-cache depends "$KERNEL_META" 2>/dev/null |
    awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ && !n++ {print $2}')
  [[ -n $kernel ]] || die "apt knows no $KERNEL_META; run 'apt-get update' first"

  say "resolving packages ($kernel and ${#PACKAGES[@]} named ones)"
  mkdir -p "$RIG_CACHE/apt/empty/partial" # --print-uris leaves out what is in the cache already
  uris=$(apt_in_cache -o Dir::Cache::archives="$RIG_CACHE/apt/empty" --print-uris install "${PACKAGES[@]}") ||
    die "apt cannot resolve the guest's packages; run 'apt-get update' first"
  say "downloading into $RIG_CACHE/debs"
  apt_in_cache -y --download-only install "${PACKAGES[@]}" >/dev/null ||
    die "apt could not download the guest's packages"
  (cd "$RIG_CACHE/debs" && apt_in_cache download "$kernel") ||
    die "apt could not download $kernel"

  kernel_deb=$(apt-cache show --no-all-versions "$kernel" |
    awk '$1 == "Filename:" && !n++ {count = split($2, part, "/"); print part[count]}')
  {
    printf '%s\n' "$kernel_deb"
    awk '{print $2}' <<<"$uris"
  } >"$RIG_CACHE/packages.list.new"
  while read -r deb; do
    [[ -f $RIG_CACHE/debs/$deb ]] || die "apt did not leave $deb in $RIG_CACHE/debs"
  done <"$RIG_CACHE/packages.list.new"
  mv "$RIG_CACHE/packages.list.new" "$RIG_CACHE/packages.list"
}

unpack_package() { # FILE FOLDER [TAR-OPTION]...
  local file=$1 folder=$2
  shift 2
  dpkg-deb --fsys-tarfile "$file" |
    tar -x --keep-directory-symlink -C "$folder" \
      --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
      --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' \
      --exclude='./usr/share/lintian/*' --exclude='./usr/share/bash-completion/*' "$@"
}

unpack_root() {
  local root=$RIG_CACHE/rootfs deb count=0 total excludes=() part
  total=$(wc -l <"$RIG_CACHE/packages.list")
  rm -rf --one-file-system "$root"
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{proc,sys,dev,run,tmp,root,mnt,etc,rig/{script,out,meta}}
  for part in bin sbin lib lib64; do ln -s "usr/$part" "$root/$part"; done
  for part in "${MODULES_DROPPED[@]}"; do excludes+=(--exclude="./lib/modules/*/kernel/$part/*"); done

  say "unpacking $total packages"
  while read -r deb; do
    count=$((count + 1))
    if ((count == 1)); then # the kernel's
      unpack_package "$RIG_CACHE/debs/$deb" "$root" "${excludes[@]}"
    else
      unpack_package "$RIG_CACHE/debs/$deb" "$root"
    fi
  done <"$RIG_CACHE/packages.list"
}

# Maintainer scripts do not run: this is what they would have done, as far as a storage test needs it.
configure_root() {
  local root=$RIG_CACHE/rootfs
  cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
  cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  printf '%s: files\n' passwd group shadow hosts services protocols >"$root/etc/nsswitch.conf"
  sed -i 's/^root:\*:/root::/' "$root/etc/passwd"
  link_if_missing "$root/usr/bin/sh" dash
  link_if_missing "$root/usr/bin/which" which.debianutils
  link_if_missing "$root/usr/bin/awk" mawk
  link_if_missing "$root/usr/bin/nc" nc.openbsd
  printf '127.0.0.1 localhost guest\n10.0.2.2 host\n' >"$root/etc/hosts"
  printf 'guest\n' >"$root/etc/hostname"
  mkdir -p "$root/etc/iscsi" "$root/etc/nvme" "$root/var/lib/iscsi" "$root/run/lock"
  printf 'InitiatorName=iqn.2026-11.io.basalt.test:guest\n' >"$root/etc/iscsi/initiatorname.iscsi"
  # Debian's line asks systemd for the daemon; without systemd iscsiadm starts it itself.
  sed -i 's|^iscsid.startup *=.*|iscsid.startup = /usr/sbin/iscsid|' "$root/etc/iscsi/iscsid.conf"
  printf 'nqn.2014-08.org.nvmexpress:uuid:5f1d0000-0000-4000-8000-000000000001\n' >"$root/etc/nvme/hostnqn"
  printf '5f1d0000-0000-4000-8000-000000000001\n' >"$root/etc/nvme/hostid"
  cat >"$root/etc/multipath.conf" <<'CONF'
defaults {
  user_friendly_names yes
  find_multipaths no
  polling_interval 2
}
blacklist {
  devnode "^(vd|loop|ram|sr|fd|nullb|nvme)"
}
CONF
  local version
  version=$(find "$root/usr/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n')
  [[ -n $version && $(wc -l <<<"$version") == 1 ]] || die "expected one kernel in the root folder, found: $version"
  printf '%s\n' "$version" >"$RIG_CACHE/kernel-version"
}

link_if_missing() { # LINK TARGET
  [[ -e $1 ]] || ln -s "$2" "$1"
}

index_modules() { # KERNEL-VERSION
  local root=$RIG_CACHE/rootfs module
  chroot "$root" /sbin/depmod "$1" || die "depmod failed in $root"
  chroot "$root" /sbin/ldconfig || die "ldconfig failed in $root"
  for module in "${MODULES_PROMISED[@]}" "${MODULES_BOOT[@]}"; do
    chroot "$root" /sbin/modprobe -n -q -S "$1" "$module" || die "kernel $1 has no module $module"
  done
}

# Booting the decompressed kernel (PVH) saves seconds: decompression is slow on an emulated CPU.
make_kernel() { # KERNEL-VERSION
  local image=$RIG_CACHE/rootfs/boot/vmlinuz-$1 offset
  [[ -f $image ]] || die "no $image"
  offset=$(LC_ALL=C grep -abo -P '\xfd7zXZ\x00' "$image" | tr -d '\0' | awk -F: '!n++ {print $1}') || true
  # xz stops at the end of its stream and leaves `tail` with a broken pipe: no ERR trap there.
  if ! { [[ -n $offset ]] &&
    xz -dcq --single-stream >"$RIG_CACHE/vmlinux.new" < <(trap - ERR; tail -c +$((offset + 1)) "$image") &&
    [[ $(head -c 4 "$RIG_CACHE/vmlinux.new") == $'\x7fELF' ]]; }; then
    say "cannot decompress $image; booting it as it is (slower)"
    cp "$image" "$RIG_CACHE/vmlinux.new"
  fi
  mv "$RIG_CACHE/vmlinux.new" "$RIG_CACHE/vmlinux"
}

make_initramfs() { # KERNEL-VERSION
  local root=$RIG_CACHE/rootfs folder=$RIG_CACHE/initramfs module path paths
  rm -rf "$folder"
  mkdir -p "$folder"/{bin,lib,proc,sys,dev,newroot}
  cp "$root/bin/busybox" "$folder/bin/busybox"
  install -m 755 "$RIG_DIR/guest/initramfs-init" "$folder/init"
  paths=$(for module in "${MODULES_BOOT[@]}"; do
    chroot "$root" /sbin/modprobe -D -S "$1" "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}')
  while read -r path; do
    cp "$root$path" "$folder/lib/"
    basename "$path"
  done <<<"$paths" >"$folder/lib/order"
  (cd "$folder" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$RIG_CACHE/initrd.new"
  mv "$RIG_CACHE/initrd.new" "$RIG_CACHE/initrd.cpio"
}

# A plain ext4 image without a journal: every run writes to a layer that is thrown away.
make_root_disk() {
  local root=$RIG_CACHE/rootfs size_kib
  install -m 755 "$RIG_DIR/guest/rig-init" "$root/sbin/rig-init"
  rm -rf "${root:?}/boot"
  size_kib=$(du -sk "$root" | cut -f1)
  rm -f "$RIG_CACHE/root.img.new"
  mkfs.ext4 -q -F -O ^has_journal -m 0 -L rigroot -d "$root" \
    "$RIG_CACHE/root.img.new" "$((size_kib * 12 / 10 + 512 * 1024))k" >/dev/null || die "mkfs.ext4 -d failed"
  mv "$RIG_CACHE/root.img.new" "$RIG_CACHE/root.img"
}
