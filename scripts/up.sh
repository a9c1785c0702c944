#!/usr/bin/env bash
# Builds, starts a local cluster and keeps it up until Ctrl-C.
set -euo pipefail
. "$(dirname "$0")/env.sh"

echo "building (release) ..."
cargo build --release --quiet -p mesos-cli -p executor
exec target/release/mesos local --agents=3
