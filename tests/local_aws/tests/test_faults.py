"""Faults of calls: before the effect, after it, of any service."""

from __future__ import annotations

import pytest
from botocore import xform_name

from local_aws.client import LocalAws, LocalAwsError
from local_aws.tests.conftest import image, instance, refused


def test_a_fault_before_the_call_has_no_effect(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    aws.faults({"call": "CreateImage", "code": "RequestLimitExceeded", "message": "slow down", "status": 503})
    with refused("RequestLimitExceeded", "slow down"):
        ec2.create_image(InstanceId=builder, Name="web-2")
    assert [i["Name"] for i in ec2.describe_images(Owners=["self"])["Images"]] == ["base"]
    ec2.create_image(InstanceId=builder, Name="web-2")


def test_a_fault_after_the_call_leaves_its_effect(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    aws.faults({"call": "CreateImage", "code": "InternalError", "status": 500, "when": "after"})
    with refused("InternalError"):
        ec2.create_image(InstanceId=builder, Name="web-2")
    assert {i["Name"] for i in ec2.describe_images(Owners=["self"])["Images"]} == {"base", "web-2"}
    with refused("InvalidAMIName.Duplicate"):
        ec2.create_image(InstanceId=builder, Name="web-2")


def test_a_fault_applies_in_its_region_only(aws: LocalAws) -> None:
    source = image(aws)
    aws.faults({"call": "CopyImage", "region": "eu-west-1", "code": "ResourceLimitExceeded", "times": -1})
    call = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "web-1"}
    for _ in range(2):
        with refused("ResourceLimitExceeded"):
            aws.client("ec2", "eu-west-1").copy_image(**call)
    aws.client("ec2", "ap-southeast-2").copy_image(**call)
    (report,) = aws.faults_report()
    assert (report["struck"], report["left"]) == (2, -1)


def test_an_sdk_retries_a_throttled_call_until_it_passes(aws: LocalAws) -> None:
    aws.faults({"call": "DescribeImages", "code": "RequestLimitExceeded", "status": 503, "times": 2})
    aws.client("ec2", retries=True).describe_images(Owners=["self"])
    calls = [(e["action"], e["status"], e["error"]) for e in aws.journal(kind="call")]
    assert calls == [("DescribeImages", 503, "RequestLimitExceeded")] * 2 + [("DescribeImages", 200, None)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_calls_of_json_services_fail_alike(aws: LocalAws, when: str) -> None:
    aws.faults({"call": "PutParameter", "code": "ThrottlingException", "when": when})
    ssm = aws.client("ssm")
    name = f"/fault/{when}"
    with refused("ThrottlingException"):
        ssm.put_parameter(Name=name, Value="1", Type="String")
    names = [p["Name"] for p in ssm.get_parameters_by_path(Path="/fault")["Parameters"]]
    assert (name in names) is (when == "after")


def test_a_call_is_journalled_with_what_it_asked_and_made(aws: LocalAws) -> None:
    builder = instance(aws)
    made = aws.client("ec2").create_image(InstanceId=builder, Name="web-2")["ImageId"]
    (call,) = [e for e in aws.journal(kind="call") if e["action"] == "CreateImage"]
    assert call["request"] == {"InstanceId": builder, "Name": "web-2"}
    assert call["made"] == {"imageId": made}
    assert (call["service"], call["region"], call["status"], call["who"]) == ("ec2", "us-east-1", 200, "-")


def test_a_fault_of_any_call_applies_to_the_first(aws: LocalAws) -> None:
    aws.faults({"call": "*", "code": "InternalError", "region": "eu-west-1"})
    aws.client("ec2").describe_images(Owners=["self"])
    with refused("InternalError"):
        aws.client("ssm", "eu-west-1").get_parameters(Names=["/fault"])
    aws.client("ec2", "eu-west-1").describe_images(Owners=["self"])


def test_a_wrong_rule_is_refused_and_the_old_ones_stay(aws: LocalAws) -> None:
    aws.faults({"call": "CopyImage", "code": "X"})
    with pytest.raises(LocalAwsError, match="unknown field"):
        aws.faults({"call": "CopyImage", "code": "X", "colour": "red"})
    assert len(aws.faults_report()) == 1
    aws.faults()
    assert aws.faults_report() == []


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("ec2", "DescribeInstances"),
        ("autoscaling", "DescribeAutoScalingGroups"),
        ("ssm", "GetParametersByPath"),
    ],
)
def test_an_answer_can_name_the_same_next_page_for_ever(aws: LocalAws, service: str, action: str) -> None:
    aws.faults({"page": action, "times": -1})
    client, more = aws.client(service), {"Path": "/"} if service == "ssm" else {}
    call = getattr(client, xform_name(action))
    first = call(**more)
    again = call(**more, NextToken=first["NextToken"])
    assert first["NextToken"] == again["NextToken"]
    aws.faults()
    assert "NextToken" not in call(**more)
