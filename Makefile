# One command each: see README.md.

INPUT ?= .
# How long `make fuzz` stays at each target.
SECONDS ?= 300

.PHONY: run up test bench fuzz setup

run: setup
	@scripts/run.sh "$(INPUT)"

up: setup
	@scripts/up.sh

test: setup
	@scripts/test.sh

bench: setup
	@scripts/bench.sh

fuzz: setup
	@scripts/fuzz.sh $(SECONDS)

setup:
	@scripts/setup.sh
