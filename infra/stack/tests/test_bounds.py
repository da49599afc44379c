"""What a stack allows its recipes: the functions know it, and so do their roles where IAM can."""

from __future__ import annotations

import pytest

from stack.functions import functions
from stack.tests.expand import home
from stack.tests.policy import allowed, statements_of
from stack.tests.roles import COPY, FAR_INSTANCE, INSTANCE, LAUNCH, PUBLIC, REPLICA_SNAPSHOT, TEST

GIVEN = {
    "ShareTargets": "111111111111,arn:aws:organizations::111111111111:organization/o-abcdefghij",
    "PublicImages": "allowed",
    "BaseParameters": "/images/base",
    "InstanceTypes": "t4g.*,m7g.large",
}
NOTHING = {"ShareTargets": "", "BaseParameters": "", "InstanceTypes": ""}


def parameter(name: str) -> str:
    return f"arn:aws:ssm:us-east-1:123456789012:parameter{name}"


def test_every_function_knows_the_bounds() -> None:
    for given, share, public in ((GIVEN, GIVEN["ShareTargets"], "allowed"), (NOTHING, "", "forbidden")):
        template = home(**given)
        named = template.of("AWS::Lambda::Function").values()
        assert len(named) == len(functions())
        for function in named:
            variables = function["Environment"]["Variables"]
            assert variables["KILN_SHARE_TARGETS"] == share and variables["KILN_PUBLIC_IMAGES"] == public
            assert variables["KILN_BASE_PARAMETERS"] == given["BaseParameters"]
            assert variables["KILN_INSTANCE_TYPES"] == given["InstanceTypes"]


@pytest.mark.parametrize(
    ("given", "name", "may"),
    [
        (GIVEN, "/images/base", True),
        (GIVEN, "/golden/base/latest", False),
        (NOTHING, "/golden/base/latest", False),
        ({}, "/golden/base/latest", True),
        ({}, "/prod/db/password", False),
    ],
)
def test_bake_reads_the_parameters_that_a_base_may_come_from_and_no_others(
    given: dict[str, str], name: str, may: bool
) -> None:
    statements = statements_of(home(**given), "BakeRole")
    assert allowed(statements, "ssm:GetParameter", parameter(name), {}) == may
    assert allowed(statements, "ssm:GetParameter", PUBLIC, {})


@pytest.mark.parametrize(("kind", "may"), [("t4g.nano", True), ("m7g.large", True), ("c7g.metal", False)])
def test_builders_and_testers_have_an_instance_type_that_the_stack_allows(kind: str, may: bool) -> None:
    template = home(**GIVEN)
    of_type = {"ec2:InstanceType": kind, "ec2:MetadataHttpTokens": "required"}
    assert allowed(statements_of(template, "BakeRole"), "ec2:RunInstances", INSTANCE, LAUNCH | of_type) == may
    assert (
        allowed(statements_of(template, "VerifyRole"), "ec2:RunInstances", FAR_INSTANCE, TEST | of_type)
        == may
    )


@pytest.mark.parametrize("role", ["PublishRole", "ReplicateRole"])
def test_snapshots_are_shared_with_accounts_that_the_stack_allows(role: str) -> None:
    statements = statements_of(home(**GIVEN), role)

    def may(**added: list[str]) -> bool:
        context = COPY | {f"ec2:Add/{key}": value for key, value in added.items()}
        return allowed(statements, "ec2:ModifySnapshotAttribute", REPLICA_SNAPSHOT, context)

    assert may() and may(userId=["111111111111"])
    assert not may(userId=["111111111111", "222222222222"]) and not may(group=["all"])
