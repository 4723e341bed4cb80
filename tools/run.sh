#!/usr/bin/env bash
# `make run`: a dock on the embedded store takes in the sample cameras, and
# every clip is shown tagged, hashed, in the manifest, stored and verified.
# Then it stays up; with ONCE=1 it ends after the proof. BOARD is the address
# of the board.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

board=${BOARD:-127.0.0.1:8630}
dir=$(mktemp -d)
state=$dir/state
daemon=
stop() {
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" || true
	fi
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

# No roots: the demonstration must not take what is mounted on this machine.
printf 'authority: sample\nroots: []\nboard: %s\n' "$board" >"$dir/custodock.yaml"
dock() { bin/custodock --config "$dir/custodock.yaml" --state "$state" "$@"; }

step() { printf '\n== %s\n' "$*"; }

step 'start the dock'
bin/custodock --config "$dir/custodock.yaml" --state "$state" run >"$dir/run.log" 2>&1 &
daemon=$!
for ((i = 0; ; i++)); do
	if dock status >/dev/null 2>&1; then break; fi
	if [ "$i" -ge 300 ] || ! kill -0 "$daemon" 2>/dev/null; then
		echo 'the dock did not start:' >&2
		cat "$dir/run.log" >&2
		exit 1
	fi
	sleep 0.1
done
dock status

step 'dock the sample cameras'
for camera in configs/sample/*/; do
	dock ingest --case DEMO-2026-1 --place 'Duty room' --collector 'Li Lei' --proves 'how the check was made' "$camera"
done

step 'each clip: its tags with their sources, its SHA-256, and the proof of its stored bytes'
dock clips --json >"$dir/clips"
proved=0
while read -r line; do
	case $line in *'"role":"main"'* | *'"role":"still"'*) ;; *) continue ;; esac
	clip=$(grep -o '"clip":"[^"]*"' <<<"$line" | head -n 1 | cut -d'"' -f4)
	echo
	dock show "$clip"
	dock verify "$clip" >"$dir/proof" || { cat "$dir/proof" >&2; exit 1; }
	echo "$clip verified"
	proved=$((proved + 1))
done <"$dir/clips"
if [ "$proved" -lt 6 ]; then
	echo "only $proved clips were proved, want at least 6" >&2
	exit 1
fi

step 'verify the log, the records and every byte in the store'
dock verify --all

step 'the same with tools that are not custodock'
dock clips --json | grep -o '"sha256":"[0-9a-f]*"' | cut -d'"' -f4 | sort -u >"$dir/recorded"
find configs/sample -type f -exec sha256sum {} + | cut -d' ' -f1 | sort -u >"$dir/on-cameras"
find "$state/central/object" -type f -exec sha256sum {} + | cut -d' ' -f1 | sort -u >"$dir/stored"
find "$state/central/object" -type f -printf '%f\n' | sort -u >"$dir/named"
for other in recorded stored named; do
	if ! diff "$dir/on-cameras" "$dir/$other" >"$dir/diff"; then
		echo "on the cameras and $other differ:" >&2
		cat "$dir/diff" >&2
		exit 1
	fi
done
echo "$(wc -l <"$dir/on-cameras") different contents on the cameras, in the manifest and in the store are the same"

if [ "${ONCE:-}" = 1 ]; then
	step 'done'
	exit 0
fi
step "the board is at http://$board/ ; state is in $state until Ctrl-C"
wait "$daemon"
