#!/bin/sh
# Holds the golden templates against cfn-lint, checkov and cdk-nag's rules, none of which is written in Go.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$("$root/tools/install.sh" static "$here")
lint=$("$root/tools/install.sh" static/cfn-lint "$here/cfn-lint")/venv/bin/cfn-lint
checkov=$("$root/tools/install.sh" static/checkov "$here/checkov")/venv/bin

set -- "$root"/infra/testdata/golden/*.template.json
# The template of docs/creating-the-table.md, without the transform, which cfn-lint would need SAM's own translator for.
sed -n '/^```yaml$/,/^```$/{/^```/d;/^Transform:/d;p}' "$root/docs/creating-the-table.md" >"$build/table.template.yaml"
"$lint" --config-file "$here/cfnlintrc.yaml" --regions us-east-1 -- "$@" "$build/table.template.yaml"
NODE_PATH=$build/node_modules node "$here/nag.js" "$build/synthesised" "$@"
"$checkov/python" "$here/checkov.py" "$checkov/checkov" "$@"
echo "static checks: cfn-lint, cdk-nag and checkov have nothing against $# templates"
