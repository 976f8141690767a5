#!/bin/sh
# Installs what function.py and function.mjs need into build/powertools, where that has not been done, and says where.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/build/powertools

mkdir -p "$build"
if ! cmp -s "$here/requirements.txt" "$build/requirements.txt"; then
    rm -rf "$build/venv" "$build/requirements.txt"
    if ! python3 -m venv "$build/venv"; then
        echo "Powertools needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$build/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$build/requirements.txt"
fi
if ! cmp -s "$here/package-lock.json" "$build/installed.json"; then
    rm -f "$build/installed.json"
    cp "$here/.npmrc" "$here/package.json" "$here/package-lock.json" "$build/"
    (cd "$build" && npm ci --no-audit --no-fund --loglevel=error >&2)
    cp "$here/package-lock.json" "$build/installed.json"
fi
cp "$here/function.mjs" "$build/" # modules are looked for beside it
echo "$build"
