"""Whether each statement of the templates says what AWS understands, by the service authorization reference.

cfn-lint does not see the actions of a SAM template, and IAM itself accepts a policy whose condition can never
hold. The reference comes with the simulator, so nothing here asks for more than its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from stack.functions import functions
from stack.rights import Statement, listed
from stack.tests import policy
from stack.tests.arns import real
from stack.tests.expand import REGULATED, Expanded, account, artifacts, further, home, of_further

# Actions that are not in the reference, each with the reason why the code asks for it all the same.
UNKNOWN_ACTIONS = {
    "ec2:GetImageFindings": (
        "EC2's API has the call and the reference has no row of it, so whether AWS takes the action, and on "
        "an image, shows in an account only"
    ),
}
# An action that takes a resource, and is given everything.
EVERYTHING = {
    "ec2:CreateNetworkInterface": "Lambda asks for all resources before it puts a function into a VPC",
    "ec2:DeleteNetworkInterface": "Lambda asks for all resources before it puts a function into a VPC",
    "ec2:AssignPrivateIpAddresses": "Lambda asks for all resources before it puts a function into a VPC",
    "ec2:UnassignPrivateIpAddresses": "Lambda asks for all resources before it puts a function into a VPC",
    "imagebuilder:GetContainerRecipe": "EC2 reads every recipe that may refer to an image, shared ones too",
}
# Of the reference's global keys, these are told only of the actions whose rows have them.
_OF_ROWS = ("aws:resourcetag/", "aws:requesttag/", "aws:tagkeys")


@dataclass(frozen=True)
class Where:
    """A statement, and where it stands."""

    place: str
    statement: Statement
    resources: tuple[str, ...]
    """What it is about, as ARNs; nothing for a statement that is part of a resource."""

    def __str__(self) -> str:
        return f"{self.place}, {self.statement.get('Sid', 'its trust')}"


def statements() -> Iterator[Where]:
    """Every statement of the four templates, with and without what their parameters add."""
    regulated = {"KmsKey": REGULATED["KmsKey"]}
    for file, templates in (
        ("template.yaml", (home(), home(SealKeysAccepted="both", **REGULATED))),
        ("region.yaml", (further(), further(**of_further(REGULATED)))),
        ("account.yaml", (account(),)),
        ("artifacts.yaml", (artifacts(), artifacts(**regulated))),
    ):
        for template in templates:
            yield from _statements(file, template)


def actions() -> set[str]:
    """All actions of the templates, without the one that is every action of S3."""
    found = {action for one in statements() for action in listed(one.statement["Action"])}
    return {action for action in found if not action.endswith(":*")}


def wrong(rows: Mapping[str, Any], globals_: list[str]) -> Iterator[str]:
    """What is wrong, one sentence each; each only once."""
    seen: set[str] = set()
    for one in statements():
        for line in _wrong(one, rows, {key.lower() for key in globals_}):
            if line not in seen:
                seen.add(line)
                yield line
    for role in (one.role for one in functions()):
        yield from _lacking(role, rows)
    missing = {action for action in actions() if rows.get(action) is None}
    for action in sorted(UNKNOWN_ACTIONS.keys() - missing):
        yield f"{action} is in the reference by now; take it out of UNKNOWN_ACTIONS"


def _wrong(one: Where, rows: Mapping[str, Any], globals_: set[str]) -> Iterator[str]:
    taken: set[str] = set()
    for action in listed(one.statement["Action"]):
        row = rows.get(action)
        if action.endswith(":*") or action in UNKNOWN_ACTIONS:
            taken |= set(one.resources)
            continue
        if row is None:
            yield f"{one}: {action} is not in the service authorization reference"
            taken |= set(one.resources)
            continue
        allows = one.statement["Effect"] == "Allow"
        if row["resources"] and "*" in one.resources and allows and action not in EVERYTHING:
            kinds = ", ".join(kind["name"] for kind in row["resources"])
            yield f"{one}: {action} takes a narrower resource than everything: {kinds}"
        kinds = [kind for kind in row["resources"] if any(takes(kind["arn"], arn) for arn in one.resources)]
        taken |= {arn for arn in one.resources for kind in kinds if takes(kind["arn"], arn)} | {"*"}
        if one.resources and "*" not in one.resources and not kinds:
            yield f"{one}: {action} takes none of the statement's resources"
        for kind in kinds or [{"name": "no resource", "keys": []}]:
            known = {key.lower() for key in (*row["keys"], *kind["keys"])}
            for key in _keys(one.statement):
                if not _has(known, key) and not (
                    _has(globals_, key) and not key.lower().startswith(_OF_ROWS)
                ):
                    yield f"{one}: AWS does not tell {key} of {action} on {kind['name']}"
    for arn in sorted(set(one.resources) - taken):
        yield f"{one}: no action of it takes {arn}"


def _lacking(role: str, rows: Mapping[str, Any]) -> Iterator[str]:
    """A call that asks for several resources fails if the role has the right on some of them alone."""
    given: dict[str, set[str]] = {}
    for statement in policy.statements_of(home(), role):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                given.setdefault(action, set()).update(real(home(), listed(statement["Resource"])))
    for action, arns in given.items():
        for one in (rows.get(action) or {"resources": []})["resources"]:
            if one["required"] and not any(takes(one["arn"], arn) for arn in arns):
                yield f"{role}: {action} also asks for the right on {one['name']}"


def _keys(statement: Statement) -> list[str]:
    return [key for keys in statement.get("Condition", {}).values() for key in keys]


def _has(known: set[str], key: str) -> bool:
    """Whether a key is among those known, of which some end in a name: `aws:ResourceTag/${TagKey}`."""
    name = key.lower()
    return name in known or any("${" in one and name.startswith(one.partition("${")[0]) for one in known)


def takes(form: str, arn: str) -> bool:
    """Whether some ARN has both the form, such as `arn:${Partition}:s3:::${BucketName}`, and the pattern."""
    parts = zip(re.sub(r"\$\{\w+\}", "*", form).split(":", 5), arn.split(":", 5), strict=False)
    return arn == "*" or all(_meet(one, other) for one, other in parts)


@cache
def _meet(one: str, other: str) -> bool:
    """Whether some text fits both of these patterns, in which a star is any text."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return one[0] == other[0] and _meet(one[1:], other[1:])


def _statements(file: str, template: Expanded) -> Iterator[Where]:
    for name, resource in template.resources.items():
        for document, about in _documents(name, resource):
            for statement in document["Statement"]:
                arns = tuple(real(template, listed(statement.get("Resource", [])))) if about else ()
                yield Where(f"{file}, {name}", statement, arns)


def _documents(name: str, resource: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """The policies of a resource. A key's policy and a role's trust are about that resource alone."""
    properties = resource.get("Properties", {})
    for inline in properties.get("Policies", []):
        if isinstance(inline, dict) and "PolicyDocument" in inline:
            yield inline["PolicyDocument"], True
    if "PolicyDocument" in properties:
        yield properties["PolicyDocument"], True
    for trust in ("AssumeRolePolicyDocument", "KeyPolicy"):
        if trust in properties:
            yield properties[trust], False
