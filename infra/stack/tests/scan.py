"""`make checkov`: what Checkov finds in the templates, as a regulated account deploys them.

Checkov does not expand SAM and hardly resolves conditions, so it gets both templates resolved, with a value
for every parameter of REGULATED. Every finding fails the scan, unless it stands in ACCEPTED with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stack.tests.expand import REGULATED, further, home, of_further

# By check and resource, or the beginning of its name.
ACCEPTED = {
    ("CKV_AWS_115", "AWS::Lambda::Function."): (
        "no concurrency is reserved: the functions may run side by side and twice, and a cap would only make "
        "events wait"
    ),
    ("CKV_AWS_116", "AWS::Lambda::Function."): (
        "failed events go to the queue of the failure destination, which also keeps the error; a dead-letter "
        "queue would keep the event alone"
    ),
    ("CKV_AWS_7", "AWS::KMS::Key.FirstSealKey"): (
        "KMS rotates no HMAC key by itself; the stack has place for a second one, and docs/concepts/seals.md "
        "says how the key is changed"
    ),
    ("CKV_AWS_111", "AWS::IAM::ManagedPolicy.Common"): (
        "Lambda asks for all resources before it puts a function into a VPC, and X-Ray knows no resource; "
        "the function's own code is denied the former"
    ),
}


def templates() -> dict[str, dict[str, Any]]:
    """Both templates by file name, with plain values."""
    found = {"template.json": home(**REGULATED), "region.json": further(**of_further(REGULATED))}
    version = {"AWSTemplateFormatVersion": "2010-09-09"}
    return {name: {**version, "Resources": one.resources} for name, one in found.items()}


def judged(report: dict[str, Any]) -> Iterator[str]:
    """What is wrong by a report: each finding that is not accepted, and each acceptance of none."""
    needed = set()
    for finding in report["results"]["failed_checks"]:
        check, resource = finding["check_id"], finding["resource"]
        accepted = {one for one in ACCEPTED if check == one[0] and resource.startswith(one[1])}
        needed |= accepted
        if not accepted:
            yield f"{resource}: {check}, {finding['check_name']}"
    for check, resource in sorted(ACCEPTED.keys() - needed):
        yield f"{resource}: {check} is not found any more; take it out of ACCEPTED"
    for error in report["results"].get("parsing_errors", []):
        yield f"{error} was not understood"


def scan(checkov: str) -> dict[str, Any]:
    """Checkov's report. It runs with what it brings along, and asks nobody on the net."""
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates().items():
            (Path(folder) / name).write_text(json.dumps(template, indent=1))
        options = ["--directory", folder, "--framework", "cloudformation", "--output", "json"]
        command = [checkov, *options, "--compact", "--quiet", "--skip-download", "--soft-fail"]
        environment = {**os.environ, "BC_SKIP_MAPPING": "TRUE"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"checkov did not run: {done.stderr}")
    return json.loads(done.stdout)


def main(checkov: str) -> int:
    report = scan(checkov)
    summary = report["summary"]
    if not summary["passed"]:
        raise SystemExit("checkov passed nothing, so it did not read the templates")
    wrong = list(judged(report))
    print(f"{summary['passed']} checks passed, {summary['failed']} findings, {len(wrong)} not accepted")
    for line in wrong:
        print(f"  {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
