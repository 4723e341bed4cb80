#!/bin/sh
# Runs each fuzz test of what a verifier reads for so long: tools/fuzz.sh [2m]
# What a run found before is in testdata/fuzz and is tried by every `go test`.
set -eu
time=${1:-2m}
for package in manifest stamp witness verify bundle; do
	for test in $(go test "./$package" -list '^Fuzz' | grep '^Fuzz'); do
		echo "$package $test"
		go test "./$package" -run '^$' -fuzz "^$test\$" -fuzztime "$time" -parallel "${PARALLEL:-1}"
	done
done
