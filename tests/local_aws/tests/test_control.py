"""Seeds, resets and the sample stack."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.client import LocalAws, LocalAwsError
from local_aws.tests import sample
from local_aws.tests.conftest import QUICK, image, instance, refused


def test_a_seed_is_as_given(aws: LocalAws) -> None:
    made = image(
        aws,
        region="eu-west-1",
        name="web-7",
        tags={"recipe": "web"},
        created="2026-01-02T03:04:05Z",
        state="disabled",
        architecture="x86_64",
        snapshots=3,
        size_gb=12,
        deprecated="2026-02-03T04:05:06Z",
    )
    (found,) = aws.client("ec2", "eu-west-1").describe_images(ImageIds=[made], IncludeDisabled=True)["Images"]
    assert (found["Name"], found["State"], found["Architecture"]) == ("web-7", "disabled", "x86_64")
    assert found["CreationDate"] == "2026-01-02T03:04:05.000Z"
    assert found["DeprecationTime"] == "2026-02-03T04:05:00.000Z"
    assert [m["Ebs"]["VolumeSize"] for m in found["BlockDeviceMappings"]] == [12, 12, 12]
    assert found["Tags"] == [{"Key": "recipe", "Value": "web"}]


def test_a_seeded_instance_is_in_its_state_and_place_without_an_event(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][1]
    made = instance(aws, state="running", subnet=subnet["SubnetId"], tags={"a": "b"})
    found = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    assert (found["State"]["Name"], found["SubnetId"]) == ("running", subnet["SubnetId"])
    assert found["Placement"]["AvailabilityZone"] == subnet["AvailabilityZone"]
    assert found["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [e for e in aws.journal() if e["kind"] != "call"] == []


@pytest.mark.parametrize(
    "wrong", [{"pictures": []}, {"images": [{"region": "us-east-1", "name": "x", "colour": "red"}]}]
)
def test_a_seed_of_something_unknown_is_refused(aws: LocalAws, wrong: dict[str, Any]) -> None:
    with pytest.raises(LocalAwsError, match="unknown"):
        aws.seed(**wrong)


def test_an_unknown_control_call_names_those_there_are(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="GET /_local/idle"):
        aws._get("nothing")


def test_a_reset_clears_ec2_and_keeps_functions(aws: LocalAws, stack: dict[str, str]) -> None:
    instance(aws, "eu-west-1")
    aws.faults({"call": "CopyImage", "code": "X"})
    before = aws.client("ec2").describe_images(Owners=["amazon"])["Images"]
    aws.reset()
    europe = aws.client("ec2", "eu-west-1")
    assert europe.describe_images(Owners=["self"])["Images"] == []
    assert europe.describe_instances()["Reservations"] == []
    assert aws.faults_report() == []
    assert len(aws.client("ec2").describe_images(Owners=["amazon"])["Images"]) == len(before) > 0
    assert aws.client("lambda").get_function(FunctionName="sample-worker")["Configuration"]["Handler"]


def test_a_reset_of_everything_takes_stacks_and_parameters_too() -> None:
    with LocalAws(**QUICK) as aws:
        sample.deploy(aws)
        aws.reset(everything=True)
        assert aws.client("lambda").list_functions()["Functions"] == []
        assert aws.client("ssm").get_parameters_by_path(Path="/sample/recipes")["Parameters"] == []
        assert aws.client("cloudformation").list_stacks()["StackSummaries"] == []
        name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
        assert aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-")
        sample.deploy(aws)


def test_the_stack_is_there_with_all_it_names(aws: LocalAws, stack: dict[str, str]) -> None:
    resources = aws.client("cloudformation").describe_stack_resources(StackName="sample")["StackResources"]
    types = {r["ResourceType"] for r in resources}
    assert types >= {
        "AWS::CloudWatch::Alarm",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::Schedule",
    }
    assert {r["ResourceStatus"] for r in resources} == {"CREATE_COMPLETE"}
    found = aws.client("ssm").get_parameters_by_path(Path="/sample/recipes")["Parameters"]
    assert [(p["Name"], p["Value"]) for p in found] == [("/sample/recipes/web", 'name = "web"')]
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [a["AlarmName"] for a in alarms] == ["sample-dead"]


@pytest.mark.parametrize("transform", [None, "AWS::Serverless-2016-10-31"])
def test_an_unknown_type_fails_the_stack(aws: LocalAws, transform: str | None) -> None:
    template = {"Resources": {"X": {"Type": "AWS::Nope::Thing", "Properties": {}}}}
    if transform:
        template["Transform"] = transform  # type: ignore[assignment]
    with refused("ValidationError", "AWS::Nope::Thing"):
        sample.create_stack(aws, "nope", template)


def test_a_condition_leaves_a_resource_out(aws: LocalAws) -> None:
    template = {
        "Parameters": {"With": {"Type": "String", "Default": "no"}},
        "Conditions": {"Wanted": {"Fn::Equals": [{"Ref": "With"}, "yes"]}},
        "Resources": {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "always"}},
            "Other": {
                "Type": "AWS::Events::EventBus",
                "Condition": "Wanted",
                "Properties": {"Name": "sometimes"},
            },
        },
    }
    sample.create_stack(aws, "conditional", template)
    names = {bus["Name"] for bus in aws.client("events").list_event_buses()["EventBuses"]}
    assert "always" in names
    assert "sometimes" not in names
