#!/usr/bin/env bash
# Sets up and runs every test.
set -euo pipefail
. "$(dirname "$0")/env.sh"

scripts/setup-python.sh
cargo build --workspace --bins --quiet
cargo test --workspace --no-fail-fast --quiet "$@"
# Whoever names tests wants those.
[ $# -gt 0 ] || scripts/fuzz.sh 5
