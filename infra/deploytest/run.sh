#!/bin/sh
# Installs what the deploy test needs, builds what it deploys, and runs it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

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

build=$("$root/tools/install.sh" deploytest "$here")
python=$build/venv/bin/python

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
