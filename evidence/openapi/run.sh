#!/bin/sh
# Holds docs/openapi.yaml against two linters, and the local stack against docs/openapi.yaml: schemathesis sends what the
# document allows and what it forbids, for as many seconds as SECONDS_OF_FUZZING says.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$("$root/tools/install.sh" openapi "$here")
document=$root/docs/openapi.yaml

REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true "$build/node_modules/.bin/redocly" lint "$document"
"$build/node_modules/.bin/spectral" lint --fail-severity hint --ruleset "$here/spectral.yaml" "$document"

# Faults are off: a process that ends on request is what they are for, and an error to schemathesis.
cd "$root"
build/bin/local --port 0 --site '' --unthrottled --env DEMO_FAULTS=false --log-level error >"$build/stack.log" 2>&1 &
stack=$!
trap 'kill "$stack" 2>/dev/null; wait "$stack" 2>/dev/null || true' EXIT
waited=0
until url=$(grep -o '^http://localhost:[0-9]*' "$build/stack.log"); do
    waited=$((waited + 1))
    if [ "$waited" -gt 3000 ] || ! kill -0 "$stack" 2>/dev/null; then
        echo "OpenAPI: the local stack did not start, see build/openapi/stack.log" >&2
        exit 1
    fi
    sleep 0.1
done
"$build/venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$document" --url "$url" --max-time "${SECONDS_OF_FUZZING:-60}"
