#!/usr/bin/env bash
# Makes the Python in which the tests run clients that others wrote: a virtual environment below
# target/ with what tests/python/{requirements,sources}.txt pin. It is made once, anew when those
# files or this one change, and from the beginning when it was interrupted.
set -euo pipefail
. "$(dirname "$0")/env.sh"

home=${CARGO_TARGET_DIR:-target}/python
pins="tests/python/requirements.txt tests/python/sources.txt scripts/setup-python.sh"
unset PYTHONPATH PYTHONHOME

mkdir -p "$home"
home=$(realpath "$home")
venv=$home/pymesos
log=$home/setup.log
mark=$(cat $pins | sha256sum)

# Only one at a time makes it.
exec 9>"$home/lock"
flock 9

# The mark is written last: without it, what is there is the rest of an attempt.
if [ "$(cat "$venv/.made" 2>/dev/null)" = "$mark" ] &&
    "$venv/bin/python" -c 'import pymesos' 2>/dev/null; then
    exit 0
fi

fail() {
    [ ! -s "$log" ] || tail -n 20 "$log" >&2
    echo "setup: $1" >&2
    exit 1
}

# Prints the first Python that can: http-parser is of a time before 3.12, and is compiled.
find_python() {
    local name path
    for name in python3.11 python3.10 python3.9 python3.8 python3; do
        for path in $(type -ap "$name"); do
            if "$path" - 2>/dev/null <<'PYTHON'; then
import ensurepip, os, sys, sysconfig, venv
assert (3, 8) <= sys.version_info[:2] <= (3, 11)
assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
PYTHON
                echo "$path"
                return
            fi
        done
    done
    return 1
}

: >"$log"
if ! python=$(find_python); then
    echo "setup: installing Python (Debian packages python3, python3-venv, python3-dev)"
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo"
    {
        $as_root apt-get update -qq &&
            $as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -qq -y python3 python3-venv python3-dev
    } >"$log" 2>&1 || fail "these packages could not be installed"
    python=$(find_python) || fail "no CPython 3.8 to 3.11 with venv and headers is on the PATH"
fi

echo "setup: installing pymesos 0.3.15 for the tests into $venv ($("$python" --version))"
rm -rf "$venv"
pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet "$@" >>"$log" 2>&1 ||
        fail "pip $1 failed; $log has all of its output"
}
"$python" -m venv "$venv" >>"$log" 2>&1 || fail "$python -m venv failed"
pip install --require-hashes --no-deps --only-binary :all: -r tests/python/requirements.txt
pip download --require-hashes --no-deps --no-binary :all: --no-build-isolation \
    --dest "$venv/src" -r tests/python/sources.txt
tar -C "$venv/src" -xzf "$venv/src/http-parser-0.9.0.tar.gz"
"$venv/bin/cython" -2 "$venv/src/http-parser-0.9.0/http_parser/parser.pyx" >>"$log" 2>&1 ||
    fail "cython failed; $log has its output"
pip install --no-deps --no-build-isolation \
    "$venv/src/http-parser-0.9.0" "$venv/src/pymesos-0.3.15.tar.gz"
"$venv/bin/python" -c 'import pymesos' >>"$log" 2>&1 || fail "pymesos cannot be imported"
rm -rf "$venv/src"
echo "$mark" >"$venv/.made"
