"""Which stack gets which parameter."""

from __future__ import annotations

import pytest

from stack import StackError
from stack.regional import shared_out

HOME, FAR = "us-east-1", "eu-west-1"
KNOWN = {"AlarmTopic", "KmsKey", "PermissionsBoundary", "RolePath"}


def topic(region: str, partition: str = "aws") -> str:
    return f"arn:{partition}:sns:{region}:123456789012:oncall"


def shares(**given: str) -> tuple[dict[str, str], dict[str, str]]:
    found = shared_out(given, HOME, [FAR], KNOWN)
    assert list(found) == [HOME, FAR]
    return found[HOME], found[FAR]


def test_the_home_stack_gets_all_and_a_further_one_what_its_template_knows() -> None:
    assert shares(LogLevel="debug", RolePath="/platform/") == (
        {"LogLevel": "debug", "RolePath": "/platform/"},
        {"RolePath": "/platform/"},
    )


def test_what_is_of_iam_goes_to_every_region() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    both = {"PermissionsBoundary": boundary}
    assert shares(PermissionsBoundary=boundary) == (both, both)


def test_a_topic_or_a_key_goes_to_its_own_region_alone() -> None:
    assert shares(AlarmTopic=topic(HOME)) == ({"AlarmTopic": topic(HOME)}, {})
    assert shares(AlarmTopic=topic(FAR)) == ({}, {"AlarmTopic": topic(FAR)})
    assert shares(AlarmTopic=f"{topic(FAR)},{topic(HOME)}") == (
        {"AlarmTopic": topic(HOME)},
        {"AlarmTopic": topic(FAR)},
    )


def test_an_arn_of_another_partition_goes_to_its_region_too() -> None:
    given = {"AlarmTopic": ",".join(topic(region, "aws-cn") for region in ("cn-north-1", "cn-northwest-1"))}
    found = shared_out(given, "cn-north-1", ["cn-northwest-1"], KNOWN)
    assert found["cn-northwest-1"] == {"AlarmTopic": topic("cn-northwest-1", "aws-cn")}


def test_a_list_that_is_not_of_arns_stays_whole() -> None:
    subnets = "subnet-0a1b2c3d4e5f60718,subnet-0a1b2c3d4e5f60719"
    assert shares(SubnetIds=subnets) == ({"SubnetIds": subnets}, {})


def test_an_emptied_parameter_is_emptied_in_every_region() -> None:
    assert shares(AlarmTopic="") == ({"AlarmTopic": ""}, {"AlarmTopic": ""})


def test_an_arn_that_no_stack_takes_is_refused() -> None:
    with pytest.raises(StackError, match="no stack in sa-east-1 takes it"):
        shares(AlarmTopic=topic("sa-east-1"))
    signing = f"arn:aws:lambda:{FAR}:123456789012:code-signing-config:csc-1"
    with pytest.raises(StackError, match=f"no stack in {FAR} takes it: give ARNs of {HOME}"):
        shares(CodeSigningConfig=signing)


def test_two_arns_of_one_region_are_refused() -> None:
    with pytest.raises(StackError, match=f"names two ARNs of {HOME}"):
        shares(AlarmTopic=f"{topic(HOME)},{topic(HOME)}2")
