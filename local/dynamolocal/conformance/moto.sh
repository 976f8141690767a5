#!/bin/sh
# Runs the conformance suite against a reference: moto's server, which it installs, starts and stops, or the endpoint
# that AWS_ENDPOINT_URL_DYNAMODB names. The exit status is that of the suite. Arguments go to `go test`, e.g. -run or -v.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=$root/build/conformance

# The suite takes credentials and region from the environment. Servers on this machine check neither, so that they need
# not be given.
without_account() {
    export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-local}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-local}"
    export AWS_REGION="${AWS_REGION:-us-east-1}"
}

suite() {
    echo "conformance: $CONFORMANCE_TARGET at $AWS_ENDPOINT_URL_DYNAMODB"
    # In its own directory go test shows what a test prints: the table.
    cd "$here/remote"
    go test -count=1 "$@"
}

if [ -n "${AWS_ENDPOINT_URL_DYNAMODB:-}" ]; then
    export CONFORMANCE_TARGET="${CONFORMANCE_TARGET:-endpoint}"
    case $AWS_ENDPOINT_URL_DYNAMODB in
    http://127.0.0.1:* | http://localhost:*) without_account ;;
    esac
    suite "$@"
    exit
fi

venv=$build/venv
python=$venv/bin/python
if ! cmp -s "$here/requirements.txt" "$build/installed.txt"; then
    echo "conformance: installing moto into build/conformance"
    rm -rf "$venv"
    mkdir -p "$build"
    if ! python3 -m venv "$venv"; then
        echo "conformance: moto needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$build/installed.txt"
fi

: >"$build/port"
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/serve_moto.py" >"$build/port" 2>"$build/moto.log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# moto prints its port once it listens.
waited=0
until [ -s "$build/port" ]; do
    if ! kill -0 "$server" 2>/dev/null || [ "$waited" -ge 60 ]; then
        echo "conformance: moto did not start:" >&2
        cat "$build/moto.log" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
done

without_account
AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$(cat "$build/port")
CONFORMANCE_TARGET=moto
export AWS_ENDPOINT_URL_DYNAMODB CONFORMANCE_TARGET
suite "$@"
