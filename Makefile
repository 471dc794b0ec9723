# SPDX-License-Identifier: Apache-2.0
#
# `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.

SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
PROGRAMS := edge origin transcode loadtest
PYTHON := PYTHONDONTWRITEBYTECODE=1 var/venv/bin/python
VIDEO ?=
ONCE ?=
PORT_OFFSET ?= 0
# Words for `loadtest compare` in place of `--document docs`: `make bench BENCH=--quick` takes a short look.
BENCH ?=
# What pytest runs: `make scenarios ONLY=test_tokens.py` runs one file of Tests/Scenarios.
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help demo test build lint unit scenarios bench setup clean

help:
	@echo 'make demo        set the machine up, build, run everything here, upload a clip, say where to watch it'
	@echo '                   VIDEO=path  another clip    ONCE=1  check playback, then exit    PORT_OFFSET=N  move the ports'
	@echo 'make test        set the machine up, then lint, unit tests and scenarios'
	@echo 'make build       the programs edge, origin, transcode and loadtest in .build/release'
	@echo 'make lint        swift format over all Swift files'
	@echo 'make unit        the unit tests'
	@echo 'make scenarios   the scenarios on the release programs; ONLY=test_tokens.py runs one file'
	@echo 'make bench       the edge beside nginx, h2o and others: docs/benchmarks.md; BENCH=--quick takes a short look'
	@echo 'make clean       remove what was built and the demo'"'"'s state'

demo:
	@scripts/setup build demo
	@$(MAKE) --no-print-directory build
	@/usr/bin/python3 -B scripts/demo --port-offset '$(PORT_OFFSET)' $(if $(VIDEO),--video '$(VIDEO)') $(if $(ONCE),--once)

test: setup
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory scenarios

setup:
	@scripts/setup

build:
	@for program in $(PROGRAMS); do $(SWIFT_BUILD) -c release --product $$program || exit 1; done

lint:
	swift format lint --strict --recursive Sources Tests LoadTests Package.swift

unit:
	$(SWIFT_BUILD) --build-tests
	swift test --skip-build

scenarios:
	$(PYTHON) -m pytest Tests/Scenarios$(if $(ONLY),/$(ONLY))

bench:
	@scripts/setup build bench
	@for program in edge loadtest; do $(SWIFT_BUILD) -c release --product $$program || exit 1; done
	.build/release/loadtest compare $(or $(BENCH),--document docs)

clean:
	rm -rf .build var/demo var/scenarios var/bench
