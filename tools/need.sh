#!/usr/bin/env bash
# Installs what a make target needs and this machine lacks:
#   tools/need.sh build|run|test|servers|usb|bench|peers|sample...
# Debian 12; each program is looked for first, so nothing is installed twice
# and a machine that has all of it needs neither network nor root.
# servers and peers are Go programs of others, built into bin/servers: the S3
# servers that tests start, and what the benchmark measures itself against. usb
# is QEMU and Debian's kernel for it, unpacked into bin/kernel and not installed.
set -euo pipefail

# What each target calls: a program, or a file that its package brings, and
# the package.
build='git:git gcc:gcc /usr/include/stdlib.h:libc6-dev
	/usr/include/libusb-1.0/libusb.h:libusb-1.0-0-dev pkg-config:pkg-config'
run='find:findutils sha256sum:coreutils diff:diffutils'
test='git:git gcc:gcc /usr/include/stdlib.h:libc6-dev mkfs.ext4:e2fsprogs losetup:mount
	ip:iproute2 nsenter:util-linux nft:nftables strace:strace openssl:openssl xxd:xxd sha256sum:coreutils
	systemd-analyze:systemd make:make mkfs.vfat:dosfstools setpriv:util-linux addpart:util-linux
	chromium:chromium chromium-headless-shell:chromium-headless-shell'
bench='openssl:openssl sync:coreutils chromium-headless-shell:chromium-headless-shell'
servers='' # programs of Go alone
peers=''
usb='qemu-system-x86_64:qemu-system-x86 /bin/busybox:busybox-static mkfs.vfat:dosfstools mkfs.exfat:exfatprogs
	mkfs.ext4:e2fsprogs mcopy:mtools sfdisk:fdisk xz:xz-utils dpkg-deb:dpkg apt-get:apt tar:tar
	gcc:gcc /usr/include/stdlib.h:libc6-dev /usr/include/libusb-1.0/libusb.h:libusb-1.0-0-dev pkg-config:pkg-config'
sample='ffmpeg:ffmpeg exiftool:libimage-exiftool-perl perl:perl'

# Debian keeps mkfs and losetup where a user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin:/usr/local/go/bin

if ! command -v go >/dev/null; then
	echo "need.sh: no go in PATH: install the Go that go.mod names from https://go.dev/dl" >&2
	exit 1
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# built PACKAGE VERSION DURATION: the program of a Go package at that version,
# unless bin/servers has it.
built() {
	local bin=bin/servers/${1##*/} have
	have=$(go version -m "$bin" 2>/dev/null | awk '$1 == "mod" { print $3 }') || true
	if [ "$have" != "$2" ]; then
		echo "building ${1##*/} $2 into bin/servers: $3 when nothing of it is in Go's cache"
		# Flags for this module, -mod among them, do not fit another.
		GOFLAGS='' GOBIN=$PWD/bin/servers go install "$1@$2"
	fi
}

# kernel: the kernel that linux-image-amd64 stands for, its modules for disks and
# USB, and its program cut out of bzImage, which QEMU boots some seconds sooner.
kernel() {
	local dir=bin/kernel package offset parts=() part
	[ ! -s "$dir/vmlinux" ] || return 0
	rm -rf "$dir" && mkdir -p "$dir"
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '$1 == "Depends:" { print $2; exit }') || true
	if [ -z "$package" ]; then
		as_root apt-get update -qq
		package=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" { print $2; exit }')
	fi
	echo "fetching $package into $dir: 70 MB"
	(cd "$dir" && apt-get download -qq "$package" 2>/dev/null) ||
		(as_root apt-get update -qq && cd "$dir" && apt-get download -qq "$package")
	for part in block crypto lib fs drivers/{block,char,hid,scsi,usb,virtio}; do
		parts+=("*/kernel/$part/*")
	done
	dpkg-deb --fsys-tarfile "$dir"/*.deb | tar -x -C "$dir" --wildcards './boot/vmlinuz-*' "${parts[@]/#/./}"
	mv "$(find "$dir" -type d -path '*/modules/*/kernel')" "$dir/modules"
	# The payload begins with the magic of xz; what follows it is not its.
	offset=$(LC_ALL=C grep -obUaPm1 '\xfd7zXZ\x00' "$dir"/boot/vmlinuz-* | head -n 1 | cut -d: -f1)
	tail -c "+$((offset + 1))" "$dir"/boot/vmlinuz-* | xz --decompress --single-stream --stdout >"$dir/vmlinux.new" 2>/dev/null || true
	if [ "$(head -c 4 "$dir/vmlinux.new")" != $'\x7fELF' ]; then
		echo "need.sh: no ELF kernel in $package" >&2
		exit 1
	fi
	rm -rf "$dir"/*.deb "$dir"/{boot,lib,usr}
	mv "$dir/vmlinux.new" "$dir/vmlinux"
}

# as_root COMMAND...: as root, by sudo where we are not.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

missing=()
for target in "$@"; do
	case $target in
	build | run | test | servers | usb | bench | peers | sample) ;;
	*)
		echo "need.sh: unknown target $target: build, run, test, servers, usb, bench, peers or sample" >&2
		exit 2
		;;
	esac
	for pair in ${!target}; do
		thing=${pair%%:*}
		if ! command -v "$thing" >/dev/null && [ ! -e "$thing" ]; then
			missing+=("${pair#*:}")
		fi
	done
done

if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		echo "need.sh: install ${missing[*]}, as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	echo "installing ${missing[*]}"
	install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}")
	if ! "${install[@]}" >/dev/null 2>&1; then
		as_root apt-get update -qq
		"${install[@]}"
	fi
fi

for target in "$@"; do
	case $target in
	servers)
		built github.com/versity/versitygw/cmd/versitygw v1.8.0 'about 2 minutes'
		# Upstream has no release tags that Go takes; this is its last state.
		built github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c 'about 5 minutes'
		;;
	usb)
		kernel
		;;
	peers)
		built github.com/rclone/rclone v1.76.0 'about 5 minutes'
		# Like MinIO's, its release tags are none that Go takes.
		built github.com/minio/mc v0.0.0-20250313080218-cf909e1063a9 'about 3 minutes'
		;;
	esac
done
