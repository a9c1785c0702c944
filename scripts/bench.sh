#!/usr/bin/env bash
# Runs the benchmarks: each prints ratios against a reference in the same run.
set -euo pipefail
. "$(dirname "$0")/env.sh"

cargo build --release --quiet -p mesos-cli
cargo bench --quiet -p mesos-tests "$@"
