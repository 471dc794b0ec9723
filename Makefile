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
.PHONY: help demo test build lint unit scenarios sanitize fuzz soak bench bench-transcode setup clean

help:
	@echo 'make demo        set the machine up, build, run everything here, upload a clip, say where to watch it'
	@echo '                   VIDEO=path  another clip    ONCE=1  check playback, then exit    PORT_OFFSET=N  move the ports'
	@echo 'make test        set the machine up, then lint, unit tests and scenarios'
	@echo 'make build       the programs edge, origin, transcode and loadtest in .build/release'
	@echo 'make lint        swift format over all Swift files'
	@echo 'make unit        the unit tests'
	@echo 'make scenarios   the scenarios on the release programs; ONLY=test_tokens.py runs one file'
	@echo 'make sanitize    the edge under AddressSanitizer and ThreadSanitizer: unit tests and scenarios'
	@echo 'make fuzz        the fuzzers for longer, from a seed that is printed; FUZZ_SEED=N repeats, FUZZ_ITERATIONS=N'
	@echo 'make soak        what takes minutes: 10,000 players at once, 16,000 damaged files; ONLY=test_viral.py runs one file'
	@echo 'make bench       the edge beside nginx, h2o and others: docs/benchmarks.md; BENCH=--quick takes a short look'
	@echo 'make bench-transcode   the last part of it: the transcoder beside ffmpeg, on VIDEO=path or a clip that is made'
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

# What runs under the sanitizers: the edge's targets. Left out are the media child, which limits its own address space,
# and the origin, most of which is libraries that are not ours.
SANITIZED_TESTS := ^(Base|Cache|Edge|HLS|LoadTests|Net|Token)Tests
SANITIZED_SCENARIOS := test_floods.py test_limits.py test_drain.py test_fuzz.py

# Without XCTest, whose runner leaks: our tests use Swift Testing. The edge's own process ends with its cache and its
# connections in memory, which is no leak, so leaks are looked for in the unit tests only.
sanitize:
	@for kind in address thread; do \
	    folder=.build/$$kind; \
	    export TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/Sanitizers/thread.suppressions; \
	    export LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/Sanitizers/leak.suppressions; \
	    $(SWIFT_BUILD) --build-tests --sanitize=$$kind --scratch-path $$folder && \
	    swift test --skip-build --disable-xctest --sanitize=$$kind --scratch-path $$folder \
	        --filter '$(SANITIZED_TESTS)' && \
	    ASAN_OPTIONS=detect_leaks=0 SPILLWAY_BIN=$(CURDIR)/$$folder/debug \
	        $(PYTHON) -m pytest $(addprefix Tests/Scenarios/,$(SANITIZED_SCENARIOS)) || exit 1; \
	done

FUZZ_SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
FUZZ_ITERATIONS ?= 200000

# The scenarios make one connection an iteration, so they get fewer.
fuzz:
	@echo 'FUZZ_SEED=$(FUZZ_SEED) FUZZ_ITERATIONS=$(FUZZ_ITERATIONS)'
	$(SWIFT_BUILD) --build-tests
	FUZZ_SEED=$(FUZZ_SEED) FUZZ_ITERATIONS=$(FUZZ_ITERATIONS) swift test --skip-build --filter Fuzz
	$(SWIFT_BUILD) -c release --product edge
	FUZZ_SEED=$(FUZZ_SEED) FUZZ_ITERATIONS=$$(($(FUZZ_ITERATIONS) / 40)) $(PYTHON) -m pytest Tests/Scenarios/test_fuzz.py

# Each prints its figures.
soak: setup
	@$(MAKE) --no-print-directory build
	$(PYTHON) -m pytest Tests/Scenarios$(if $(ONLY),/$(ONLY)) -m soak -rP
	$(if $(ONLY),,$(SWIFT_BUILD) --build-tests)
	$(if $(ONLY),,MUTATIONS=2000 swift test --skip-build --disable-xctest --filter MutationTests.theParent)

bench:
	@scripts/setup build bench
	@for program in edge loadtest; do $(SWIFT_BUILD) -c release --product $$program || exit 1; done
	.build/release/loadtest compare $(or $(BENCH),--document docs)
	@$(MAKE) --no-print-directory bench-transcode

# A video that is as large as one of the rungs.
BENCH_CLIP := $(or $(VIDEO),var/bench/transcode.mp4)

bench-transcode: $(BENCH_CLIP) var/bench/minutes.mp4
	@for program in origin transcode; do $(SWIFT_BUILD) -c release --product $$program || exit 1; done
	/usr/bin/python3 -B LoadTests/transcode-bench.py '$(BENCH_CLIP)'
	/usr/bin/python3 -B LoadTests/worker-bench.py var/bench/minutes.mp4 --runs 1

var/bench/transcode.mp4:
	@mkdir -p $(@D)
	ffmpeg -v error -y -f lavfi -i testsrc2=size=1280x720:rate=30:duration=60,noise=alls=6:allf=t \
	    -f lavfi -i sine=frequency=330:duration=60 -c:v libx264 -preset veryfast -crf 16 -pix_fmt yuv420p -c:a aac $@

# Long enough for several chunks.
var/bench/minutes.mp4:
	@mkdir -p $(@D)
	ffmpeg -v error -y -f lavfi -i testsrc2=size=854x480:rate=24:duration=240,noise=alls=6:allf=t \
	    -f lavfi -i sine=frequency=330:duration=240 -c:v libx264 -preset veryfast -crf 18 -pix_fmt yuv420p -c:a aac $@

clean:
	rm -rf .build var/demo var/scenarios var/bench var/bench-disk
