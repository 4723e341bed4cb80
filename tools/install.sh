#!/usr/bin/env bash
# `make install` and `make uninstall`: puts the dock on this machine, or below
# DESTDIR for a package, and takes it off again.
#   tools/install.sh install|uninstall
# DESTDIR  folder that stands for / (default: none)
# PREFIX   where programs and units go (default /usr)
# BINARY   the program to install (default bin/custodock)
# The configuration is written once and the state never: neither is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=${DESTDIR:-}
prefix=${PREFIX:-/usr}
binary=${BINARY:-bin/custodock}
case $prefix in
/*) ;;
*)
	echo "install.sh: PREFIX=$prefix is no absolute path" >&2
	exit 2
	;;
esac

bin=$root$prefix/bin/custodock
units=$root$prefix/lib/systemd/system
rules=$root$prefix/lib/udev/rules.d/60-custodock.rules
users=$root$prefix/lib/sysusers.d/custodock.conf
docs=$root$prefix/share/doc/custodock
config=$root/etc/custodock/custodock.yaml
names='custodock.service custodock.socket custodock-mounter.service'

# live: whether this machine's own services are meant, and run.
live() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

need_root() {
	if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
		echo "install.sh: run it as root: sudo make $1" >&2
		exit 1
	fi
}

install_all() {
	if [ ! -x "$binary" ]; then
		echo "install.sh: there is no $binary: run make build first" >&2
		exit 1
	fi
	install -D -m 0755 "$binary" "$bin"
	local name
	for name in $names; do
		install -D -m 0644 "systemd/$name" "$units/$name"
		# The units name the program by its place in /usr.
		sed -i "s|/usr/bin/custodock|$prefix/bin/custodock|" "$units/$name"
	done
	install -D -m 0644 systemd/60-custodock.rules "$rules"
	install -D -m 0644 systemd/custodock.sysusers "$users"
	install -D -m 0644 configs/custodock.yaml "$docs/custodock.example.yaml"
	if [ ! -e "$config" ]; then
		install -D -m 0644 systemd/custodock.yaml "$config"
	else
		echo "$config is kept"
	fi
	if live; then
		systemd-sysusers
		systemctl daemon-reload
		udevadm control --reload
		udevadm trigger --subsystem-match=block --action=change
		install -d -o custodock -g custodock -m 0700 /var/lib/custodock
	fi
	cat <<-EOT
		installed. Next, as root:
		  runuser -u custodock -- custodock --state /var/lib/custodock init --authority NAME
		  systemctl enable --now custodock-mounter.service custodock.socket custodock.service
		  custodock doctor
	EOT
}

uninstall_all() {
	if live; then
		systemctl disable --now custodock.service custodock.socket custodock-mounter.service || true
	fi
	rm -f "$bin" "$rules" "$users" "$docs/custodock.example.yaml"
	local name
	for name in $names; do
		rm -f "$units/$name"
	done
	if [ -d "$docs" ]; then
		rmdir --ignore-fail-on-non-empty "$docs"
	fi
	if live; then
		systemctl daemon-reload
		udevadm control --reload
	fi
	echo "uninstalled; $root/etc/custodock and $root/var/lib/custodock, with the key and what is recorded, are kept"
}

case ${1:-} in
install | uninstall)
	need_root "$1"
	"$1_all"
	;;
*)
	echo 'install.sh: install or uninstall' >&2
	exit 2
	;;
esac
