# Verbs only; what each does stands in scripts/.
.PHONY: setup demo test fmt check bench package
SHELL := /bin/bash
# A toolchain that is not on PATH is looked for where Swift's archives are usually unpacked;
# promtool comes from the distribution's package, unpacked beside the build by `make setup`.
export PATH := $(PATH):/opt/swift/usr/bin:/usr/sbin:$(CURDIR)/.build-tools

setup:
	@scripts/setup

# make demo ARGS='--servers 4 --seed 7'
demo: setup
	swift build --product iml
	.build/debug/iml demo $(ARGS)

# make test FIXTURES=DIR; make test PARTS='unit acceptance'
test: setup
	@scripts/test $(PARTS)

fmt:
	swift format format -i -r -p Sources Tests Package.swift

check:
	@scripts/test format arrows arrows-test driver-test

# make bench FIXTURES=DIR; make bench PARTS='job-stats wire'
bench: setup
	@scripts/bench $(PARTS)

package:
	@echo 'make package: there are no deb and rpm yet; packaging/systemd/ has the units.' >&2; exit 1
