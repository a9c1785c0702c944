# One command each: see README.md.

INPUT ?= .

.PHONY: run up test bench setup

run: setup
	@scripts/run.sh "$(INPUT)"

up: setup
	@scripts/up.sh

test: setup
	@scripts/test.sh

bench: setup
	@scripts/bench.sh

setup:
	@scripts/setup.sh
