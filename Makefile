# The two commands of README: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := build

# Go from its tarball, mkfs and losetup stand where a user's PATH may not look.
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin
export GOFLAGS := $(GOFLAGS) -buildvcs=false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD := -trimpath -ldflags '-s -w -X main.release=$(VERSION)'
TOOL := go tool -modfile=tools/go.mod
# Tests mount file systems, so they run as root; with root's own build cache,
# lest root's files stay in a user's.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo -H env "PATH=$(PATH)" "GOFLAGS=$(GOFLAGS)")

# The verifiers of others, and what compares them with ours: a module of its own.
OUTSIDE := internal/testbench/outside

.PHONY: build static run test test-usb fuzz check lint bench bench-guard sample clean install uninstall

# The dock's binary: with libusb, for cameras that speak PTP or MTP. Names and
# users are looked up as in the static one.
build:
	@tools/need.sh build
	CGO_ENABLED=1 go build -tags netgo,osusergo $(BUILD) -o bin/custodock ./cmd/custodock

# The auditor's binary: it needs nothing but a kernel, and cannot read PTP.
static:
	@tools/need.sh build
	CGO_ENABLED=0 go build $(BUILD) -o bin/custodock-static ./cmd/custodock

# The daemon with the sample camera; ONCE=1 ends it after the proof.
run: build
	@tools/need.sh run
	ONCE=$(ONCE) tools/run.sh

# On a dock: sudo make install, after make build. DESTDIR and PREFIX as usual.
install:
	@test -x "$${BINARY:-bin/custodock}" || $(MAKE) build
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install.sh install

# Leaves the configuration and everything recorded.
uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install.sh uninstall

# Every test there is. One that was skipped is one that did not pass.
test:
	@tools/need.sh build test servers usb
	go vet ./...
	@mkdir -p bin
	$(ROOT) go test ./... -race -count=1 -timeout 40m -v 2>&1 | tee bin/test.log
	go test ./verify ./bundle -run EveryBit -count=1 -timeout 20m -v 2>&1 | tee -a bin/test.log
	cd $(OUTSIDE) && go vet ./... && go test ./... -race -count=1 -timeout 10m -v 2>&1 | tee -a ../../../bin/test.log
	@if grep -E '^ *--- SKIP' bin/test.log; then echo 'tests were skipped' >&2; exit 1; fi

# The journeys on real USB in QEMU, which are in `make test` as well.
test-usb:
	@tools/need.sh build usb
	go test ./internal/testbench/qemu/... ./internal/testbench/usb -count=1 -timeout 15m -v

# Each parser of what a verifier reads, for TIME each.
fuzz:
	@tools/need.sh build
	tools/fuzz.sh $(or $(TIME),2m)

# The fast part: two minutes are the aim, two and a half it takes on two cores once
# the tools are built. The journeys of the real binary, its long scripts, the shell
# verifier and more kinds of servers take longer and are in `make test`. Without cgo
# one package is another, and the program that links it. Most tests wait more than
# they work, so twice as many packages run as there are processors, the slowest from
# the beginning.
SLOWEST := ./ingest ./store/s3 ./cmd/custodock
check:
	@tools/need.sh build test servers
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted" >&2; exit 1; fi
	go vet ./...
	CGO_ENABLED=0 go vet ./device/ptp ./cmd/custodock
	$(TOOL) staticcheck ./...
	cd tools && go run ./limits ..
	$(ROOT) go test -short -vet=off -p $$((2 * $$(nproc))) $(SLOWEST) $$(go list ./... | grep -v -e /testbench -e /bundle$$)

# The layers and the rest of .golangci.yml. The first run builds golangci-lint,
# which takes minutes; Go's build cache keeps it.
lint:
	@tools/need.sh build
	$(TOOL) golangci-lint run ./...

# The table of docs/performance.md, all rows; ROWS=1,4 chooses. Takes about half an hour.
bench: build
	@tools/need.sh bench servers peers
	$(ROOT) go run ./internal/testbench/bench -bin bin/custodock -rows '$(ROWS)' -json bench.json -md bin/bench.md

# Whether a bar that was met on record is lost. Not among the tests: it is slow,
# and wants the machine to itself.
bench-guard: build
	@tools/need.sh bench servers peers
	$(ROOT) go run ./internal/testbench/bench -bin bin/custodock -rows '$(ROWS)' -guard docs/bench.json

# Makes the committed sample clips anew.
sample:
	@tools/need.sh sample
	tools/sample.sh

clean:
	rm -rf bin bench.json
