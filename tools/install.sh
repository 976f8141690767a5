#!/bin/sh
# Installs what a directory's requirements.txt and package-lock.json name, each if there is one, and prints where: Python's
# packages are below venv there, JavaScript's below node_modules, beside the directory's own modules. It is quick if that
# was done before and neither has changed since.
#
#   tools/install.sh NAME DIRECTORY    into build/NAME
set -eu

from=$(cd "$2" && pwd)
build=$(cd "$(dirname "$0")/.." && pwd)/build/$1

mkdir -p "$build"
if [ -e "$from/requirements.txt" ] && ! cmp -s "$from/requirements.txt" "$build/requirements.txt"; then
    echo "installing Python packages into build/$1" >&2
    rm -rf "$build/venv" "$build/requirements.txt"
    if ! python3 -m venv "$build/venv"; then
        echo "this needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$build/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$from/requirements.txt" >&2
    cp "$from/requirements.txt" "$build/requirements.txt"
fi
if [ -e "$from/package-lock.json" ] && ! cmp -s "$from/package-lock.json" "$build/installed.json"; then
    echo "installing JavaScript packages into build/$1" >&2
    rm -f "$build/installed.json"
    cp "$from/.npmrc" "$from/package.json" "$from/package-lock.json" "$build/"
    (cd "$build" && npm ci --no-audit --no-fund --loglevel=error >&2)
    cp "$from/package-lock.json" "$build/installed.json"
fi
for module in "$from"/*.mjs; do # it finds what it imports beside it
    [ ! -e "$module" ] || cp "$module" "$build/"
done
echo "$build"
