#!/usr/bin/env bash
# Fuzzes the readers of what strangers send (tests/fuzz): every target for some seconds, or the
# targets that are named. The stable compiler is enough: coverage without sanitizers.
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]      without both: 5 seconds, all targets
#
# For a minute and more the targets are built with optimisation, which takes minutes itself.
# `cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none TARGET` does the same for one target, and
# has more to offer (minimising inputs, sanitizers with the nightly compiler).
#
# Corpora grow in target/fuzz/corpus; an input that breaks a promise is left in
# target/fuzz/artifacts and belongs into tests/fuzz/seeds/<target>, once it is mended.
set -euo pipefail
. "$(dirname "$0")/env.sh"

seconds=${1:-5}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] ||
    mapfile -t targets < <(cd tests/fuzz/fuzz_targets && ls | sed 's/\.rs$//')

if ! command -v c++ >/dev/null 2>&1; then
    echo "fuzz: installing a C++ compiler (Debian package g++): libFuzzer is C++"
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y g++ >/dev/null
fi

# The flags of `cargo fuzz build --sanitizer none`, which needs no installation this way.
host=$(rustc -vV | sed -n 's/^host: //p')
flags="--cfg fuzzing -Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
out=target/fuzz
if [ "$seconds" -ge 60 ]; then
    out=target/fuzz/optimised
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=2
fi
RUSTFLAGS="$flags" cargo build --quiet --release --target "$host" \
    --manifest-path tests/fuzz/Cargo.toml --target-dir "$out"
bin="$out/$host/release"
CORPUS=target/fuzz/corpus "$bin/seeds"

# One target at a time per core; a failure of any is told at the end, after all have run.
jobs=$(nproc)
failed=()
fuzz() {
    local log="target/fuzz/$1.log"
    mkdir -p "target/fuzz/artifacts/$1"
    # Three quarters of a gigabyte: a reader that takes more at once would fail here, too.
    "$bin/$1" "target/fuzz/corpus/$1" "-artifact_prefix=target/fuzz/artifacts/$1/" \
        "-max_total_time=$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=768 \
        -print_final_stats=1 >"$log" 2>&1
}
for ((at = 0; at < ${#targets[@]}; at += jobs)); do
    pids=()
    for target in "${targets[@]:at:jobs}"; do
        fuzz "$target" &
        pids+=("$!:$target")
    done
    for entry in "${pids[@]}"; do
        target=${entry#*:}
        if wait "${entry%%:*}"; then
            runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/fuzz/$target.log")
            echo "fuzz: $target: $runs inputs, no promise broken"
        else
            failed+=("$target")
        fi
    done
done
for target in "${failed[@]}"; do
    echo "fuzz: $target FAILED:" >&2
    grep -v '^#' "target/fuzz/$target.log" | tail -40 >&2
done
[ ${#failed[@]} -eq 0 ]
