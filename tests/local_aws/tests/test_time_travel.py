"""Time travel: everything in EC2 becomes days older."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws.client import LocalAws, LocalAwsError
from local_aws.tests.conftest import image, instance, refused, tagged


def test_images_become_older_with_all_their_times(aws: LocalAws) -> None:
    made = image(
        aws,
        region="eu-west-1",
        name="web-20260310T101112Z",
        created="2026-03-10T10:11:12Z",
        deprecated="2026-05-20T10:11:00Z",
        launched="2026-03-12T00:00:01Z",
    )
    plain = image(aws, name="web-2", created="2026-03-10T10:11:12Z")
    aws.days_pass(10)
    (found,) = aws.client("ec2", "eu-west-1").describe_images(ImageIds=[made])["Images"]
    assert found["Name"] == "web-20260310T101112Z"
    assert found["CreationDate"] == "2026-02-28T10:11:12.000Z"
    assert found["DeprecationTime"] == "2026-05-10T10:11:00.000Z"
    assert found["LastLaunchedTime"] == "2026-03-02T00:00:01Z"
    (other,) = aws.client("ec2").describe_images(ImageIds=[plain])["Images"]
    assert other["CreationDate"] == "2026-02-28T10:11:12.000Z"
    assert "DeprecationTime" not in other and "LastLaunchedTime" not in other


def test_snapshots_instances_and_templates_become_older(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = instance(aws)
    aws.seed(launch_templates=[{"region": "us-east-1", "name": "fleet", "versions": ["ami-0123abcd"]}])
    was = _times(ec2, made)
    aws.days_pass(3.5)
    assert {name: was[name] - at for name, at in _times(ec2, made).items()} == dict.fromkeys(
        was, timedelta(days=3.5)
    )


def test_the_times_in_kilns_tags_become_older(aws: LocalAws) -> None:
    tags = {
        "kiln:unused-since": "2026-03-10T10:11:12Z",
        "kiln:disabled-at": "2026-03-10T10:11:12.345+02:00",
        "kiln:version": "2026-03-10T10:11:12Z",
        "kiln:stage": "released",
        "Name": "2026-03-10T10:11:12Z",
    }
    ec2, made = aws.client("ec2"), image(aws, tags=tags)
    machine = instance(aws, image=made, tags={"kiln:deadline": "2026-03-10T10:11:12Z"})
    aws.days_pass(10)
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    (snapshot,) = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    aged = {
        **tags,
        "kiln:unused-since": "2026-02-28T10:11:12Z",
        "kiln:disabled-at": "2026-02-28T10:11:12.345+02:00",
    }
    assert (_tags(found), _tags(snapshot)) == (aged, aged)
    there = ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]
    assert _tags(there) == {"kiln:deadline": "2026-02-28T10:11:12Z"}


def test_a_protection_that_cools_down_ends(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    ec2.enable_image_deregistration_protection(ImageId=made, WithCooldown=True)
    answer = ec2.disable_image_deregistration_protection(ImageId=made)["Return"]
    aws.days_pass(0.5)
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    until = datetime.fromisoformat(found["DeregistrationProtection"].removeprefix("disabled-after-"))
    assert datetime.fromisoformat(answer.removeprefix("disabled-after-")) - until == timedelta(days=0.5)
    with refused("OperationNotPermitted"):
        ec2.deregister_image(ImageId=made)
    aws.days_pass(0.6)
    assert ec2.describe_images(ImageIds=[made])["Images"][0]["DeregistrationProtection"] == "disabled"
    ec2.deregister_image(ImageId=made)


def test_what_lies_in_the_recycle_bin_is_gone_at_last(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws, tags={"recycle-bin-days": "7"})
    ec2.deregister_image(ImageId=made)
    aws.days_pass(6)
    (lying,) = ec2.list_images_in_recycle_bin()["Images"]
    assert lying["RecycleBinExitTime"] - lying["RecycleBinEnterTime"] == timedelta(days=7)
    assert timedelta(hours=23) < lying["RecycleBinExitTime"] - datetime.now(UTC) < timedelta(days=1)
    aws.days_pass(1)
    assert ec2.list_images_in_recycle_bin()["Images"] == []


def test_only_days_can_pass(aws: LocalAws) -> None:
    for days in (0, -1):
        with pytest.raises(LocalAwsError, match="cannot pass"):
            aws.days_pass(days)


def test_nothing_is_announced(aws: LocalAws) -> None:
    instance(aws)
    aws.days_pass(100)
    assert [entry for entry in aws.journal() if entry["kind"] != "call"] == []


def test_what_is_made_after_days_have_passed_is_new(aws: LocalAws) -> None:
    ec2, builder = aws.client("ec2"), instance(aws, state="stopped")
    aws.days_pass(100)
    made = ec2.create_image(InstanceId=builder, Name="web-2", TagSpecifications=[tagged("image", a="b")])[
        "ImageId"
    ]
    aws.wait_idle()
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert datetime.now(UTC) - datetime.fromisoformat(found["CreationDate"]) < timedelta(minutes=1)


def _times(ec2: Any, machine: str) -> dict[str, datetime]:
    (template,) = ec2.describe_launch_templates()["LaunchTemplates"]
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="fleet")["LaunchTemplateVersions"]
    (volume,) = ec2.describe_volumes()["Volumes"]
    return {
        "snapshot": ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]["StartTime"],
        "instance": ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0][
            "LaunchTime"
        ],
        "template": template["CreateTime"],
        "version": version["CreateTime"],
        "volume": volume["CreateTime"],
    }


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing["Tags"]}
