#!/bin/sh
# Holds the golden templates against cfn-lint and against cdk-nag's AWS Solutions rules, neither of which is written in
# Go. Installs both into build/static.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/static

mkdir -p "$build"
if ! cmp -s "$here/requirements.txt" "$build/requirements.txt"; then
    echo "static checks: installing cfn-lint into build/static"
    rm -rf "$build/venv" "$build/requirements.txt"
    if ! python3 -m venv "$build/venv"; then
        echo "static checks: cfn-lint needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$build/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$build/requirements.txt"
fi
if ! cmp -s "$here/package-lock.json" "$build/installed.json"; then
    echo "static checks: installing cdk-nag into build/static"
    rm -f "$build/installed.json"
    cp "$here/.npmrc" "$here/package.json" "$here/package-lock.json" "$build/"
    (cd "$build" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$build/installed.json"
fi

set -- "$root"/infra/testdata/golden/*.template.json
"$build/venv/bin/cfn-lint" --config-file "$here/cfnlintrc.yaml" --regions us-east-1 -- "$@"
# The template of docs/creating-the-table.md, without the transform, which cfn-lint would need SAM's own translator for.
sed -n '/^```yaml$/,/^```$/{/^```/d;/^Transform:/d;p}' "$root/docs/creating-the-table.md" >"$build/table.template.yaml"
"$build/venv/bin/cfn-lint" --config-file "$here/cfnlintrc.yaml" --regions us-east-1 -- "$build/table.template.yaml"
NODE_PATH=$build/node_modules node "$here/nag.js" "$build/synthesised" "$@"
echo "static checks: cfn-lint and cdk-nag have nothing against $# templates"
