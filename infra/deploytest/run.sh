#!/bin/sh
# Installs what the deploy test needs into build/deploytest, builds what it deploys, and runs it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/deploytest
python=$build/venv/bin/python

case $(uname -s) in
Linux) ;;
*)
    echo "deploy test: the emulator runs functions as processes of this machine, and they are built for Linux" >&2
    exit 1
    ;;
esac
case $(uname -m) in
x86_64) architecture=x86_64 ;;
aarch64 | arm64) architecture=arm64 ;;
*)
    echo "deploy test: Lambda has no $(uname -m)" >&2
    exit 1
    ;;
esac

mkdir -p "$build"
if ! cmp -s "$here/requirements.txt" "$build/requirements.txt"; then
    echo "deploy test: installing the emulator into build/deploytest"
    rm -rf "$build/venv" "$build/requirements.txt"
    if ! python3 -m venv "$build/venv"; then
        echo "deploy test: the emulator needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$build/requirements.txt"
fi
if ! cmp -s "$here/package-lock.json" "$build/package-lock.json"; then
    rm -rf "$build/node_modules" "$build/package-lock.json"
    cp "$here/.npmrc" "$here/package.json" "$build/"
    cp "$here/package-lock.json" "$build/package-lock.json"
    (cd "$build" && npm ci --no-audit --no-fund --loglevel=error) || {
        rm -f "$build/package-lock.json"
        exit 1
    }
fi

cd "$root"
make node_modules/.installed build-local webapp/dist/index.html
for bootstrap in build/lambda/local/*/bootstrap; do
    deployed=build/lambda/$architecture/${bootstrap#build/lambda/local/}
    mkdir -p "$(dirname "$deployed")"
    cmp -s "$bootstrap" "$deployed" || cp "$bootstrap" "$deployed"
done

# The test runs with a HOME of its own; what Go has compiled is not forgotten for it.
GOCACHE=$(go env GOCACHE) GOMODCACHE=$(go env GOMODCACHE) GOPROXY=$(go env GOPROXY)
export GOCACHE GOMODCACHE GOPROXY
exec "$python" "$here/deploytest.py" "$architecture"
