"""Holds templates against checkov's rules for CloudFormation.

    checkov.py <checkov> <template>...

A finding fails the check unless checkov.json has its rule and resource, with a reason that is true for the template. A
suppression that a template it is for does not need fails it as well.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

SUPPRESSIONS = json.loads((Path(__file__).parent / "checkov.json").read_text())


def findings(checkov, templates):
    """The findings, each as a template's name, a rule, a logical id and what the rule says."""
    command = [checkov, "--framework", "cloudformation", "--output", "json", "--quiet", "--compact", "--skip-download"]
    # By their names alone: checkov takes a path of 40 characters without a dot for one of AWS's secret keys.
    folder = Path(templates[0]).parent
    for template in templates:
        command += ["--file", str(Path(template).relative_to(folder))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    try:
        report = json.loads(ended.stdout)
        failed, passed = report["results"]["failed_checks"], report["summary"]["passed"]
    except (ValueError, KeyError):
        sys.exit(f"checkov has no report: {ended.stdout}{ended.stderr}")
    if passed == 0:
        sys.exit("checkov has checked nothing")
    for check in failed:
        name = Path(check["file_path"]).name.removesuffix(".template.json")
        yield name, check["check_id"], check["resource"].split(".")[-1], check["check_name"]


def main(checkov, *templates):
    problems, found = [], list(findings(checkov, templates))
    for template in templates:
        name = Path(template).name.removesuffix(".template.json")
        suppressed = [s for s in SUPPRESSIONS if name in s.get("stages", [name])]
        used = set()
        for _, rule, resource, text in (f for f in found if f[0] == name):
            matching = [i for i, s in enumerate(suppressed) if s["rule"] == rule and re.search(s["resource"], resource)]
            used.update(matching)
            if not matching:
                problems.append(f"{name}: {resource}: {rule}: {text}")
        problems += [
            f"checkov.json: {name} does not need {s['rule']} for {s['resource']}"
            for i, s in enumerate(suppressed) if i not in used
        ]
    problems += [f"checkov.json: {s['rule']} for {s['resource']} has no reason" for s in SUPPRESSIONS if not s.get("reason")]
    if problems:
        sys.exit("\n".join(problems))


main(*sys.argv[1:])
