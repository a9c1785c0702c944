#!/usr/bin/env bash
# Installs what building needs and this machine lacks: a C compiler (linker) and Rust.
set -euo pipefail

if ! command -v cc >/dev/null 2>&1; then
    echo "setup: installing a C compiler (Debian package gcc, libc6-dev)"
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y gcc libc6-dev >/dev/null
fi

if ! command -v cargo >/dev/null 2>&1 && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
    echo "setup: installing Rust (rustup, minimal profile, into ~/.cargo)"
    curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs |
        sh -s -- -y -q --profile minimal --no-modify-path
fi
