#!/bin/sh
# Holds the golden templates against cfn-lint, checkov and cdk-nag's rules, none of which is written in Go. Installs them
# into build/static.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/static

mkdir -p "$build"
# python <name> <requirements> installs into a virtual environment of its own.
python() {
    if cmp -s "$2" "$build/$1.txt"; then
        return
    fi
    echo "static checks: installing $1 into build/static"
    rm -rf "$build/$1" "$build/$1.txt"
    if ! python3 -m venv "$build/$1"; then
        echo "static checks: $1 needs Python 3.10 or later with venv: install python3 and python3-venv" >&2
        exit 1
    fi
    "$build/$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
    cp "$2" "$build/$1.txt"
}
python cfn-lint "$here/requirements.txt"
python checkov "$here/checkov-requirements.txt"
if ! cmp -s "$here/package-lock.json" "$build/installed.json"; then
    echo "static checks: installing cdk-nag into build/static"
    rm -f "$build/installed.json"
    cp "$here/.npmrc" "$here/package.json" "$here/package-lock.json" "$build/"
    (cd "$build" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$build/installed.json"
fi

set -- "$root"/infra/testdata/golden/*.template.json
"$build/cfn-lint/bin/cfn-lint" --config-file "$here/cfnlintrc.yaml" --regions us-east-1 -- "$@"
# The template of docs/creating-the-table.md, without the transform, which cfn-lint would need SAM's own translator for.
sed -n '/^```yaml$/,/^```$/{/^```/d;/^Transform:/d;p}' "$root/docs/creating-the-table.md" >"$build/table.template.yaml"
"$build/cfn-lint/bin/cfn-lint" --config-file "$here/cfnlintrc.yaml" --regions us-east-1 -- "$build/table.template.yaml"
NODE_PATH=$build/node_modules node "$here/nag.js" "$build/synthesised" "$@"
"$build/checkov/bin/python" "$here/checkov.py" "$build/checkov/bin/checkov" "$@"
echo "static checks: cfn-lint, cdk-nag and checkov have nothing against $# templates"
