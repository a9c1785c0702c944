#!/usr/bin/env bash
# Builds, starts a local cluster, counts the words of all text files below a folder on it, and
# leaves nothing behind. The first argument is the folder.
set -euo pipefail
input=$(realpath "${1:-.}")
. "$(dirname "$0")/env.sh"

echo "building (release) ..."
cargo build --release --quiet -p mesos-cli -p executor -p examples
exec target/release/mesos local --agents=3 -- target/release/wordcount "$input"
