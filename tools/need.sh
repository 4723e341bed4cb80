#!/usr/bin/env bash
# Installs what a make target needs and this machine lacks:
#   tools/need.sh build|run|test|servers|bench|peers|sample...
# Debian 12; each program is looked for first, so nothing is installed twice
# and a machine that has all of it needs neither network nor root.
# servers and peers are Go programs of others, built into bin/servers: the S3
# servers that tests start, and what the benchmark measures itself against.
set -euo pipefail

# What each target calls: a program, or a file that its package brings, and
# the package.
build='git:git'
run='find:findutils sha256sum:coreutils diff:diffutils'
test='git:git gcc:gcc /usr/include/stdlib.h:libc6-dev mkfs.ext4:e2fsprogs losetup:mount
	ip:iproute2 nft:nftables strace:strace openssl:openssl xxd:xxd sha256sum:coreutils
	systemd-analyze:systemd make:make mkfs.vfat:dosfstools setpriv:util-linux addpart:util-linux'
bench='openssl:openssl sync:coreutils'
servers='' # programs of Go alone
peers=''
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

missing=()
for target in "$@"; do
	case $target in
	build | run | test | servers | bench | peers | sample) ;;
	*)
		echo "need.sh: unknown target $target: build, run, test, servers, bench, peers or sample" >&2
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
	root=()
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "need.sh: install ${missing[*]}, as root: apt-get install ${missing[*]}" >&2
			exit 1
		fi
		root=(sudo)
	fi
	echo "installing ${missing[*]}"
	install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}")
	if ! "${install[@]}" >/dev/null 2>&1; then
		"${root[@]}" apt-get update -qq
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
	peers)
		built github.com/rclone/rclone v1.76.0 'about 5 minutes'
		;;
	esac
done
