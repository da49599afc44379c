"""The roles in other accounts, by which Kiln writes its parameters there."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from stack.tests.expand import ACCOUNT, account, home
from stack.tests.policy import allowed, statements_of

WRITER, READER = "Writer", "Reader"
PARAMETER = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/golden/web/latest"
"""A parameter of the account of the stack, which is the same as the home account in these tests."""


@pytest.mark.parametrize(
    ("role", "action", "resource", "may"),
    [
        (WRITER, "ssm:PutParameter", PARAMETER, True),
        (WRITER, "ssm:GetParameters", PARAMETER, True),
        (WRITER, "ec2:DescribeImages", "*", True),
        (WRITER, "ssm:PutParameter", PARAMETER.replace("golden", "database"), False),
        (WRITER, "ssm:GetParameters", PARAMETER.replace("golden", "database"), False),
        (WRITER, "ssm:DeleteParameter", PARAMETER, False),
        (WRITER, "ec2:RunInstances", "*", False),
        (READER, "ssm:GetParameters", PARAMETER, True),
        (READER, "ssm:PutParameter", PARAMETER, False),
        (READER, "ssm:GetParameters", PARAMETER.replace("golden", "database"), False),
    ],
)
def test_what_a_role_may_do(role: str, action: str, resource: str, may: bool) -> None:
    assert allowed(statements_of(account(), role), action, resource, {}) == may


def trust(role: str, **parameters: str) -> dict[str, Any]:
    (statement,) = account(**parameters).of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


def taken_by(role: str, arn: str, **parameters: str) -> bool:
    given = trust(role, **parameters)["Condition"]["ArnLike"]["aws:PrincipalArn"]
    return any(fnmatchcase(arn, one) for one in (given if isinstance(given, list) else [given]))


def test_only_the_functions_that_move_parameters_may_take_the_role_that_writes_and_the_sweep_the_other() -> (
    None
):
    def named(role: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/kiln-{role}-1A2B3C4D5E6F"

    functions = {role for role in home().of("AWS::IAM::Role") if role.endswith("Role")}
    assert {role for role in functions if taken_by(WRITER, named(role))} == {"ReplicateRole", "PublishRole"}
    assert {role for role in functions if taken_by(READER, named(role))} == {"ReconcileRole"}
    for role in (WRITER, READER):
        assert trust(role)["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert not taken_by(role, f"arn:aws:iam::{ACCOUNT}:role/admin")
        assert not taken_by(role, named("ReplicateRole").replace("kiln-", "other-"))


def test_a_role_path_of_the_home_stack_and_an_external_id_are_asked_for() -> None:
    inside = f"arn:aws:iam::{ACCOUNT}:role/platform/kiln-ReplicateRole-1A2B"
    assert taken_by(WRITER, inside, HomeRolePath="/platform/") and not taken_by(WRITER, inside)
    for role in (WRITER, READER):
        condition = trust(role, ExternalId="our-kiln")["Condition"]
        assert condition["StringEquals"] == {"sts:ExternalId": "our-kiln"}


def test_the_functions_look_for_the_roles_by_the_names_that_they_have() -> None:
    roles = account(HomeStack="golden").of("AWS::IAM::Role")
    functions = home("golden").of("AWS::Lambda::Function")
    for function, role in (("Replicate", WRITER), ("Publish", WRITER), ("Reconcile", READER)):
        variables = functions[function]["Environment"]["Variables"]
        assert variables["KILN_ACCOUNT_ROLE"] == f"arn:aws:iam::*:role/{roles[role]['RoleName']}"
        assert variables["KILN_EXTERNAL_ID"] == "kiln"
    others = [one["Environment"]["Variables"] for name, one in functions.items()]
    assert sum("KILN_ACCOUNT_ROLE" in one for one in others) == 3
