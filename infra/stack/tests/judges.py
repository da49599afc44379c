"""Two judges of the same calls: the simulator that others keep, and Kiln's own small one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.rights import listed
from stack.tests import policy
from stack.tests.arns import arn, real
from stack.tests.expand import ACCOUNT, Expanded
from stack.tests.roles import FAR_KEY, KEY
from stack.tests.tries import Try

ALLOWED, REFUSED = "allowed", "refused"
SCRIPT = Path(__file__).with_name("simulator") / "judge.mjs"
# A key of the account whose policy lets IAM decide, as that of a new key does.
_OPEN_KEY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


@dataclass(frozen=True)
class Simulated:
    """What the simulator said."""

    answers: list[str]
    """For each try: allowed, refused, or what it did not understand."""
    unknown: list[str]
    """For each try what of it the reference does not know: the action, or this form of its resource."""
    ignored: list[list[str]]
    """For each try the keys of its context that AWS does not tell of such a call."""
    rows: dict[str, Any]
    """For each action its row in the service authorization reference; None if it has none."""
    globals: list[str]
    updated: str
    """The day of the reference."""


def simulate(tries: Iterable[Try], template: Expanded, actions: Iterable[str], installed: str) -> Simulated:
    """Asks the simulator, which node runs."""
    tries = list(tries)
    asked = {
        "account": ACCOUNT,
        "roles": {role: of_role(template, role) for role in {one.role for one in tries}},
        "resourcePolicies": {KEY: _OPEN_KEY, FAR_KEY: _OPEN_KEY, **key_policies(template)},
        "tries": [
            {"role": o.role, "action": o.action, "resource": o.resource, "context": o.context} for o in tries
        ],
        "actions": sorted(set(actions)),
    }
    command = ["node", str(SCRIPT), installed]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the simulator did not run: {done.stderr}")
    said = json.loads(done.stdout)
    answers = said["answers"]
    assert len(answers) == len(tries)
    return Simulated(
        answers=[_answer(one) for one in answers],
        unknown=[one.get("unknown", "") for one in answers],
        ignored=[one.get("ignored", []) for one in answers],
        rows=said["rows"],
        globals=said["globals"],
        updated=said["updated"],
    )


def _answer(given: dict[str, Any]) -> str:
    if "error" in given:
        return f"not understood: {given['error']}"
    return ALLOWED if given["result"] == "Allowed" else REFUSED


def judge(one: Try, template: Expanded) -> str:
    """The same by policy.py."""
    statements = [real(template, statement) for statement in policy.statements_of(template, one.role)]
    for statement in key_policies(template).get(one.resource, {}).get("Statement", []):
        if arn(template, one.role) in listed(statement["Principal"]["AWS"]):
            statements.append({key: value for key, value in statement.items() if key != "Principal"})
    may = policy.allowed(statements, one.action, one.resource, one.context)
    return ALLOWED if may else REFUSED


def of_role(template: Expanded, role: str) -> dict[str, Any]:
    """A role as the simulator takes it: who calls, and the policies of the role."""
    name = arn(template, role).rsplit("/", 1)[1]
    document = {
        "Version": "2012-10-17",
        "Statement": [real(template, one) for one in policy.statements_of(template, role)],
    }
    # Several policies may call a statement alike, which one policy may not.
    for number, statement in enumerate(document["Statement"]):
        statement["Sid"] = f"{statement.get('Sid', '')}{number}"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/function"
    return {"principal": session, "policies": [{"name": role, "policy": document}]}


def key_policies(template: Expanded) -> dict[str, Any]:
    """The policy of each key of the template, by the key's ARN."""
    keys = template.of("AWS::KMS::Key").items()
    return {arn(template, name): real(template, properties["KeyPolicy"]) for name, properties in keys}
