#!/usr/bin/env bash
# Runs the benchmarks: each prints ratios against a reference in the same run. Arguments choose
# rows of the first table by parts of their names.
set -euo pipefail
. "$(dirname "$0")/env.sh"

cargo build --release --quiet -p mesos-cli -p executor
cargo bench --quiet -p mesos-tests --bench bench -- "$@"
cargo bench --quiet -p mesos --bench codec
cargo bench --quiet -p master-core --bench core
