"""A small evaluator of IAM policies: as much of the language as Kiln's roles use.

No emulator judges `aws:ResourceTag` rightly, so this is where the roles are tried. An operator, or a part of
the language, that it does not know is an error and never an allowance.
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from stack.rights import Statement, listed
from stack.tests.expand import Expanded

Context = Mapping[str, str | list[str]]


def statements_of(template: Expanded, role: str) -> list[Statement]:
    """All statements of a role: its own and those of the managed policies of the template."""
    properties = template.of("AWS::IAM::Role")[role]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    managed = template.of("AWS::IAM::ManagedPolicy")
    for arn in properties.get("ManagedPolicyArns", []):
        documents.append(managed[arn.strip("<>")]["PolicyDocument"])
    return [statement for document in documents for statement in document["Statement"]]


def allowed(statements: Iterable[Statement], action: str, resource: str, context: Context) -> bool:
    """Whether a call is allowed: some statement allows it, and none denies it."""
    effects = {s["Effect"] for s in statements if _applies(s, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
    return (
        any(fnmatchcase(action.lower(), known.lower()) for known in listed(statement["Action"]))
        and any(fnmatchcase(resource, known) for known in listed(statement["Resource"]))
        and all(
            _holds(operator, key, listed(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    found = context.get(key)
    if operator == "Null":
        return (found is None) == (values == ["true"])
    if operator == "ForAllValues:StringEquals":
        return all(item in values for item in listed(found or []))
    if operator == "ForAllValues:StringLike":
        return all(any(fnmatchcase(item, value) for value in values) for item in listed(found or []))
    if found is None:
        return operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    assert isinstance(found, str), f"{key} has many values, {operator} takes one"
    if operator in {"StringEquals", "Bool"}:
        return found in values
    if operator in {"StringLike", "ArnEquals", "ArnLike"}:
        return any(fnmatchcase(found, value) for value in values)
    raise AssertionError(f"unknown operator {operator}")
