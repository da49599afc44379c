"""CreateTags on many resources at once."""

from __future__ import annotations

import time
from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, instance, refused

GONE = "ami-0123456789abcdef0"
TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


def images(aws: LocalAws, count: int) -> list[str]:
    return aws.seed(images=[{"region": "us-east-1", "name": f"web-{n}"} for n in range(count)])["images"]


def tagged_now(ec2: Any) -> int:
    wanted = [{"Name": "tag:a", "Values": ["1"]}, {"Name": "tag:b", "Values": ["2"]}]
    return len(ec2.describe_images(Owners=["self"], Filters=wanted)["Images"])


def test_a_thousand_images_are_tagged_in_one_quick_call(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), images(aws, 1000)
    began = time.monotonic()
    ec2.create_tags(Resources=made, Tags=TAGS)
    assert time.monotonic() - began < 1
    assert tagged_now(ec2) == 1000


def test_one_unknown_id_fails_the_whole_call(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), images(aws, 10)
    with refused("InvalidAMIID.NotFound", GONE):
        ec2.create_tags(Resources=[*made, GONE], Tags=TAGS)
    assert tagged_now(ec2) == 0


def test_more_than_a_thousand_resources_are_refused(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), images(aws, 1001)
    with refused("InvalidParameterValue", "1000"):
        ec2.create_tags(Resources=made, Tags=TAGS)
    assert tagged_now(ec2) == 0


def test_each_kind_of_resource_must_be_there(aws: LocalAws) -> None:
    ec2, machine = aws.client("ec2"), instance(aws)
    for one, code in (
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("amiur-0123456789abcdef0", "InvalidImageUsageReportId.NotFound"),
    ):
        with refused(code, one):
            ec2.create_tags(Resources=[machine, one], Tags=TAGS)
    (found,) = ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"]
    assert found.get("Tags", []) == []


def test_an_instance_just_launched_can_be_tagged(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    machines = ec2.run_instances(ImageId=made, InstanceType="t4g.small", MinCount=2, MaxCount=2)["Instances"]
    ec2.create_tags(Resources=[one["InstanceId"] for one in machines], Tags=TAGS)
